"""Which scans the paths of a user lead to, under which names."""

import gzip
import os
import threading
import zipfile
from pathlib import Path

import pytest

from metaseg.cli.predict import output_names
from metaseg.data.studies import Skipped, find_studies

NIFTI = b"\x1f\x8b and no more"
"""What names are made of is not decoded."""


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Two patients with two series of the same names each."""
    folder = tmp_path / "cohort"
    for patient in ("p1", "p2"):
        (folder / patient / "visit1").mkdir(parents=True)
        for name in ("flair.nii.gz", "t1ce.nii.gz"):
            (folder / patient / "visit1" / name).write_bytes(NIFTI)
    return folder


def write_to_pipe(path: Path) -> None:
    """A pipe that gives the beginning of a scan to whoever opens it, who would wait otherwise."""
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=(NIFTI,), daemon=True).start()


def test_equal_names_take_as_many_folders_as_it_takes(cohort: Path):
    expected = [f"{p}_visit1_{name}" for p in ("p1", "p2") for name in ("flair", "t1ce")]
    for paths in ([cohort], sorted(cohort.rglob("*.nii.gz"))):
        assert output_names(find_studies(paths)[0]) == expected
    for patient in ("p1", "p2"):
        (cohort / patient / "visit1/t1ce.nii").write_bytes(NIFTI)
    names = output_names(find_studies([cohort])[0])
    assert names[4:] == ["p2_visit1_t1ce_nii", "p2_visit1_t1ce_nii_gz"]


def test_a_link_keeps_its_own_name(tmp_path: Path):
    (tmp_path / "store").mkdir()
    for number in range(2):
        (tmp_path / f"store/{number}.nii.gz").write_bytes(NIFTI)
        (tmp_path / f"patient{number}.nii.gz").symlink_to(f"store/{number}.nii.gz")
    (tmp_path / "store/series").mkdir()
    (tmp_path / "store/series/1").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "patient2").symlink_to("store/series")
    studies, _ = find_studies(sorted(tmp_path.glob("patient*")))
    assert sorted(study.name for study in studies) == ["patient0", "patient1", "patient2"]


def test_a_scan_found_twice_counts_once(cohort: Path):
    (cohort / "p2/visit1/again.nii.gz").symlink_to(cohort / "p1/visit1/flair.nii.gz")
    (cohort / "round").symlink_to(cohort)
    studies, skipped = find_studies([cohort, cohort / "p1/visit1/flair.nii.gz"])
    assert len(studies) == 4
    assert Skipped("flair.nii.gz", "the same as p1/visit1/flair.nii.gz") in skipped
    assert Skipped("p2/visit1/again.nii.gz", "the same as p1/visit1/flair.nii.gz") in skipped


def test_linked_folders_are_followed_and_hidden_ones_left_out(cohort: Path, tmp_path: Path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store/scan.nii.gz").write_bytes(NIFTI)
    (cohort / "p1/linked").symlink_to(tmp_path / "store")
    (cohort / "p1/round").symlink_to(cohort / "p1")
    (cohort / "p2/broken.nii.gz").symlink_to("nothing")
    for hidden in (cohort / ".Trash", cohort / "p1/.ipynb_checkpoints"):
        hidden.mkdir()
        (hidden / "scan.nii.gz").write_bytes(NIFTI)
    studies, skipped = find_studies([cohort])
    assert [study.label for study in studies if "linked" in study.label] == [
        "p1/linked/scan.nii.gz"
    ]
    assert len(studies) == 5
    assert Skipped("p2/broken.nii.gz", "cannot be opened") in skipped
    assert Skipped(".Trash", "a folder of the system") in skipped


def test_office_files_and_other_gzip_files_are_no_scans(cohort: Path):
    for name in ("notes.xlsx", "scans.zip"):
        with zipfile.ZipFile(cohort / name, "w") as archive:
            archive.writestr("[Content_Types].xml" if name == "notes.xlsx" else "a.png", b"x")
    (cohort / "events.tsv.gz").write_bytes(gzip.compress(b"onset\tduration\n" * 99))
    studies, skipped = find_studies([cohort])
    assert len(studies) == 5 and any(study.label == "scans.zip" for study in studies)
    assert [one.label for one in skipped] == ["events.tsv.gz", "notes.xlsx"]


def test_a_pipe_in_a_folder_is_skipped(cohort: Path):
    write_to_pipe(cohort / "pipe")
    (cohort / "gone").symlink_to("nothing")
    studies, skipped = find_studies([cohort])
    assert len(studies) == 4
    assert skipped == [Skipped("gone", "cannot be opened"), Skipped("pipe", "not a file")]
