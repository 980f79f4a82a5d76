"""Files of the user, and results of other scans and runs, stay where they are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from metaseg import segment
from metaseg.cli.main import main
from metaseg.errors import InputError
from metaseg.files import write_whole
from metaseg.findings.manifest import MANIFEST, Manifest
from tests.cli.test_batch import AFFINE, predict
from tests.conftest import draw_head
from tests.dicom_files import save_series, series_of
from tests.findings.test_files import head_volume
from tests.volumes import save


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def picture(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), draw_head(seed=seed)[0])
    return path


def test_the_folder_of_a_scan_is_none_for_results(tmp_path, model, capsys):
    path = picture(tmp_path / "own/a.png")
    (tmp_path / "own/a_mask.png").write_bytes(b"drawn by hand")
    before = contents(tmp_path / "own")
    assert predict(path, tmp_path / "own", model) == 2
    assert "The output folder is that of a.png: use one for results alone." in (
        capsys.readouterr().err
    )
    assert contents(tmp_path / "own") == before


@pytest.mark.parametrize("name", ["a_mask.png", "a.json", "a_seg.dcm"])
def test_a_file_that_is_no_result_is_not_replaced(tmp_path, model, name):
    path = picture(tmp_path / "scans/a.png")
    output = tmp_path / "out"
    output.mkdir()
    (output / name).write_text('{"RepetitionTime": 2}')
    before = contents(output)
    with pytest.raises(InputError, match=f"^{name} is there already and no result of MetaSeg"):
        segment(path, model).save(output)
    assert contents(output) == before
    (output / name).unlink()
    for _ in range(2):  # its own may be replaced
        segment(path, model).save(output)


def test_results_of_another_scan_of_the_same_name_stay(tmp_path, model, capsys):
    first, second = (picture(tmp_path / f"p{n}/a.png", seed=n) for n in (1, 2))
    output = tmp_path / "out"
    assert predict(first, output, model) == 0
    before = contents(output)
    assert predict(second, output, model) == 2
    assert "holds results of another scan called a: use another folder" in capsys.readouterr().err
    second.write_bytes(b"no scan")
    assert predict(second, output, model) == 2
    assert contents(output) == before
    first.parent.rename(tmp_path / "moved")
    assert predict(tmp_path / "moved/a.png", output, model) == 0  # the same scan
    assert contents(output) == before


def test_two_runs_into_one_folder_keep_each_other(tmp_path):
    manifests = [Manifest(tmp_path, {}) for _ in range(2)]
    for name, manifest in zip("ab", manifests):
        manifest.add(name, "0", "done", files=[])
    assert set(json.loads((tmp_path / MANIFEST).read_text())["scans"]) == {"a", "b"}
    code = (
        "import sys; from pathlib import Path; from metaseg.findings.manifest import Manifest\n"
        "made = Manifest(Path(sys.argv[1]), {})\n"
        "for n in range(30): made.add(sys.argv[2] + str(n), '0', 'done', files=[])"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in ("c", "d")
    ]
    assert [run.wait(120) for run in runs] == [0, 0]
    assert len(json.loads((tmp_path / MANIFEST).read_text())["scans"]) == 62


def test_names_that_are_not_utf_8_end_nothing(tmp_path, model):
    folder = tmp_path / "scans"
    save_series(folder / "anna", series_of(head_volume(), AFFINE))
    for file in list((folder / "anna").iterdir())[:1]:
        file.rename(file.with_name(os.fsdecode(b"IM\xe9.dcm")))
    (folder / os.fsdecode(b"M\xfcll.png")).write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    command = ["predict", str(folder), "--model", model, "--output", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "metaseg", *command],
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert "1 of 2 done, 1 failed" in done.stdout and "M_ll.png" in done.stdout


def test_an_empty_name_is_no_folder(tmp_path, model, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, words in (("", "name of a file or folder is empty"), (".", "has no cases.csv")):
        assert main(["data", "check", name]) == 2
        assert words in capsys.readouterr().err
    result = segment(picture(tmp_path / "a.png"), model)
    with pytest.raises(InputError, match="name of a file or folder is empty"):
        result.save("")


def test_a_write_leaves_no_partial_file(tmp_path):
    write_whole(tmp_path / "a.json", b"{}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_lesions_of_a_volume_lie_where_its_table_says(tmp_path, model):
    """Slices are counted from 0 in tables and file names, on the contact sheet from 1."""
    path = save(tmp_path / "scans/v.nii.gz", head_volume(), AFFINE)
    assert predict(path, tmp_path / "out", model, "--slices", "--threshold", "0.2") == 0
    found = json.loads((tmp_path / "out/v.json").read_text())
    for lesion in found["lesions"]:
        mask = cv2.imread(str(tmp_path / f"out/v_slice{lesion['diameter_slice']:04d}_mask.png"), 0)
        assert mask.any()
