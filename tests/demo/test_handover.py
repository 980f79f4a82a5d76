"""What a visitor takes along: the zip, the report of one page, the link, the Python call."""

import csv
import json
import zipfile
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest

from metaseg.demo.files import clean_name, write_report, write_zip
from metaseg.demo.handover import python_call, read_link
from metaseg.demo.one_page import Facts, one_page, slice_text
from metaseg.demo.render import Inputs
from metaseg.demo.result import result_of
from metaseg.demo.workbench import Workbench
from metaseg.findings.manifest import digest_of
from metaseg.findings.matching import match_regions
from metaseg.findings.report import RESEARCH_USE, find
from metaseg.findings.review import Review, Strokes, read_review
from metaseg.metrics import Counts
from metaseg.prediction import Prediction
from metaseg.scan import Scan, read_mask, read_scan
from tests.conftest import EXAMPLES, draw_head
from tests.dicom_files import save_series, series_of
from tests.volumes import affine_of, save, volume_of

SLICE, TRUTH = EXAMPLES / "meningioma_axial.jpg", EXAMPLES / "meningioma_axial_truth.png"
SERVER = "http://127.0.0.1:7860"


@pytest.fixture
def workbench(small_segmenter) -> Workbench:
    return Workbench(small_segmenter)


def inputs_of(scan, truth=None, model="Both", threshold=0.5, position=None) -> Inputs:
    truth = None if truth is None else str(truth)
    return Inputs(str(scan), truth, model, threshold, position)


def unpacked(workbench, inputs, folder: Path) -> Path:
    """The folder into which the zip for ``inputs`` is unpacked."""
    with zipfile.ZipFile(write_zip(workbench, inputs)) as archive:
        archive.extractall(folder)
    return folder


def test_the_zip_of_a_slice_holds_everything_and_agrees_with_itself(workbench, tmp_path):
    folder = unpacked(workbench, inputs_of(SLICE, TRUTH, threshold=0.45), tmp_path)
    assert (folder / "original/meningioma_axial.jpg").read_bytes() == SLICE.read_bytes()
    assert (folder / "ground_truth" / TRUTH.name).read_bytes() == TRUTH.read_bytes()
    manifest = json.loads((folder / "metaseg_manifest.json").read_text())
    assert set(manifest["scans"]) == {"attention_unet", "nested_unet"}
    assert manifest["run"]["threshold"] == 0.45
    truth = read_mask(TRUTH, read_scan(SLICE))[0]
    listed = {"report.html", "metaseg_manifest.json", "regions.csv"}
    for name, entry in manifest["scans"].items():
        listed |= set(entry["files"])
        assert entry["input_sha256"] == digest_of(SLICE) and entry["revision"] == "0" * 64
        mask = cv2.imread(str(folder / f"{name}_mask.png"), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (512, 512) and set(np.unique(mask)) <= {0, 255}
        report = json.loads((folder / f"{name}.json").read_text())
        assert report["metrics"]["dice"] == pytest.approx(Counts.of(mask > 0, truth).dice)
        with (folder / f"{name}_lesions.csv").open() as file:
            rows = list(csv.DictReader(file))
        areas = [lesion["area_px"] for lesion in report["lesions"]]
        assert [int(row["area_px"]) for row in rows] == areas
        assert sum(areas) == np.count_nonzero(mask) and entry["lesions"] == len(areas)
        if rows:
            assert float(rows[0]["centroid_row"]) == pytest.approx(
                report["lesions"][0]["centroid"][0], abs=1e-3
            )
            assert rows[0]["area_mm2"] == ""
    assert listed == {path.name for path in folder.iterdir() if path.is_file()}


def test_the_zip_of_a_volume_has_the_grid_of_the_source(workbench, tmp_path):
    heads = np.stack([draw_head(seed=number)[0] for number in range(4)], axis=-1)
    affine = np.diag([0.9, 1.1, 5.0, 1.0])
    path = tmp_path / "v.nii.gz"
    nibabel.save(nibabel.Nifti1Image(heads.astype(np.int16), affine), path)
    inputs = inputs_of(path, model="Nested U-Net", threshold=0.3, position=2)
    folder = unpacked(workbench, inputs, tmp_path / "out")
    for part in ("mask", "probability"):
        image = nibabel.load(folder / f"nested_unet_{part}.nii.gz")
        assert image.shape == heads.shape and np.allclose(image.affine, affine)
    with (folder / "nested_unet_lesions.csv").open() as file:
        rows = list(csv.DictReader(file))
    report = json.loads((folder / "nested_unet.json").read_text())
    assert len(rows) == len(report["lesions"]) > 0
    page = (folder / "report.html").read_text()
    largest = report["lesions"][0]["diameter_slice"]
    assert f"slice {largest + 1} of 4, axial, z = {largest * 5} mm" in page
    assert "0.9 x 1.1 x 5 mm each" in page and "1.1 x 0.9 x 5 mm each" not in page
    for number, lesion in enumerate(report["lesions"], start=1):
        assert f"Region {number}, slice {lesion['diameter_slice'] + 1}, " in page, "its own slice"
    assert not list(folder.glob("*.dcm")) and (folder / "original/v.nii.gz").is_file()


def test_what_comes_from_dicom_gives_a_dicom_seg(workbench, tmp_path):
    series = save_series(tmp_path / "series", series_of(volume_of("LPS"), affine_of("LPS")))
    packed = tmp_path / "series.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in Path(series).iterdir():
            archive.write(file, file.name)
    inputs = inputs_of(packed, model="Attention U-Net", threshold=0.0)
    folder = unpacked(workbench, inputs, tmp_path / "out")
    assert (folder / "attention_unet_seg.dcm").is_file()
    assert (folder / "original/series.zip").read_bytes() == packed.read_bytes()


def test_a_truth_that_does_not_fit_is_left_out(workbench, tmp_path):
    wrong = EXAMPLES / "nothing_to_find_truth.png"
    folder = unpacked(workbench, inputs_of(SLICE, wrong), tmp_path)
    assert not (folder / "ground_truth").exists()
    assert json.loads((folder / "nested_unet.json").read_text())["metrics"] is None


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("/tmp/gradio/ab12/scan 1.nii.gz", "scan 1.nii.gz"),
        ("..\\..\\evil.png", "evil.png"),
        ("/tmp/..", "scan"),
        ("a<b>:\"c'|?*.png", "a_b___c____.png"),
        ("Schädel.png", "Schädel.png"),
        ("x" * 300 + ".png", "x" * 96 + ".png"),
    ],
)
def test_names_in_the_zip_are_harmless(name, cleaned):
    assert clean_name(name) == cleaned


def test_the_report_says_what_was_found_by_what(workbench):
    page = write_report(workbench, inputs_of(SLICE, TRUTH, threshold=0.45))
    rows = result_of(workbench, inputs_of(SLICE, TRUTH, threshold=0.45)).regions.rows
    assert page.count("data:image/png;base64,") == 4 + len(rows) > 4
    assert page.count(RESEARCH_USE) == 1 and ">Dice<" in page and ">F1<" not in page
    for words in (
        digest_of(SLICE),
        "revision " + "0" * 64,
        "threshold 0.45",
        "512 x 512 pixels",
        "Agreement with the ground truth",
        "Attention U-Net",
        "Nested U-Net",
        f"{datetime.now(UTC):%Y-%m-%d}",
        "@page { size: A4",
    ):
        assert words in unescape(page), words
    assert "http" not in page and "src='/" not in page, "it needs no other file"


def test_the_report_escapes_what_a_visitor_wrote(workbench):
    scan = Scan(np.zeros((1, 20, 20), np.float32), "n")
    facts = Facts("<script>alert(1)</script>$title", "0", "&t", scan, 0, datetime.now(UTC))
    network = Prediction(scan.voxels, "n", "<Net>", "<r>", 1.0, ("<notice>",))
    found = find(scan, network, 0.5)
    regions = match_regions(scan, [network], [found])
    picture = [("<Net>", np.zeros((4, 4, 3), np.uint8))]
    page = one_page(facts, [found.report, found.report], regions, picture, [])
    assert page.count("&lt;notice&gt;") == 1
    for raw in ("<script>", "<Net>", "<r>", "<notice>"):
        assert raw not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;$title" in page and "&amp;t" in page


def test_no_height_is_less_than_nothing():
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    affine[2, 3] = -3.4
    scan = Scan(np.zeros((2, 4, 4), np.float32), affine=affine)
    assert slice_text(1, scan) == "slice 2 of 2, axial, z = 0 mm"
    assert slice_text(0, scan).endswith("z = −3 mm")


def reviewed_of(workbench, inputs) -> tuple[Review, list]:
    """A review that rejects the first region and paints a square, and the regions before it."""
    rows = result_of(workbench, inputs).regions.rows
    shape = workbench.open(inputs.scan, None).scan.voxels.shape
    painted = Strokes(0, tuple((row * shape[2] + 3, 4) for row in range(3, 7)))
    return Review(shape, rejected=(rows[0].peak,), painted=(painted,)), rows


def test_everything_follows_a_review_and_the_prediction_is_kept(workbench, tmp_path):
    inputs = inputs_of(SLICE, TRUTH, threshold=0.45)
    review, rows = reviewed_of(workbench, inputs)
    with zipfile.ZipFile(write_zip(workbench, inputs, review)) as archive:
        archive.extractall(tmp_path)
    assert read_review((tmp_path / "review.json").read_text()) == review
    manifest = json.loads((tmp_path / "metaseg_manifest.json").read_text())
    before = unpacked(workbench, inputs, tmp_path / "unreviewed")
    for name, entry in manifest["scans"].items():
        assert entry["reviewed"] and entry["review"]["painted_voxels"] == 16
        assert [lesion["number"] for lesion in entry["review"]["rejected"]] == [1]
        masks = [
            cv2.imread(str(tmp_path / folder / f"{name}_mask.png"), 0) > 0
            for folder in (".", "before_review", "unreviewed")
        ]
        np.testing.assert_array_equal(masks[1], masks[2])
        assert masks[0][3:7, 3:7].all() and not masks[0][rows[0].peak[1:]]
        report = json.loads((tmp_path / f"{name}.json").read_text())
        assert report["reviewed"] and entry["lesions"] == len(report["lesions"])
        assert sum(x["volume_voxels"] for x in report["lesions"]) == masks[0].sum()
        unreviewed = json.loads((tmp_path / f"before_review/{name}.json").read_text())
        assert unreviewed == json.loads((before / f"{name}.json").read_text())
        assert f"before_review/{name}_mask.png" in entry["files"]
    page = (tmp_path / "report.html").read_text()
    assert "Reviewed: 1 region rejected, outlines changed on 1 slice." in page
    assert "drawn by the reviewer" in page
    with (tmp_path / "regions.csv").open() as file:
        drawn = [row for row in csv.DictReader(file) if row["volume_voxels"] == "16"]
    assert [row["agreement"] for row in drawn] == [""], "no network saw what a person drew"
    assert [row["outlined_nested_unet"] for row in drawn] == ["0"]


@pytest.mark.parametrize(
    ("query", "restored", "words"),
    [
        ({}, (None, None), ""),
        ({"__theme": "dark"}, (None, None), ""),
        ({"model": "nested_unet", "threshold": "0.07"}, ("nested_unet", 0.07), ""),
        ({"model": "Nested U-Net"}, ("nested_unet", None), ""),
        ({"model": "ResNet", "threshold": "0.3"}, (None, 0.3), 'no model "ResNet"'),
        ({"model": "BOTH", "threshold": "7"}, ("Both", None), "7 is outside 0 to 1"),
        ({"threshold": "half"}, (None, None), "must be a number from 0 to 1"),
        ({"threshold": "nan"}, (None, None), "outside 0 to 1"),
        ({"threshold": ""}, (None, None), "must be a number from 0 to 1"),
    ],
)
def test_a_bad_link_is_a_sentence_and_changes_nothing(workbench, query, restored, words):
    model, threshold, faults = read_link(workbench, query)
    assert (model, threshold) == restored
    assert words in faults and bool(faults) == bool(words)


def test_the_python_call_says_what_is_on_the_page(workbench, tmp_path):
    call = python_call(workbench, SERVER, inputs_of(SLICE, TRUTH, "nested_unet", 0.3, 7))
    assert 'Client("http://127.0.0.1:7860")' in call and 'model="Nested U-Net"' in call
    assert 'ground_truth=handle_file("meningioma_axial_truth.png")' in call
    assert "threshold=0.3" in call and 'api_name="/segment"' in call
    assert "slice_index" not in call, "a picture has one slice"
    both = python_call(workbench, SERVER, inputs_of(SLICE))
    assert "model=" not in both and 'api_name="/compare"' in both and "report_2 = " in both
    assert "threshold=" not in python_call(workbench, SERVER, inputs_of(SLICE, threshold=None))
    assert python_call(workbench, SERVER, Inputs(None, None, "Both", 0.5)) == ""
    path = save(tmp_path / 'a "b".nii', volume_of("LPS"), affine_of("LPS"))
    volume = python_call(workbench, SERVER, inputs_of(path, position=3))
    assert volume.count('api_name="/segment_volume"') == 2 == volume.count("threshold=0.5")
    assert 'model="Attention U-Net"' in volume and 'model="Nested U-Net"' in volume
    for text in (call, both, volume):
        compile(text, "call", "exec")
