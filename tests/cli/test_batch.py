"""A folder of studies at once: bad ones are told, and a stopped run goes on."""

import json
import shutil

import cv2
import numpy as np
import pytest

from metaseg.cli.main import main
from metaseg.findings.manifest import MANIFEST
from metaseg.segmenter import Segmenter
from metaseg.version import __version__, git_commit
from tests.conftest import draw_head
from tests.dicom_files import save_series, series_of
from tests.findings.test_files import head_volume
from tests.volumes import affine_of, save

AFFINE = affine_of("LPS", (0.9, 0.9, 4.0))


@pytest.fixture
def studies(tmp_path):
    """A DICOM series, the same zipped, a NIfTI, a picture, a broken one and a letter."""
    folder = tmp_path / "studies"
    save_series(folder / "anna", series_of(head_volume(), AFFINE))
    shutil.make_archive(str(folder / "berta"), "zip", folder / "anna")
    save(folder / "clara.nii.gz", head_volume(), AFFINE)
    cv2.imwrite(str(folder / "dora.png"), draw_head()[0])
    (folder / "emil").mkdir()
    (folder / "emil" / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM and no more")
    (folder / "readme.txt").write_text("a letter")
    return folder


def predict(folder, output, model, *options) -> int:
    return main(["predict", str(folder), "--model", model, "--output", str(output), *options])


def count_runs(monkeypatch) -> list:
    runs, original = [], Segmenter.predict
    monkeypatch.setattr(
        Segmenter,
        "predict",
        lambda self, scan, *rest: runs.append(scan.name) or original(self, scan, *rest),
    )
    return runs


def test_a_folder_of_studies(studies, tmp_path, model, capsys, monkeypatch):
    runs = count_runs(monkeypatch)
    output = tmp_path / "out"
    assert predict(studies, output, model) == 2
    assert runs == ["anna", "berta", "clara", "dora"]
    out, err = capsys.readouterr()
    assert "4 of 5 done, 1 failed, 1 skipped." in out
    for label in ("anna (8 DICOM files)", "berta.zip", "clara.nii.gz", "dora.png"):
        assert f"{label} " in out
    assert "emil (1 DICOM file)" in out
    (line,) = [line for line in out.splitlines() if line.startswith("readme.txt")]
    assert line.split(maxsplit=2)[1:] == ["skipped", "not an image that MetaSeg reads"]
    assert "metaseg: emil" in err
    assert str(tmp_path) not in out
    for name in ("anna", "berta"):
        assert (output / f"{name}_seg.dcm").is_file()
    content = json.loads((output / MANIFEST).read_text())
    assert content["run"]["revision"] and content["versions"]["torch"]
    assert content["metaseg"] == __version__ and content["commit"] == git_commit()
    assert content["scans"]["emil"]["status"] == "failed"
    assert content["scans"]["dora"]["source"] == "dora.png"
    assert content["skipped"] == {"readme.txt": "not an image that MetaSeg reads"}
    assert len(content["scans"]["anna"]["input_sha256"]) == 64
    masks = [(output / f"{name}_mask.nii.gz").read_bytes() for name in ("anna", "clara")]
    assert len(masks[0]) and len(masks[1])
    assert str(tmp_path) not in (output / MANIFEST).read_text()

    # Again: only what failed is tried, and what was mended is done.
    runs.clear()
    shutil.rmtree(studies / "emil")
    shutil.copytree(studies / "anna", studies / "emil")
    assert predict(studies, output, model) == 0
    assert runs == ["emil"]
    assert "done before" in capsys.readouterr().out

    # Another option, another input or a lost file: done again.
    runs.clear()
    (output / "clara_lesions.csv").unlink()
    cv2.imwrite(str(studies / "dora.png"), draw_head(seed=3)[0])
    assert predict(studies, output, model) == 0
    assert runs == ["clara", "dora"]
    runs.clear()
    assert predict(studies, output, model, "--threshold", "0.3") == 0
    assert len(runs) == 5


def test_a_folder_that_mixes_pictures_and_dicom_loses_none(tmp_path, model, capsys):
    folder = tmp_path / "in"
    save_series(folder, series_of(head_volume(1), AFFINE))
    for name in ("a.png", "a.bmp", "b.jpg", "more/c.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / name), draw_head()[0])
    (folder / "empty.png").touch()
    (folder / "letter.pdf").write_bytes(b"%PDF-1.7")
    (folder / ".DS_Store").write_bytes(b"x")
    assert predict(folder, tmp_path / "out", model) == 0
    out, _ = capsys.readouterr()
    rows = {line[:30].split("  ")[0]: line for line in out.splitlines()}
    for label in ("in (1 DICOM file)", "a.png", "a.bmp", "b.jpg", "more/c.png"):
        assert " done " in rows[label], label
    for label, reason in (
        ("empty.png", "empty"),
        ("letter.pdf", "not an image that MetaSeg reads"),
        (".DS_Store", "a file of the system"),
    ):
        assert rows[label].endswith(reason) and " skipped " in rows[label]
    assert out.splitlines()[-1] == "5 of 5 done, 0 failed, 3 skipped."
    results = {path.name for path in (tmp_path / "out").glob("*_mask.*")}
    names = ["in", "in_a_bmp", "in_a_png", "b", "c"]
    assert results == {f"{name}_mask.png" for name in names}
    assert (tmp_path / "out/in_seg.dcm").is_file()


def test_folders_of_pictures_and_of_one_volume(tmp_path, model, capsys):
    cohort = tmp_path / "cohort"
    for patient in ("p1", "p2"):
        save(cohort / patient / "t1.nii.gz", head_volume(2), AFFINE)
    (cohort / "p2" / "notes.txt").write_text("a letter")
    (cohort / "pictures").mkdir()
    (cohort / "nothing").mkdir()
    for name in ("x.png", "y.png"):
        cv2.imwrite(str(cohort / "pictures" / name), draw_head()[0])
    assert predict(cohort, tmp_path / "out", model) == 0
    out, _ = capsys.readouterr()
    assert "4 of 4 done, 0 failed, 2 skipped." in out and "an empty folder" in out
    assert "p1/t1.nii.gz" in out and "pictures/x.png" in out
    reports = {path.stem for path in (tmp_path / "out").glob("*.json")}
    assert reports == {"p1", "p2", "x", "y", "metaseg_manifest"}


def test_one_series_given_as_a_folder(studies, tmp_path, model, capsys):
    assert predict(studies / "anna", tmp_path / "out", model, "--plane", "coronal") == 0
    report = json.loads((tmp_path / "out" / "anna.json").read_text())
    assert report["plane"] == "coronal"
    assert capsys.readouterr().out == ""


def test_ignored_spacing_is_said(studies, tmp_path, model):
    path = studies / "clara.nii.gz"
    options = ("--ignore-spacing", "--min-lesion-mm3", "2")
    assert predict(path, tmp_path / "out", model, *options) == 0
    report = json.loads((tmp_path / "out" / "clara.json").read_text())
    assert report["spacing_mm"] is report["min_lesion_mm3"] is None
    assert report["min_lesion_voxels"] == 2
    assert any("pixels and voxels" in notice for notice in report["notices"])


def test_several_series_and_a_choice(tmp_path, model, capsys):
    study = tmp_path / "study"
    save_series(study / "a", series_of(head_volume(), AFFINE, "T1 post"))
    save_series(study / "b", series_of(head_volume() // 2, AFFINE, "FLAIR"))
    folder = tmp_path / "all"
    folder.mkdir()
    shutil.move(study, folder / "study")
    assert predict(folder, tmp_path / "out", model) == 2
    assert "contains 2 series" in capsys.readouterr().err
    assert predict(folder, tmp_path / "out", model, "--series", "T1") == 0


def test_a_folder_without_scans(tmp_path, model, capsys):
    (tmp_path / "empty").mkdir()
    assert predict(tmp_path / "empty", tmp_path / "out", model) == 2
    assert "empty contains no scan" in capsys.readouterr().err
    assert predict(tmp_path / "gone.nii", tmp_path / "out", model) == 2
    assert "gone.nii cannot be opened" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["-1", "nan", "inf"])
def test_smallest_lesion_of_no_size(tmp_path, model, size, capsys):
    picture = tmp_path / "a.png"
    cv2.imwrite(str(picture), np.zeros((40, 40), np.uint8))
    assert predict(picture, tmp_path / "out", model, f"--min-lesion-mm3={size}") == 2
    assert "0 mm3 or more" in capsys.readouterr().err


def test_nothing_of_an_earlier_input_stays_beside_its_successor(tmp_path, model, capsys):
    path, output = tmp_path / "x.nii.gz", tmp_path / "out"
    save(path, head_volume(), AFFINE)
    assert predict(path, output, model, "--slices") == 0
    assert list(output.glob("x_slice*"))
    save(path, head_volume()[:, :, ::-1], AFFINE)
    assert predict(path, output, model) == 0
    found = json.loads((output / MANIFEST).read_text())["scans"]["x"]["files"]
    assert {path.name for path in output.iterdir()} == {*found, MANIFEST}
    path.write_bytes(b"no scan")
    assert predict(path, output, model) == 2
    assert {path.name for path in output.iterdir()} == {MANIFEST}, "the input is another"


def test_an_input_that_fails_this_time_keeps_its_results(tmp_path, model, monkeypatch):
    path, output = tmp_path / "x.nii.gz", tmp_path / "out"
    save(path, head_volume(), AFFINE)
    assert predict(path, output, model) == 0
    before = {file.name for file in output.iterdir()}

    def fail(*args):
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(Segmenter, "predict", fail)
        assert predict(path, output, model, "--threshold", "0.9") == 2
    assert {file.name for file in output.iterdir()} == before
    assert predict(path, output, model, "--threshold", "0.9") == 0


def test_results_among_the_scans_are_refused(studies, model, capsys):
    assert predict(studies, studies / "results", model) == 2
    assert "The output folder lies in studies" in capsys.readouterr().err
    assert not (studies / "results").exists()


def test_other_settings_of_a_network_are_another_run(tmp_path, model, monkeypatch):
    path, output = tmp_path / "x.nii.gz", tmp_path / "out"
    save(path, head_volume(), AFFINE)
    runs = count_runs(monkeypatch)
    changed = str(shutil.copytree(model, tmp_path / "small"))
    for _ in range(2):
        assert predict(path, output, changed, "--threshold", "0.3") == 0
    assert len(runs) == 1
    config = tmp_path / "small" / "config.json"
    config.write_text(config.read_text().replace('"temperature": 1.0', '"temperature": 4.0'))
    assert predict(path, output, changed, "--threshold", "0.3") == 0
    assert len(runs) == 2


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--workers", "0", "0 is not a number of processes: use 1 or more."),
        ("--threshold", "half", "half is not a threshold: use a number from 0 to 1, or sensitive."),
    ],
)
def test_an_option_that_is_no_number_is_told(tmp_path, capsys, option, value, words):
    with pytest.raises(SystemExit):
        main(["predict", "x.png", "--output", str(tmp_path), option, value])
    assert words in capsys.readouterr().err
