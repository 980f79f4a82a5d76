"""Volumes on the page: one run, cuts and parts; and several scans in Batch."""

import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from metaseg.demo.answer import answer
from metaseg.demo.pixels import pack_probability, write_parts
from metaseg.demo.store import store
from metaseg.scan import Scan, read_scan
from metaseg.scan.nifti import write_nifti
from tests.conftest import EXAMPLES, draw_head
from tests.demo.test_batch import whole_batch
from tests.demo.test_workbench import ask, look, unpack

SLICE, TRUTH = str(EXAMPLES / "meningioma_axial.jpg"), str(EXAMPLES / "meningioma_axial_truth.png")


@pytest.fixture
def volume(tmp_path):
    """Seven slices, a drawn head on each but the first, as NIfTI with its truth."""
    heads = [draw_head(seed=number) for number in range(7)]
    voxels = np.stack([grey for grey, _ in heads])
    voxels[0] = 0
    affine = np.diag([-1.0, -1.0, 5.0, 1.0])
    scan = Scan(voxels.astype(np.float32), "v", affine=affine, orientation=("L", "P", "S"))
    paths = tmp_path / "v.nii.gz", tmp_path / "truth.nii.gz"
    write_nifti(paths[0], scan.voxels, scan)
    write_nifti(paths[1], np.stack([mask for _, mask in heads]).astype(np.uint8), scan)
    return [str(path) for path in paths]


def test_a_volume_is_segmented_once_and_its_planes_are_cuts(workbench, passes, volume):
    scan, truth = volume
    page = ask(workbench, scan=scan, truth=truth, threshold=0.3)
    assert len(passes) == 12, "six slices with tissue through two networks"
    scene, findings = page["scene"], page["findings"]
    assert scene["shape"] == [7, 128, 120] and scene["plane"] == "axial"
    assert set(scene["codes"]) == {"axial", "coronal", "sagittal"} and scene["affine"]
    sizes = [row["last"] - row["first"] for row in findings["regions"]]
    assert len(sizes) > 0 and "slice" in findings["list"]
    for position in (0, 5):
        look(workbench, scan=scan, truth=truth, view="compare", position=position)
    assert len(passes) == 12


def test_slices_of_a_volume_come_as_they_are_ready(workbench, volume, monkeypatch):
    monkeypatch.setattr("metaseg.demo.answer.PATIENCE", 0)
    monkeypatch.setattr("metaseg.demo.answer.FEWEST", 1)
    steps = list(answer(workbench, {"id": 1, "scan": volume[0], "model": "Both"}, waited=True))
    told = [
        step["networks"]["nested_unet"]
        for step in steps
        if step.get("networks", {}).get("nested_unet")
    ]
    assert len(told) >= 3 and all(one == later[: len(one)] for one, later in pairwise(told))
    assert sorted(part["first"] for part in told[-1]) == list(range(7))
    assert steps[-2]["complete"] == ["attention_unet", "nested_unet"]
    prediction = workbench.predict(workbench.open(volume[0], None), "nested_unet")
    packed = unpack(told[-1], prediction.probability.shape)
    assert np.array_equal(packed, pack_probability(prediction.probability))


def test_a_volume_that_the_server_forgot_waits_in_its_queue_again(workbench, passes, volume):
    state = {"id": 1, "scan": volume[0], "model": "Both"}
    ask(workbench, **state)
    has = ["scene", "truth", "attention_unet", "nested_unet"]
    (known,) = answer(workbench, {**state, "has": has, "threshold": 0.4})
    assert known["findings"] and len(passes) == 12
    workbench.cache.clear()
    (waits,) = answer(workbench, {**state, "has": has, "threshold": 0.3})
    assert waits["volume"] and len(passes) == 12
    *_, last = answer(workbench, {**state, "has": has, "threshold": 0.3}, waited=True)
    assert last["findings"] and len(passes) == 24


def test_a_volume_waits_in_a_queue_of_its_own(workbench, passes, volume):
    state = {"id": 1, "scan": volume[0], "model": "Both"}
    *_, last = answer(workbench, state)
    assert last["volume"] and "findings" not in last and not passes
    ask(workbench, **state)
    *_, last = answer(workbench, {**state, "has": ["scene", "truth"]})
    assert last["findings"] and "volume" not in last, "what is known needs no queue"


def test_parts_of_a_volume_come_from_its_middle(monkeypatch):
    monkeypatch.setattr("metaseg.demo.pixels.PART_VOXELS", 40)
    voxels = np.arange(7 * 4 * 5, dtype=np.uint8).reshape(7, 4, 5)
    parts = write_parts(voxels)
    assert [(part["first"], part["depth"]) for part in parts] == [(2, 2), (4, 2), (0, 2), (6, 1)]
    assert np.array_equal(unpack(parts, voxels.shape), voxels)


def test_another_truth_of_a_volume_gives_other_figures(workbench, volume, tmp_path):
    scan, truth = volume
    mask = read_scan(truth)
    half = tmp_path / "half.nii.gz"
    only_late = np.where(np.arange(7)[:, None, None] > 3, mask.voxels, 0)
    write_nifti(half, only_late.astype(np.uint8), mask)
    pages = [ask(workbench, scan=scan, truth=str(path), threshold=0.3) for path in (truth, half)]
    assert len({page["findings"]["metrics"] for page in pages}) == 2
    assert "ground truth is empty" not in pages[1]["findings"]["notices"]


def test_parts_of_a_lesion_bear_its_number(workbench, volume):
    opened = workbench.open(volume[0], None)
    found = workbench.find_in_volume(opened, "unet", 0.3)
    for lesion in found.report.lesions[:20]:
        reading = workbench.read(opened, "unet", 0.3, lesion.diameter_slice)
        assert lesion.number in reading.numbers
        parts = sum(lesion.number == number for number in reading.numbers)
        assert parts >= 1 and len(reading.numbers) == len(reading.outlines)
    # All voxels of a number are those of its lesion.
    sizes = dict.fromkeys(range(1, len(found.report.lesions) + 1), 0)
    for index in range(len(opened.scan.voxels)):
        reading = workbench.read(opened, "unet", 0.3, index)
        parts = workbench.segment(opened, "unet", 0.3, index).report.lesions
        for number, lesion in zip(reading.numbers, parts):
            sizes[number] += lesion.area_px
    assert list(sizes.values()) == [lesion.volume_voxels for lesion in found.report.lesions]


def test_a_batch_goes_on_past_a_bad_scan(workbench, volume, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    rows, path = whole_batch(workbench, [str(bad), SLICE, volume[0]], ["unet", "nested_unet"])
    assert [bool(row.failed) for row in rows] == [True, False, False]
    assert "bad.png is not an image" in rows[0].failed and rows[0].opens is None
    assert [row.opens for row in rows[1:]] == [SLICE, volume[0]]
    assert all(row.result and max(row.picture.shape) == 96 for row in rows[1:])
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    assert "002/002_unet_mask.png" in names and "003/003_unet_mask.nii.gz" in names
    assert whole_batch(workbench, [str(bad)], ["unet"])[1] is None


def test_a_zip_of_slices_is_a_batch_of_its_own(workbench, tmp_path):
    path = tmp_path / "slices.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("meningioma_axial.jpg", "glioblastoma_axial.png"):
            archive.write(EXAMPLES / name, f"study/{name}")
        archive.writestr("study/notes.txt", "no picture")
        archive.writestr("study/cut.jpg", Path(SLICE).read_bytes()[:3000])
    rows, zipped = whole_batch(workbench, [str(path)], ["unet"])
    assert [row.scan for row in rows] == [
        "slices.zip: cut.jpg",
        "slices.zip: glioblastoma_axial.png",
        "slices.zip: meningioma_axial.jpg",
    ]
    assert [bool(row.failed) for row in rows] == [True, False, False]
    assert "cut.jpg is damaged" in rows[0].failed and zipped
    assert [(row.opens, row.series) for row in rows] == [
        (None, None),
        (str(path), 2),
        (str(path), 3),
    ]


def test_a_zip_without_an_image_is_a_row_and_leaves_no_file(workbench, tmp_path):
    paths = [tmp_path / "letters.zip", tmp_path / "damaged.zip"]
    for path, content in zip(paths, (b"Dear colleague", b"\0" * 128 + b"DICM" + b"cut")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a", content)
            archive.writestr("b", content)
    before = set(store().root.rglob("metaseg.zip"))
    names = [str(path) for path in paths]
    rows, zipped = whole_batch(workbench, names, ["unet"])
    assert [row.scan for row in rows] == [path.name for path in paths] and zipped is None
    assert "contains no image" in rows[0].failed and "without pixel data" in rows[1].failed
    assert set(store().root.rglob("metaseg.zip")) == before
