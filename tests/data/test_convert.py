"""Data folders from files of the same shape as the publishers', written here."""

import csv
import os
import shutil
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis.extra.numpy import arrays

from metaseg.cli.main import main
from metaseg.data import convert as converting
from metaseg.data.cases import read_cases
from metaseg.data.dataset import write_dataset
from metaseg.data.figshare import to_eight_bit
from metaseg.data.layouts import read_published
from metaseg.data.splits import Listed
from tests.conftest import DRAWN
from tests.volumes import affine_of, save

FIGSHARE = [
    Listed(1, "meningioma-00", "train", "axial"),
    Listed(12, "glioma-03", "test", "coronal"),
    Listed(305, "pituitary-07", "train", "sagittal"),
]
LGG = [Listed(number, "TCGA_CS_4941", "train", "") for number in (2, 10)]
LGG += [Listed(1, "TCGA_DU_5849", "test", "")]
SHAPE = 40, 32
MASK = np.zeros(SHAPE, np.uint8)
MASK[10:20, 5:9] = 1


@pytest.fixture(autouse=True)
def short_lists(monkeypatch):
    lists = {"t1ce_slices": FIGSHARE, "flair_slices": LGG}
    monkeypatch.setattr(converting, "read_split", lists.__getitem__)


def grey_levels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-20, 9000, SHAPE).astype(np.int16)


def write_mat(path: Path, label: int, image: np.ndarray, mask: np.ndarray = MASK) -> None:
    """As MATLAB's ``save -v7.3`` writes the publisher's structure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        data = file.create_group("cjdata")
        data["image"] = image.T
        data["tumorMask"] = mask.T
        data["label"] = np.array([[float(label)]])
        data["PID"] = np.array([[ord(letter)] for letter in "100360"], np.uint16)
        data["tumorBorder"] = np.zeros((1, 12))


@pytest.fixture
def figshare(tmp_path: Path) -> Path:
    folder = tmp_path / "1512427"
    for one, label in zip(FIGSHARE, (1, 2, 3)):
        part = "brainTumorDataPublic_1-766" if one.number < 100 else "rest"
        write_mat(folder / part / f"{one.number}.mat", label, grey_levels(one.number))
    write_mat(folder / "rest" / "306.mat", 3, grey_levels(306))  # not in the list
    (folder / "cvind.mat").write_bytes(b"the publisher's folds")
    return folder


@pytest.fixture
def lgg(tmp_path: Path) -> Path:
    folder = tmp_path / "archive" / "kaggle_3m"
    for patient, numbers in (("TCGA_CS_4941_19960909", (2, 10, 11)), ("TCGA_DU_5849_1995", (1,))):
        (folder / patient).mkdir(parents=True)
        for number in numbers:
            flair = (grey_levels(number) % 256).astype(np.uint8)
            picture = np.stack([flair // 2, flair, flair // 3], -1)
            tifffile.imwrite(folder / patient / f"{patient}_{number}.tif", picture)
            tifffile.imwrite(folder / patient / f"{patient}_{number}_mask.tif", MASK * 255)
    shutil.copytree(folder, tmp_path / "archive" / "lgg-mri-segmentation" / "kaggle_3m")
    return tmp_path / "archive"


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    affine = affine_of("LPS")
    for name in ("ann/visit1", "ann/visit2", "ben", "cid/one/t1", "cid/two/t1"):
        end = "_seg" if name == "ben" else "_mask"
        volume = np.random.default_rng(0).integers(0, 900, (20, 24, 5)).astype(np.int16)
        save(folder / f"{name}.nii.gz", volume, affine)
        save(folder / f"{name}{end}.nii.gz", (volume > 800).astype(np.uint8), affine)
    write_dataset(folder, DRAWN)
    return folder


def run(kind: str, source: Path, *more: str) -> int:
    return main(["data", "convert", kind, str(source), str(source.parent / "made"), *more])


def nothing_is_left(source: Path) -> bool:
    return not [path for path in source.parent.iterdir() if "made" in path.name]


def test_figshare(figshare: Path, capsys):
    assert run("figshare", figshare) == 0
    assert "3 cases of 3 groups" in capsys.readouterr().out
    made = figshare.parent / "made"
    cases = read_cases(made)
    assert [(case.name, case.group, case.split) for case in cases] == [
        ("0001", "meningioma-00", "train"),
        ("0012", "glioma-03", "test"),
        ("0305", "pituitary-07", "train"),
    ]
    assert cases[0].dataset == read_published("figshare")
    rows = list(csv.DictReader((made / "cases.csv").open()))
    assert [row["plane"] for row in rows] == ["axial", "coronal", "sagittal"]
    written = cv2.imread(str(cases[0].image), cv2.IMREAD_UNCHANGED)
    image = grey_levels(1).astype(float)
    expected = np.rint(255 * (image - image.min()) / (image.max() - image.min()))
    np.testing.assert_array_equal(written, expected)
    mask = cv2.imread(str(cases[0].mask), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mask, MASK * 255)
    assert main(["data", "check", str(made)]) == 0
    out = capsys.readouterr().out
    assert "modality: t1ce" in out and "pixels of 0.49 mm" in out


def test_kaggle_lgg(lgg: Path):
    assert run("kaggle-lgg", lgg) == 0
    cases = read_cases(lgg.parent / "made")
    assert [case.name for case in cases] == [
        "TCGA_CS_4941_002",
        "TCGA_CS_4941_010",
        "TCGA_DU_5849_001",
    ]
    assert [case.split for case in cases] == ["train", "train", "test"]
    assert cases[0].dataset.modality == "flair"
    written = cv2.imread(str(cases[1].image), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written, grey_levels(10) % 256)
    mask = cv2.imread(str(cases[1].mask), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mask, MASK * 255)


def test_nifti(volumes: Path, capsys):
    for end in ("", "_mask"):  # names as other programs write them
        path = volumes / f"ann/visit2{end}.nii.gz"
        path.rename(path.with_name(f"visit2.nii.reg{end}.NII.GZ"))
    assert run("nifti", volumes) == 0
    assert "counts as a patient" not in capsys.readouterr().out
    cases = read_cases(volumes.parent / "made")
    assert [(case.name, case.group) for case in cases] == [
        ("ann_visit1", "ann"),
        ("ann_visit2.nii.reg", "ann"),
        ("ben", "ben"),
        ("cid_one_t1", "cid"),
        ("cid_two_t1", "cid"),
    ]
    assert cases[0].dataset == DRAWN
    assert cases[0].image.read_bytes() == (volumes / "ann/visit1.nii.gz").read_bytes()
    assert main(["data", "check", str(volumes.parent / "made")]) == 0


def test_nifti_faults_come_at_once(volumes: Path, capsys):
    (volumes / "dataset.toml").unlink()
    (volumes / "ben_seg.nii.gz").unlink()
    shutil.copy(volumes / "ann/visit1_mask.nii.gz", volumes / "ann/visit3_mask.nii.gz")
    assert run("nifti", volumes) == 2
    said = capsys.readouterr().err
    assert "scans has no dataset.toml: use --modality" in said
    assert "ben.nii.gz has no ben_mask.nii.gz: add it, or remove the scan." in said
    assert "visit3_mask.nii.gz has no visit3.nii.gz: add it, or remove the mask." in said
    (volumes / "ann/visit3_mask.nii.gz").unlink()
    labels = np.arange(20 * 24 * 5).reshape(20, 24, 5) % 4
    save(volumes / "ben_seg.nii.gz", labels.astype(np.uint8), affine_of("LPS"))
    (volumes / "ann/visit2.nii.gz").write_bytes(b"\x1f\x8bnothing")
    assert run("nifti", volumes, "--modality", "t2") == 2
    said = capsys.readouterr().err
    assert "ben: The ground truth ben_seg.nii.gz has grey values" in said
    assert "ann_visit2: visit2.nii.gz is damaged" in said
    assert nothing_is_left(volumes) and str(volumes.parent) not in said


def test_a_name_that_is_not_utf_8(volumes: Path, capsys):
    (volumes / "cid").rename(volumes / os.fsdecode(b"cid\xfc"))
    assert run("nifti", volumes) == 2
    said = capsys.readouterr().err
    assert "The name cid__one_t1 is not UTF-8: rename the file or folder." in said
    assert nothing_is_left(volumes)


def test_the_split_is_told_and_what_is_empty(volumes: Path, monkeypatch, capsys):
    note = "note: no case is in the split {}: choose patients for it in cases.csv"
    for split, other in (("train", "test"), ("test", "train")):
        monkeypatch.setattr(converting, "split_of", lambda group, split=split: split)
        assert run("nifti", volumes) == 0
        made = volumes.parent / "made"
        assert main(["data", "check", str(made)]) == 0
        out = capsys.readouterr().out
        assert out.count(f"  {split}: 5 cases of 3 groups") == 2
        assert out.count(note.format(other)) == 2 and note.format(split) not in out
        shutil.rmtree(made)


def test_a_data_folder_that_cannot_be_made(volumes: Path, capsys):
    for folder in (volumes / "ben.nii.gz" / "z", Path("/proc/z")):
        assert main(["data", "convert", "nifti", str(volumes), str(folder)]) == 2
        assert f"{folder} cannot be created: choose another." in capsys.readouterr().err


def test_wrong_mat_files_are_listed_and_nothing_is_left(figshare: Path, capsys):
    part = figshare / "brainTumorDataPublic_1-766"
    (part / "1.mat").write_bytes(b"MATLAB 5.0 MAT-file, Platform: PCWIN")
    write_mat(part / "12.mat", 3, grey_levels(12))
    write_mat(figshare / "rest/305.mat", 3, grey_levels(305), MASK[:-1])
    assert run("figshare", figshare) == 2
    lines = capsys.readouterr().err.removeprefix("metaseg: ").splitlines()
    assert lines == [
        "1.mat is not a MATLAB v7.3 file with cjdata/image, tumorMask and label: download it "
        "again.",
        "12.mat shows pituitary where the publisher's file of this number shows glioma: keep the "
        "publisher's file names.",
        "305.mat has an image and a mask of different sizes: download it again.",
    ]
    assert nothing_is_left(figshare)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("image", np.ones(SHAPE[::-1]), "of the wrong type"),
        ("tumorMask", MASK.T * 7, "of the wrong type"),
        ("label", np.array([[np.nan]]), "shows no known tumour"),
        ("label", np.array([[1.0, 2.0]]), "shows no known tumour"),
        ("image", "text", "of different size"),
        ("image", np.zeros((0, 0), np.int16), "of different size"),
    ],
)
def test_a_file_of_another_kind(figshare: Path, capsys, name, value, said):
    with h5py.File(figshare / "brainTumorDataPublic_1-766/1.mat", "a") as file:
        del file["cjdata"][name]
        file["cjdata"][name] = value
    assert run("figshare", figshare) == 2
    error = capsys.readouterr().err
    assert error.startswith("metaseg: 1.mat ") and said in error
    assert nothing_is_left(figshare)


def test_an_incomplete_download(figshare: Path, lgg: Path, tmp_path: Path, capsys):
    (figshare / "rest/305.mat").unlink()
    assert run("figshare", figshare) == 2
    assert "1512427 lacks 1 files of the data set, 305.mat: download" in capsys.readouterr().err
    assert run("kaggle-lgg", figshare) == 2
    said = capsys.readouterr().err
    assert "lacks 3 files of the data set, slice 2 of TCGA_CS_4941, slice 10" in said
    assert run("nifti", lgg, "--modality", "t1") == 2
    assert "contains no NAME.nii.gz with a NAME_mask.nii.gz" in capsys.readouterr().err
    assert run("figshare", tmp_path / "gone") == 2
    assert "There is no folder gone" in capsys.readouterr().err


def test_two_files_of_a_name_that_differ(figshare: Path, capsys):
    write_mat(figshare / "other/1.mat", 1, grey_levels(99))
    assert run("figshare", figshare) == 2
    assert "1.mat appears twice with different content" in capsys.readouterr().err


def test_a_folder_that_is_there_is_left_alone(figshare: Path, capsys):
    (figshare.parent / "made").mkdir()
    assert run("figshare", figshare) == 2
    assert "made already exists" in capsys.readouterr().err


def test_after_a_run_that_was_killed_it_starts_again(figshare: Path, monkeypatch):
    left = figshare.parent / ".made.partial/images"
    left.mkdir(parents=True)
    (left / "junk.png").write_bytes(b"half")
    assert run("figshare", figshare) == 0
    made = figshare.parent / "made"
    assert not left.exists() and len(list((made / "images").iterdir())) == 3
    shutil.rmtree(made)

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(converting, "write_dataset", stopped)
    assert run("figshare", figshare) == 130
    assert nothing_is_left(figshare)


@given(arrays(np.int16, (4, 5)))
def test_eight_bits_span_the_slice(image: np.ndarray):
    grey = to_eight_bit(image)
    assert grey.dtype == np.uint8 and grey.min() == 0
    assert grey.max() == (255 if np.ptp(image.astype(int)) else 0)
    order = np.argsort(image, axis=None, kind="stable")
    assert (np.diff(grey.flat[order].astype(int)) >= 0).all()
