"""A full or a read-only disk at every place that writes: one sentence, exit status 2, no half file,
and the same command finishes once there is space."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

import train
from metaseg.checkpoint import load_checkpoint, save_checkpoint
from metaseg.cli.main import main
from metaseg.findings.manifest import MANIFEST
from tests.conftest import EXAMPLES, small_checkpoint, write_data_folder
from tests.faults.disk import Disk
from tests.findings.test_files import head_volume
from tests.training.tiny import TINY
from tests.volumes import affine_of, save

FULL = "the disk is full: free some space, and try again."
READ_ONLY = "the disk is read-only: choose another folder, and try again."
SPACE = [
    0,
    *(pytest.param(size, marks=pytest.mark.slow) for size in (4096, 20_000, 60_000, 400_000)),
]
"""Bytes that are left, so that the disk is full now at the first file, now at a later one."""


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "small"
    checkpoint = small_checkpoint("unet")
    save_checkpoint(folder, checkpoint.config, checkpoint.network.state_dict())
    return folder


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> Path:
    """A volume and a slice."""
    folder = tmp_path_factory.mktemp("scans")
    save(folder / "a.nii.gz", head_volume(), affine_of("LPS", (0.9, 0.9, 4.0)))
    shutil.copy(EXAMPLES / "meningioma_axial.jpg", folder / "b.jpg")
    return folder


def sentences(capsys) -> list[str]:
    """What our programs say on standard error, without the progress bars."""
    text = capsys.readouterr().err
    assert "Traceback" not in text, text
    return re.findall(r"(?:metaseg|train\.py): .*", text)


def half_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if ".partial" in path.name]


@pytest.mark.parametrize("space", SPACE)
def test_predict_on_a_full_disk(disk: Disk, scans, model, capsys, space):
    output = disk.folder / "out"
    command = ["predict", str(scans), "--model", str(model), "--output", str(output)]
    disk.fill(space)
    assert main(command) == 2
    assert sentences(capsys) == [f"metaseg: The results could not be written, because {FULL}"]
    assert not half_files(disk.folder)
    disk.free()
    assert main(command) == 0
    done = json.loads((output / MANIFEST).read_text())["scans"]
    assert {entry["status"] for entry in done.values()} == {"done"} and set(done) == {"a", "b"}
    files = [output / name for entry in done.values() for name in entry["files"]]
    assert len(files) > 8 and all(file.stat().st_size for file in files)


def commands(data: Path, model: Path, scan: Path, folder: Path) -> dict[str, list[str]]:
    """Every command that writes, with its place in ``folder``."""
    output = ["--output", str(folder / "out")]
    return {
        "predict": ["predict", str(scan), "--model", str(model), *output],
        "evaluate": ["evaluate", str(data), "--split", "test", "--model", str(model), *output],
        "record": [
            "evaluate", str(data), "--split", "test", "--model", str(folder / "small"), "--record",
            "--output", str(folder.parent / "figures"),
        ],
        "calibrate": ["calibrate", str(folder / "small"), "--data", str(data)],
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["predict", "evaluate", "record", "calibrate"])
@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_every_command_that_writes(
    disk: Disk, scans, model, tmp_path, capsys, monkeypatch, name, fault
):
    monkeypatch.setattr("metaseg.synthesis.strange.OF_A_KIND", 8)
    data = write_data_folder(tmp_path / "heads")
    shutil.copytree(model, disk.folder / "small")
    (disk.folder / "out").mkdir()
    command = commands(data, model, scans / "b.jpg", disk.folder)[name]
    before = load_checkpoint(disk.folder / "small").config
    disk.fill(0)
    if fault == "read-only":
        disk.make_read_only()
    assert main(command) == 2
    reason = FULL if fault == "full" else READ_ONLY
    assert sentences(capsys) == [f"metaseg: The results could not be written, because {reason}"]
    assert load_checkpoint(disk.folder / "small").config == before
    if fault == "read-only":
        disk.make_read_only(False)
    disk.free()
    assert not half_files(disk.folder)
    assert main(command) == 0


def train_tiny(monkeypatch, data: Path, output: Path, *more: str) -> int:
    arguments = ["--model", "unet", "--data", str(data), "--output", str(output), *more]
    for name in ("encoder", "size", "batch_size", "ema_decay", "validation_share"):
        arguments += [f"--{name.replace('_', '-')}", str(getattr(TINY, name))]
    arguments += ["--epochs", "2", "--decoder-channels", *map(str, TINY.decoder_channels)]
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    return train.main()


@pytest.mark.slow
@pytest.mark.parametrize("space", [0, 200_000, 700_000, 1_400_000, 2_200_000])
def test_training_on_a_full_disk(disk: Disk, tmp_path, monkeypatch, capsys, space):
    data = write_data_folder(tmp_path / "heads")
    disk.fill(space)
    assert train_tiny(monkeypatch, data, disk.folder / "run") == 2
    assert sentences(capsys)[-1] == f"train.py: The results could not be written, because {FULL}"
    assert not half_files(disk.folder)
    folder = disk.folder / "run" / "unet"
    if (folder / "config.json").is_file():
        load_checkpoint(folder)
    disk.free()
    assert train_tiny(monkeypatch, data, disk.folder / "run", "--resume") == 0
    assert len(json.loads((folder / "curves.json").read_text())) == 2
    load_checkpoint(folder)


@pytest.mark.slow
def test_training_on_a_read_only_disk(disk: Disk, tmp_path, monkeypatch, capsys):
    data = write_data_folder(tmp_path / "heads")
    (disk.folder / "run").mkdir()
    disk.make_read_only()
    assert train_tiny(monkeypatch, data, disk.folder / "run") == 2
    assert sentences(capsys) == [f"train.py: The results could not be written, because {READ_ONLY}"]
