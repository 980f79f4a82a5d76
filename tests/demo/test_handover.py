"""What a visitor takes along: the zip, the report of one page, the link, the Python call."""

import csv
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest

from metaseg.demo.files import clean_name, write_report, write_zip
from metaseg.demo.handover import link_to, python_call, read_link
from metaseg.demo.one_page import Facts, one_page
from metaseg.demo.render import Inputs
from metaseg.demo.workbench import Workbench
from metaseg.findings.manifest import digest_of
from metaseg.findings.report import RESEARCH_USE, find
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


def inputs_of(scan, truth=None, model="Both", threshold=0.5, plane=None, position=None) -> Inputs:
    truth = None if truth is None else str(truth)
    return Inputs(str(scan), truth, model, threshold, "Original", plane, position)


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
    listed = {"report.html", "metaseg_manifest.json"}
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
    inputs = inputs_of(path, model="Nested U-Net", threshold=0.3, plane="axial", position=2)
    folder = unpacked(workbench, inputs, tmp_path / "out")
    for part in ("mask", "probability"):
        image = nibabel.load(folder / f"nested_unet_{part}.nii.gz")
        assert image.shape == heads.shape and np.allclose(image.affine, affine)
    with (folder / "nested_unet_lesions.csv").open() as file:
        rows = list(csv.DictReader(file))
    report = json.loads((folder / "nested_unet.json").read_text())
    assert len(rows) == len(report["lesions"]) > 0
    page = (folder / "report.html").read_text()
    assert "2 (counted from 0), axial" in page and "1.1 x 0.9 x 5 mm each" not in page
    assert "0.9 x 1.1 x 5 mm each" in page and "in the volume" in page
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
    assert page.count("data:image/png;base64,") == 4 and page.count(RESEARCH_USE) == 1
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
    report = find(
        scan, Prediction(scan.voxels, "n", "<Net>", "<r>", 1.0, ("<notice>",)), 0.5
    ).report
    volume = replace(report, slices=2, notices=("In <voxels>.", RESEARCH_USE))
    picture = [("<Net>", np.zeros((4, 4, 3), np.uint8))]
    assert one_page(facts, picture, [report]).count("&lt;notice&gt;") == 1
    # What is said of one slice alone is not true of the volume.
    page = one_page(facts, picture, [report], [volume])
    assert page.count("In &lt;voxels&gt;.") == 1 and "&lt;notice&gt;" not in page
    for raw in ("<script>", "<Net>", "<r>", "<notice>"):
        assert raw not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;$title" in page and "&amp;t" in page


def test_a_link_restores_what_it_was_made_of(workbench):
    for model, threshold in (("Both", 0.5), ("Nested U-Net", 0.07), ("Attention U-Net", 1)):
        link = link_to(workbench, SERVER, inputs_of(SLICE, model=model, threshold=threshold))
        server, _, query = link.partition("/?")
        restored = read_link(workbench, dict(pair.split("=") for pair in query.split("&")))
        assert server == SERVER and restored == (model, threshold, "")
        assert "meningioma" not in link


@pytest.mark.parametrize(
    ("query", "restored", "words"),
    [
        ({}, (None, None), ""),
        ({"__theme": "dark"}, (None, None), ""),
        ({"model": "nested_unet"}, ("Nested U-Net", 0.5), ""),
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
    call = python_call(workbench, SERVER, inputs_of(SLICE, TRUTH, "Nested U-Net", 0.3, "axial", 7))
    assert 'Client("http://127.0.0.1:7860")' in call and 'model="Nested U-Net"' in call
    assert 'ground_truth=handle_file("meningioma_axial_truth.png")' in call
    assert "threshold=0.3" in call and 'api_name="/segment"' in call
    assert "slice_index" not in call and "plane" not in call, "a picture has one slice"
    both = python_call(workbench, SERVER, inputs_of(SLICE))
    assert "model=" not in both and 'api_name="/compare"' in both and "report_2 = " in both
    assert python_call(workbench, SERVER, Inputs(None, None, "Both", 0.5, "Original")) == ""
    path = save(tmp_path / 'a "b".nii', volume_of("LPS"), affine_of("LPS"))
    volume = python_call(workbench, SERVER, inputs_of(path, plane="coronal", position=3))
    assert "slice_index=3" in volume and 'plane="coronal"' in volume
    for text in (call, both, volume):
        compile(text, "call", "exec")
