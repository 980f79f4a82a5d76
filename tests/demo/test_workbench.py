import re
import shutil
import zipfile
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from metaseg.demo.gallery import read_examples
from metaseg.demo.page import build_page
from metaseg.demo.render import HINT, Inputs, next_lesion, render
from metaseg.demo.store import store
from metaseg.demo.tables import metrics_table, notice_list
from metaseg.demo.workbench import Workbench
from metaseg.findings.report import find
from metaseg.models import ARCHITECTURES
from metaseg.prediction import Prediction
from metaseg.scan import Scan, read_mask, read_scan
from metaseg.scan.nifti import write_nifti
from metaseg.segmenter import Segmenter
from tests.conftest import EXAMPLES, draw_head, small_checkpoint
from tests.demo.test_batch import whole_batch

SLICE, TRUTH = str(EXAMPLES / "meningioma_axial.jpg"), str(EXAMPLES / "meningioma_axial_truth.png")


@pytest.fixture
def passes():
    return []


@pytest.fixture
def workbench(passes):
    segmenter = Segmenter([small_checkpoint(name) for name in ARCHITECTURES], device="cpu")
    for checkpoint in segmenter.checkpoints.values():
        checkpoint.network.encoder.register_forward_hook(lambda *_: passes.append(1))
    return Workbench(segmenter)


def show(workbench, **changes):
    """The page's updates by what they are for."""
    inputs = {
        "scan": SLICE,
        "truth": TRUTH,
        "model": "Both",
        "threshold": 0.5,
        "shown": "Original",
        **changes,
    }
    updates = render(workbench, Inputs(**inputs), lambda batches: batches)
    names = ["plane", "position", "marks", "next", "status", "slice", "outlines", "compare"]
    return dict(zip([*names, "figures", "explain", "results", "prepare"], updates, strict=True))


def labels(page):
    return re.findall(r"<figcaption>.*?<b>(.*?)</b>", page["outlines"])


def paths(page, model):
    """The outlines of one network, or of the truth."""
    return re.findall(rf"data-model='{model}' [^>]* d='([^']*)'", page["outlines"])


def test_moving_the_threshold_runs_no_network(workbench, passes):
    first = show(workbench)
    assert len(passes) == 2
    pages = [show(workbench, threshold=t) for t in (0.0, 0.2, 0.45, 0.55, 1.0)]
    show(workbench, shown="Enhanced")
    show(workbench, truth=None)
    show(workbench, model="Nested U-Net")
    assert len(passes) == 2
    assert paths(pages[0], "attention_unet") and not paths(pages[-1], "attention_unet")
    assert {page["slice"] for page in pages} == {first["slice"]}


def test_another_slice_runs_the_networks_again(workbench, passes):
    show(workbench)
    show(workbench, scan=str(EXAMPLES / "glioma_coronal.jpg"), truth=None)
    assert len(passes) == 4


def test_the_same_path_with_other_content_is_another_scan(workbench, tmp_path):
    path = tmp_path / "slice.jpg"
    shutil.copy(SLICE, path)
    before = workbench.open(str(path), None).scan.voxels
    shutil.copy(EXAMPLES / "glioma_coronal.jpg", path)
    assert not np.array_equal(before, workbench.open(str(path), None).scan.voxels)


def test_explaining_runs_each_network_once_more_and_only_when_asked(workbench, passes):
    assert "figure" not in show(workbench)["explain"] and len(passes) == 2
    page = show(workbench, view="Explain")
    assert page["explain"].count("<section") == 5 and len(passes) == 4
    assert show(workbench, view="Explain", threshold=0.3)["explain"] == page["explain"]
    assert "Attention U-Net attend" not in show(workbench, view="Explain", model="Nested U-Net")
    assert len(passes) == 4


def test_both_shows_four_pictures_and_both_rows(workbench):
    page = show(workbench)
    assert labels(page) == ["Slice", "Ground truth", "Attention U-Net", "Nested U-Net"]
    assert page["figures"].count("<tr>") >= 3
    assert "Agreement with the ground truth" in page["figures"]
    assert len(paths(page, "truth")) == 1
    assert page["position"]["visible"] is False and "Slice</th>" not in page["outlines"]
    assert "Only Nested U-Net" in page["compare"] and "Correct" in page["compare"]
    alone = show(workbench, truth=None, model="Nested U-Net")
    assert labels(alone) == ["Slice", "Nested U-Net"]
    assert alone["figures"] == "" and "Only" not in alone["compare"]


def test_a_bad_truth_is_told_and_the_scan_shown(workbench):
    page = show(workbench, truth=str(EXAMPLES / "nothing_to_find_truth.png"))
    assert "role='alert'" in page["status"] and "256 x 256" in page["status"]
    assert labels(page)[:2] == ["Slice", "Attention U-Net"]


def test_a_bad_scan_leaves_the_page_as_it_is(workbench, tmp_path):
    bad = tmp_path / "<b>bad.png"
    bad.write_text("no picture")
    page = show(workbench, scan=str(bad))
    assert "&lt;b&gt;bad" in page["status"] and "<b>" not in page["status"]
    kept = gr.skip()
    assert all(page[name] == kept for name in ("slice", "outlines", "compare", "figures"))
    assert show(workbench, scan=None)["status"] == HINT


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


def test_a_volume_is_segmented_once_and_stepped_through(workbench, passes, volume):
    scan, truth = volume
    first = show(workbench, scan=scan, truth=truth, threshold=0.3)
    assert len(passes) == 12, "six slices with tissue through two networks"
    assert (first["position"]["maximum"], first["position"]["value"]) == (6, 3)
    assert first["plane"]["visible"] and first["plane"]["value"] == "axial"
    assert "whole volume" in first["figures"] and "this slice" in first["figures"]
    assert first["marks"]["value"].count("<svg") == 2
    assert "Lesions in this volume" in first["outlines"] and "data-slice=" in first["outlines"]
    later = show(workbench, scan=scan, truth=truth, threshold=0.3, position=5)
    assert later["position"]["value"] == 5 and len(passes) == 12
    assert first["slice"] != later["slice"]
    turned = show(workbench, scan=scan, truth=truth, plane="coronal")
    assert turned["position"]["maximum"] == 127 and turned["plane"]["value"] == "coronal"
    # Slices 5 mm thick and pixels of 1 mm: a coronal picture is as high as seven slices are.
    assert "data-width='120' data-height='35'" in turned["outlines"]


def test_another_truth_of_a_volume_gives_other_figures(workbench, volume, tmp_path):
    scan, truth = volume
    mask = read_scan(truth)
    half = tmp_path / "half.nii.gz"
    only_late = np.where(np.arange(7)[:, None, None] > 3, mask.voxels, 0)
    write_nifti(half, only_late.astype(np.uint8), mask)
    pages = [show(workbench, scan=scan, truth=str(path), threshold=0.3) for path in (truth, half)]
    assert len({page["figures"] for page in pages}) == 2
    # The slice in view has no truth any more, but the volume has.
    assert "ground truth is empty" not in pages[1]["status"]


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
        for number, lesion in zip(reading.numbers, reading.report.lesions):
            sizes[number] += lesion.area_px
    assert list(sizes.values()) == [lesion.volume_voxels for lesion in found.report.lesions]


def test_next_lesion_goes_round(workbench, volume):
    def after(position):
        inputs = Inputs(volume[0], None, "Both", 0.3, "Original", "axial", position)
        return next_lesion(workbench, inputs)

    stops, position = [], -1
    for _ in range(20):
        position = after(position)
        stops.append(position)
    assert min(stops) in stops[1:] and set(stops) <= set(range(7))
    empty = Inputs(volume[0], None, "Both", 1.0, "Original", "axial", 2)
    assert next_lesion(workbench, empty) == 2


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
    assert not any(row.opens for row in rows), "the viewer opens files that hold one scan"


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
    assert all("contains no image" in row.failed for row in rows)
    assert set(store().root.rglob("metaseg.zip")) == before


def test_examples_are_real_files_with_fitting_truth():
    examples = read_examples()
    assert len(examples) >= 6
    empty = 0
    for example in examples:
        scan = read_scan(example.scan)
        empty += not read_mask(example.truth, scan).any()
        assert "CC BY" in example.source
    assert empty == 1 and any("etastasis" in example.title for example in examples)


def test_tables_escape_and_say_what_is_undefined():
    scan, nothing = Scan(np.zeros((1, 20, 20), np.float32)), np.zeros((1, 20, 20), bool)
    prediction = Prediction(scan.voxels, "net", "<Net>", "0" * 64, 1.0)
    assert metrics_table([find(scan, prediction, 0.5).report]) == ""
    table = metrics_table([find(scan, prediction, 0.5, truth=nothing).report])
    assert table.count("–") == 5 and "<td>&lt;Net&gt;</td>" in table
    assert notice_list(["a & b", "a & b"]) == "<p>a &amp; b</p>"


def test_what_went_wrong_with_the_models_stands_at_the_top():
    segmenter = Segmenter([small_checkpoint("unet")], device="cpu")
    page = build_page(segmenter, ["The Hub <could> not be reached."])
    texts = [part["props"].get("value") for part in page.get_config_file()["components"]]
    assert "<p>The Hub &lt;could&gt; not be reached.</p>" in texts


def test_the_same_content_is_the_same_scan_wherever_it_was_uploaded(workbench, passes, tmp_path):
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        shutil.copy(SLICE, tmp_path / folder)
        opened = workbench.open(str(tmp_path / folder / Path(SLICE).name), None)
        for threshold in (0.3, 0.5):
            workbench.segment(opened, "unet", threshold)
    assert len(passes) == 1


def test_networks_that_are_missing_run_together_and_the_others_not(workbench, passes):
    opened = workbench.open(SLICE, None)
    first = workbench.predict(opened, "unet")
    both = workbench.predict_each(opened, ["unet", "nested_unet"])
    assert both[0] is first and both[1].model == "nested_unet" and len(passes) == 2
    assert workbench.predict(opened, "nested_unet") is both[1]
