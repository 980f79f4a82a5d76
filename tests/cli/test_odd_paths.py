"""Paths and options that fit no scan, and what is said of those that do."""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from metaseg.cli.main import main
from metaseg.findings.manifest import MANIFEST
from metaseg.findings.report import RESEARCH_USE
from tests.cli.test_batch import AFFINE, predict
from tests.conftest import draw_head
from tests.data.test_studies import write_to_pipe
from tests.findings.test_files import head_volume
from tests.volumes import save


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "a.png"), draw_head()[0])
    return tmp_path / "a.png"


def test_notices_of_a_scan_are_told(tmp_path, model, capsys):
    voxels = np.stack([np.zeros_like(head_volume(3)), head_volume(3)], axis=-1)
    path = save(tmp_path / "still.nii.gz", voxels, AFFINE)
    assert predict(path, tmp_path / "out", model) == 0
    err = capsys.readouterr().err
    assert "still: The file contains 2 volumes: the first was read." in err
    assert "still: Slices without tissue were skipped: 3 of 3" in err
    assert RESEARCH_USE not in err


@pytest.mark.parametrize("option", ["--volume=-1", "--series=3", "--plane=sagittal"])
def test_an_option_that_does_not_apply_is_told(picture, tmp_path, model, capsys, option):
    assert predict(picture, tmp_path / "out", model, option) == 0
    name = option.partition("=")[0]
    assert f"a: The option {name} does not apply to this scan." in capsys.readouterr().err


def test_an_option_that_applies_is_not_told(tmp_path, model, capsys):
    path = save(tmp_path / "a.nii.gz", head_volume(3), AFFINE)
    shutil.make_archive(str(tmp_path / "zip"), "zip", tmp_path, "a.nii.gz")
    assert predict(path, tmp_path / "out", model, "--volume=0", "--plane=sagittal") == 0
    assert predict(tmp_path / "zip.zip", tmp_path / "out", model, "--series=1") == 0
    assert "does not apply" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.json", "a_seg.dcm", MANIFEST])
def test_a_folder_in_the_place_of_a_result(picture, tmp_path, model, capsys, name):
    output = tmp_path / "out"
    (output / name).mkdir(parents=True)
    assert predict(picture, output, model) == 2
    said = f"metaseg: {name} is a folder, where a file is to be written: rename it."
    assert said in capsys.readouterr().err
    assert (output / "a_mask.png").exists() == (name == MANIFEST)
    (output / name).rmdir()
    assert predict(picture, output, model) == 0


def test_the_current_folder_has_its_name(picture, tmp_path, model, capsys, monkeypatch):
    (tmp_path / "empty").mkdir()
    for folder, given, output, words in (
        ("empty", ".", "../out", "empty contains no scan"),
        ("empty", "..", "../out", f"lies in {tmp_path.name}, which holds the scans"),
        (".", "a.png", "", "The name of a file or folder is empty"),
        ("empty", "", "../out", "The name of a file or folder is empty"),
    ):
        monkeypatch.chdir(tmp_path / folder)
        assert main(["predict", given, "--model", model, "--output", output]) == 2
        assert words in capsys.readouterr().err


def test_a_pipe_is_no_scan(tmp_path, model, capsys):
    write_to_pipe(tmp_path / "pipe")
    assert predict(tmp_path / "pipe", tmp_path / "out", model) == 2
    assert "pipe is not a file: save it as one." in capsys.readouterr().err


def test_no_scan_takes_the_place_of_the_manifest(picture, tmp_path, model):
    output = tmp_path / "out"
    assert predict(picture.rename(tmp_path / f"{Path(MANIFEST).stem}.png"), output, model) == 0
    (scan,) = json.loads((output / MANIFEST).read_text())["scans"].values()
    assert all((output / name).is_file() and name != MANIFEST for name in scan["files"])


def test_a_name_that_is_no_utf8(picture, tmp_path, model, capsys):
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in (b"fr\xfch.png", b"sp\xe4t.png"):
        shutil.copy(picture, folder / os.fsdecode(name))
    (folder / os.fsdecode(b"letter \xfc.txt")).write_text("none")
    assert predict(folder, tmp_path / "out", model) == 0
    assert {"fr_h_mask.png", "sp_t_mask.png"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    out = capsys.readouterr().out
    assert "fr_h.png" in out and "letter _.txt" in out
