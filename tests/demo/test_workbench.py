import shutil

import numpy as np
import pytest

from metaseg.demo.gallery import read_examples
from metaseg.demo.page import HINT, _render
from metaseg.demo.tables import lesion_table, metrics_table, notice_list
from metaseg.demo.workbench import Workbench
from metaseg.errors import InputError
from metaseg.models import ARCHITECTURES
from metaseg.scan import read_mask, read_scan
from metaseg.segmenter import Segmenter
from tests.conftest import EXAMPLES, small_checkpoint

SLICE, TRUTH = str(EXAMPLES / "meningioma_axial.jpg"), str(EXAMPLES / "meningioma_axial_truth.png")


@pytest.fixture
def passes():
    return []


@pytest.fixture
def workbench(passes):
    segmenter = Segmenter([small_checkpoint(name) for name in ARCHITECTURES], device="cpu")
    for checkpoint in segmenter.checkpoints.values():
        checkpoint.network.register_forward_hook(lambda *_: passes.append(1))
    return Workbench(segmenter)


def render(workbench, scan=SLICE, truth=TRUTH, model="Both", threshold=0.5, shown="As loaded"):
    return _render(workbench, scan, truth, model, threshold, shown, None)


def test_moving_the_threshold_runs_no_network(workbench, passes):
    first = render(workbench)
    assert len(passes) == 2
    masks = []
    for threshold in (0.0, 0.2, 0.45, 0.55, 1.0):
        updates = render(workbench, threshold=threshold)
        masks.append(updates[4]["value"])
    render(workbench, shown="After CLAHE")
    render(workbench, truth=None)
    render(workbench, model="Nested U-Net")
    assert len(passes) == 2
    assert not np.array_equal(masks[0], masks[-1])
    assert first[2]["value"].shape == (512, 512, 3)


def test_another_slice_runs_the_networks_again(workbench, passes):
    render(workbench)
    render(workbench, scan=str(EXAMPLES / "glioma_coronal.jpg"), truth=None)
    assert len(passes) == 4


def test_the_same_path_with_other_content_is_another_scan(workbench, passes, tmp_path):
    path = tmp_path / "slice.jpg"
    shutil.copy(SLICE, path)
    before = workbench.load(str(path), None, None).scan.voxels
    shutil.copy(EXAMPLES / "glioma_coronal.jpg", path)
    assert not np.array_equal(before, workbench.load(str(path), None, None).scan.voxels)


def test_both_shows_four_pictures_and_both_rows(workbench):
    updates = render(workbench)
    assert [picture["label"] for picture in updates[2:6]] == [
        "Slice",
        "Ground truth",
        "Attention U-Net",
        "Nested U-Net",
    ]
    assert updates[6].count("<tr>") >= 3 and "Agreement with the ground truth" in updates[6]
    assert not np.array_equal(updates[2]["value"], updates[3]["value"])
    alone = render(workbench, truth=None, model="U-Net (baseline)")
    assert [p.get("label") for p in alone[2:6]] == ["Slice", "U-Net (baseline)", None, None]
    assert "Agreement" not in alone[6]


def test_a_bad_truth_is_told_and_the_scan_shown(workbench):
    updates = render(workbench, truth=str(EXAMPLES / "nothing_to_find_truth.png"))
    assert "role='alert'" in updates[1] and "256 x 256" in updates[1]
    assert [p.get("label") for p in updates[2:6]][:2] == ["Slice", "Attention U-Net"]


def test_a_bad_scan_leaves_the_page_as_it_is(workbench, tmp_path):
    bad = tmp_path / "<b>bad.png"
    bad.write_text("no picture")
    updates = render(workbench, scan=str(bad))
    assert "&lt;b&gt;bad" in updates[1] and "<b>" not in updates[1]
    assert all("value" not in update for update in updates[2:6])
    assert render(workbench, scan=None)[1] == HINT


def test_a_volume_offers_its_slices(workbench, tmp_path):
    from metaseg.scan.nifti import write_nifti
    from metaseg.scan.types import Scan

    slices = np.stack([read_scan(SLICE).voxels[0]] * 5)
    path = tmp_path / "v.nii.gz"
    write_nifti(path, slices, Scan(slices, "v"))
    slider = render(workbench, scan=str(path), truth=None)[0]
    assert (slider["maximum"], slider["value"], slider["visible"]) == (4, 2, True)
    with pytest.raises(InputError, match="There is no slice 5: v has 5"):
        workbench.load(str(path), None, 5)


def test_examples_are_real_files_with_fitting_truth():
    examples = read_examples()
    assert len(examples) >= 6
    empty = 0
    for example in examples:
        scan = read_scan(example.scan)
        empty += not read_mask(example.truth, scan).any()
        assert "CC BY" in example.source
    assert empty == 1 and any("etastasis" in example.title for example in examples)


def test_tables_escape_and_count():
    lesion = {
        "area_px": 12,
        "area_mm2": None,
        "diameter_px": 5.0,
        "diameter_mm": None,
        "centroid": [3.0, 4.5],
        "mean_probability": 0.8,
        "max_probability": 0.9,
    }
    report = {"model": "<Net>", "lesions": [lesion] * 15, "metrics": None}
    table = lesion_table(report)
    assert "&lt;Net&gt;: 15 lesions, 180 px in all" in table and "3 smaller ones" in table
    assert metrics_table([report]) == ""
    report["metrics"] = dict.fromkeys(("dice", "iou", "precision", "recall", "f1"))
    assert metrics_table([report]).count("undefined") == 5
    assert notice_list(["a & b", "a & b"]) == "<p>a &amp; b</p>"
