"""Published layouts, on tiny trees of the same shape."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from metaseg.cli.main import main
from metaseg.data.case import read_case
from metaseg.data.cases import cases_of_split, read_cases
from metaseg.data.dataset import write_dataset
from metaseg.data.layouts import LAYOUTS, read_layout, split_of
from metaseg.data.splits import read_split
from metaseg.errors import InputError
from tests.conftest import DRAWN
from tests.volumes import affine_of, save, volume_of

AFFINE = affine_of("LPS")
VOLUME = volume_of("LPS")
LABELS = np.zeros(VOLUME.shape, np.uint8)
LABELS[5:9, 5:9, 5:9] = 2  # oedema
LABELS[6:8, 6:8, 6:8] = 3  # enhancing
LABELS[6, 6, 6] = 1  # necrosis
CORE = (LABELS == 1) | (LABELS == 3)


def brats(root: Path, prefix: str = "BraTS-MET") -> None:
    for patient in range(1, 13):
        for visit in (0, 1):
            name = f"{prefix}-{patient:05d}-{visit:03d}"
            for kind in ("t1n", "t1c", "t2w", "t2f"):
                save(root / "Training" / name / f"{name}-{kind}.nii.gz", VOLUME, AFFINE)
            save(root / "Training" / name / f"{name}-seg.nii.gz", LABELS, AFFINE)


def ucsf(root: Path) -> None:
    for name in ("100101A", "100101B", "100102A", "100103A", "100104A"):
        folder = root / "UCSF_BrainMetastases_TRAIN" / name
        for kind in ("T1pre", "T1post", "FLAIR", "subtraction"):
            save(folder / f"{name}_{kind}.nii.gz", VOLUME, AFFINE)
        save(folder / f"{name}_seg.nii.gz", CORE.astype(np.uint8), AFFINE)


def write_picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def brainmetshare_slices(root: Path) -> None:
    release = root / "stanford_release_brainmask"
    for patient in ("Mets_005", "Mets_010"):
        for k in range(3):
            for kind in ("0", "1", "2", "3"):
                path = release / "mets_stanford_releaseMask_train" / patient / kind / f"{k}.png"
                write_picture(path, (VOLUME[:, :, k].T % 256).astype(np.uint8))
            path = release / "mets_stanford_releaseMask_train" / patient / "seg" / f"{k}.png"
            write_picture(path, (CORE[:, :, k].T * 255).astype(np.uint8))
    path = release / "mets_stanford_releaseMask_test" / "Mets_001" / "0" / "0.png"
    write_picture(path, (VOLUME[:, :, 0].T % 256).astype(np.uint8))


def brainmetshare_volumes(root: Path) -> None:
    for patient in ("Mets_005", "Mets_010"):
        for kind in ("bravo", "t1_pre", "t1_gd", "flair"):
            save(root / "train" / patient / f"{kind}.nii.gz", VOLUME, AFFINE)
        save(root / "train" / patient / "seg.nii.gz", CORE.astype(np.uint8), AFFINE)


def nnunet(root: Path, with_test: bool = True) -> None:
    root.mkdir(parents=True)
    table = {
        "channel_names": {"0": "FLAIR", "1": "T1-Gd"},
        "labels": {"background": 0, "necrosis": 1, "enhancing": [3]},
        "file_ending": ".nii.gz",
    }
    (root / "dataset.json").write_text(json.dumps(table))
    for part, names in {"Tr": ("a", "b"), "Ts": ("c",)}.items():
        for name in names:
            for channel in (0, 1):
                path = root / f"images{part}" / f"met_{name}_{channel:04d}.nii.gz"
                save(path, VOLUME + channel, AFFINE)
            if with_test or part == "Tr":
                save(root / f"labels{part}" / f"met_{name}.nii.gz", LABELS, AFFINE)


def lgg(root: Path) -> None:
    for patient in ("TCGA_CS_4941_19960909", "TCGA_DU_5849_19950405"):
        folder = root / "kaggle_3m" / patient
        folder.mkdir(parents=True)
        for k in range(1, 12):
            grey = (VOLUME[:, :, k].T % 256).astype(np.uint8)
            colour = np.stack([grey // 2, grey, grey // 3], -1)
            tifffile.imwrite(folder / f"{patient}_{k}.tif", colour, photometric="rgb")
            mask = (CORE[:, :, k].T * 255).astype(np.uint8)
            tifffile.imwrite(folder / f"{patient}_{k}_mask.tif", mask)


def test_brats_mets(tmp_path):
    brats(tmp_path)
    name, cases, remarks = read_layout(tmp_path)
    assert name == "brats-mets" and len(remarks) == 1
    assert "Pretreat-MetsToBrain-Masks has the same file names" in remarks[0]
    assert len(cases) == 24
    assert len({case.group for case in cases}) == 12
    assert {case.split for case in cases} == {"train", "test"}
    scan, truth = read_case(cases[0])
    assert cases[0].image.name.endswith("-t1c.nii.gz")
    np.testing.assert_array_equal(truth, CORE.T)
    assert scan.voxels.shape == truth.shape
    train, test = (cases_of_split([tmp_path], split) for split in ("train", "test"))
    assert not {case.group for case in train} & {case.group for case in test}


def test_pretreat_by_name(tmp_path):
    brats(tmp_path / "Pretreat-MetsToBrain-Masks")
    name, cases, _ = read_layout(tmp_path, "pretreat-metstobrain")
    assert (name, len(cases)) == ("pretreat-metstobrain", 24)


def test_ucsf(tmp_path):
    ucsf(tmp_path)
    name, cases, _ = read_layout(tmp_path)
    assert name == "ucsf-bmsr"
    assert [case.group for case in cases[:3]] == ["100101", "100101", "100102"]
    np.testing.assert_array_equal(read_case(cases[0])[1], CORE.T)


def test_brainmetshare_slices(tmp_path):
    brainmetshare_slices(tmp_path)
    name, cases, remarks = read_layout(tmp_path)
    assert name == "brainmetshare"
    assert [case.name for case in cases[:2]] == ["Mets_005_000", "Mets_005_001"]
    assert {case.group for case in cases} == {"Mets_005", "Mets_010"}
    assert "images without a mask are skipped: 1" in remarks[0]
    assert read_case(cases[0])[0].voxels.shape == (1, 24, 20)


def test_brainmetshare_volumes(tmp_path):
    brainmetshare_volumes(tmp_path)
    name, cases, _ = read_layout(tmp_path)
    assert (name, len(cases)) == ("brainmetshare", 2)
    np.testing.assert_array_equal(read_case(cases[0])[1], CORE.T)


@pytest.mark.parametrize("with_test", [True, False])
def test_nnunet(tmp_path, with_test):
    nnunet(tmp_path / "Dataset001_Mets", with_test)
    name, cases, _ = read_layout(tmp_path / "Dataset001_Mets")
    assert name == "nnunet"
    assert [case.name for case in cases] == ["met_a", "met_b", "met_c"][: 2 + with_test]
    if with_test:
        assert [case.split for case in cases] == ["train", "train", "test"]
    scan, truth = read_case(cases[0])
    np.testing.assert_array_equal(scan.voxels, VOLUME.T + 1)  # the channel with contrast
    np.testing.assert_array_equal(truth, CORE.T)


@pytest.mark.parametrize(
    ("channels", "channel", "modality"),
    [
        ({"0": "FLAIR", "1": "T1-Gd"}, 1, "t1ce"),
        ({"0": "t2f", "1": "t1n"}, 0, "flair"),
        (["T2w", "T1"], 0, "t2"),
        ({"0": "T1"}, 0, "t1"),
        ({"0": "T2 post contrast", "1": "t1ce"}, 1, "t1ce"),
        ({"0": "T1 pre-contrast", "1": "T1 post-contrast"}, 1, "t1ce"),
        ({"0": "T1 without contrast", "1": "T1c"}, 1, "t1ce"),
        ({"0": "FLAIR", "1": "T1_CE"}, 1, "t1ce"),
        ({"0": "FLAIR", "1": "CE-T1"}, 1, "t1ce"),
        ({"0": "T1 cor", "1": "T1+C"}, 1, "t1ce"),
        ({"0": "T1w", "1": "T1wCE"}, 1, "t1ce"),
        ({"0": "T1 native", "1": "FLAIR"}, 0, "t1"),
        ({"0": "T1 w/o contrast", "1": "T1Gd_nonorm"}, 1, "t1ce"),
        ({"0": "T1 wo Gd", "1": "T1 post contrast no fat sat"}, 1, "t1ce"),
    ],
)
def test_nnunet_takes_the_modality_from_its_channel(tmp_path, channels, channel, modality):
    nnunet(tmp_path / "mets")
    file = tmp_path / "mets/dataset.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "channel_names": channels}))
    case = read_cases(tmp_path / "mets")[0]
    assert case.dataset.modality == modality
    assert case.image.name == f"met_a_{channel:04d}.nii.gz"


def test_nnunet_without_a_telling_channel_needs_a_modality(tmp_path):
    nnunet(tmp_path / "mets")
    file = tmp_path / "mets/dataset.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "channel_names": {"0": "MR"}}))
    with pytest.raises(InputError, match=r"mets has no dataset\.toml: use --modality"):
        read_cases(tmp_path / "mets")
    assert read_cases(tmp_path / "mets", modality="t1")[0].dataset.modality == "t1"


def test_a_description_in_the_folder_comes_before_that_of_the_layout(tmp_path):
    lgg(tmp_path)
    assert {case.dataset.modality for case in read_cases(tmp_path)} == {"flair"}
    write_dataset(tmp_path, DRAWN)
    assert {case.dataset for case in read_cases(tmp_path)} == {DRAWN}


def test_lgg(tmp_path):
    lgg(tmp_path)
    name, cases, _ = read_layout(tmp_path)
    assert name == "kaggle-lgg"
    assert [case.name[-3:] for case in cases[8:11]] == ["9_9", "_10", "_11"]
    assert {case.group for case in cases} == {"TCGA_CS_4941", "TCGA_DU_5849"}
    listed = {one.group: one.split for one in read_split("flair_slices")}
    assert all(case.split == listed[case.group] for case in cases)
    assert listed["TCGA_DU_5849"] != split_of("TCGA_DU_5849")
    scan, truth = read_case(cases[0])
    np.testing.assert_array_equal(scan.voxels[0], VOLUME[:, :, 1].T % 256)  # FLAIR
    np.testing.assert_array_equal(truth[0], CORE[:, :, 1].T)


def test_copies_are_one_case_and_others_of_its_name_are_refused(tmp_path):
    lgg(tmp_path / "kaggle_3m")
    count = len(read_layout(tmp_path)[1])
    shutil.copytree(tmp_path / "kaggle_3m", tmp_path / "lgg-mri-segmentation" / "kaggle_3m")
    _, cases, remarks = read_layout(tmp_path)
    assert len(cases) == count and remarks == [f"copies of other cases are skipped: {count}"]
    write_image = next((tmp_path / "lgg-mri-segmentation").rglob("*_mask.tif"))
    write_image.write_bytes(write_image.read_bytes() + b"\0")
    with pytest.raises(InputError, match="has two cases with the name TCGA_"):
        read_layout(tmp_path)


def test_a_name_that_is_not_utf_8(tmp_path):
    ucsf(tmp_path)
    for path in sorted(tmp_path.rglob("100101A_*")):
        path.rename(path.with_name(path.name.replace("A_", os.fsdecode(b"\xe9_"))))
    with pytest.raises(InputError, match="The name 100101_ is not UTF-8: rename"):
        read_layout(tmp_path)


def test_unknown(tmp_path):
    with pytest.raises(InputError, match='no layout "brats": choose one of brats-mets'):
        read_cases(tmp_path, "brats")
    with pytest.raises(InputError, match=r"has no cases\.csv and no case"):
        read_cases(tmp_path)
    for name in LAYOUTS:
        with pytest.raises(InputError, match="contains no case"):
            read_cases(tmp_path, name)
    for part in ("t1c", "seg"):  # of another challenge, with another licence
        save(tmp_path / f"BraTS-GLI-00001-000/BraTS-GLI-00001-000-{part}.nii.gz", VOLUME, AFFINE)
    with pytest.raises(InputError, match=r"has no cases\.csv and no case"):
        read_cases(tmp_path)
    with pytest.raises(InputError, match="no data folder gone"):
        read_cases(tmp_path / "gone")


def test_broken_dataset_json(tmp_path):
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(InputError, match=r"dataset\.json cannot be read"):
        read_cases(tmp_path)


def test_check_says_what_it_found(tmp_path, capsys):
    ucsf(tmp_path / "ucsf")
    assert main(["data", "check", str(tmp_path / "ucsf")]) == 0
    out = capsys.readouterr().out
    assert "ucsf: UCSF-BMSR, 5 cases of 4 groups" in out
    assert "modality: t1ce; skull: removed; spacing: as in the files" in out
    assert "20 x 24 x 18 (5)" in out
    assert "90 slices, 80 of them with an empty mask" in out
    assert "No problems found." in out


def test_check_says_what_is_wrong(tmp_path, capsys):
    ucsf(tmp_path / "ucsf")
    folder = tmp_path / "ucsf" / "UCSF_BrainMetastases_TRAIN"
    (folder / "100101A" / "100101A_T1post.nii.gz").write_bytes(b"\x1f\x8bnothing")
    save(folder / "100101B" / "100101B_seg.nii.gz", LABELS[:17], AFFINE)
    (folder / "100102A" / "100102A_seg.nii.gz").unlink()
    assert main(["data", "check", str(tmp_path / "ucsf")]) == 2
    out = capsys.readouterr().out
    assert "note: images without a mask are skipped: 1" in out
    assert "problem: 100101A: 100101A_T1post.nii.gz is damaged" in out
    assert "problem: 100101B: The ground truth" in out
    assert "2 of 4 cases have a problem." in out
    assert str(tmp_path) not in out


def test_check_of_our_own_layout(tmp_path, capsys):
    (tmp_path / "cases.csv").write_text("case,group,image,mask,split\na,1,a.png,m.png,train\n")
    assert main(["data", "check", str(tmp_path)]) == 2
    assert "row 2: a.png is missing" in capsys.readouterr().err
    assert main(["data", "check", str(tmp_path / "gone")]) == 2
