"""What a visitor takes along, as Chromium gets it."""

import csv
import io
import json
import zipfile

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from metaseg.findings.manifest import digest_of
from metaseg.hub.resolve import load_models
from tests.conftest import EXAMPLES
from tests.demo.browser import SLICE, TRUTH, give, needs_chromium, open_page, set_threshold
from tests.findings.test_paper_figure import texts

pytestmark = [needs_chromium, pytest.mark.slow]


@pytest.fixture
def linked(browser, server) -> Page:
    """The page, opened by a link, with a slice."""
    page = open_page(browser, f"{server}?model=nested_unet&threshold=0.4")
    give(page, SLICE)
    yield page
    page.close()


def test_a_link_restores_model_and_threshold(linked, server):
    page = linked
    expect(page.locator("#model").get_by_label("Nested U-Net")).to_be_checked()
    expect(page.locator("#threshold-number")).to_have_value("0.4")
    page.evaluate(
        """Object.defineProperty(navigator, "clipboard", {
            value: { writeText: async (text) => { window.copied = text; } },
        })"""
    )
    page.locator("#model").get_by_label("Both").check()
    set_threshold(page, "0.25")
    page.locator("#link").click()
    expect(page.locator("#link")).to_have_text("Copied")
    link = page.evaluate("window.copied")
    assert link == f"{server}?model=both&threshold=0.25"
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    page.locator("#link").press("Enter")
    expect(page.locator("#link")).to_have_text("Copied")
    expect(page.locator("#link")).to_be_focused()
    expect(page.locator("#link-trouble")).to_be_hidden()
    page.goto(link)
    expect(page.locator("#verdict")).not_to_be_empty()
    expect(page.locator("#threshold-number")).to_have_value("0.25")
    expect(page.locator("#model").get_by_label("Both")).to_be_checked()


def test_a_bad_link_is_a_sentence(browser, server):
    page = open_page(browser, f"{server}?model=<img src=x>&threshold=9")
    expect(page.locator("#link-trouble")).to_contain_text('There is no model "<img src=x>"')
    expect(page.locator("#link-trouble")).to_contain_text("The threshold 9 is outside 0 to 1")
    own = [checkpoint.config.threshold for checkpoint in load_models()]
    assert min(own) - 0.01 < float(page.locator("#threshold-number").input_value()) <= max(own)
    expect(page.locator("#model").get_by_label("Both")).to_be_checked()
    page.close()


def test_the_download_and_the_call_agree_with_the_page(linked, monkeypatch):
    page = linked
    page.set_input_files("#ground-truth input[type=file]", TRUTH)
    expect(page.locator("#figures")).to_contain_text("Agreement with the ground truth")
    with page.expect_download() as download:
        page.locator("#take-zip").click()
    assert download.value.suggested_filename == "metaseg_meningioma_axial.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert set(files) == {
        "original/meningioma_axial.jpg",
        "ground_truth/meningioma_axial_truth.png",
        "nested_unet_mask.png",
        "nested_unet_overlay.png",
        "nested_unet_lesions.csv",
        "nested_unet.json",
        "metaseg_manifest.json",
        "report.html",
    }
    assert files["original/meningioma_axial.jpg"] == SLICE.read_bytes()
    mask = decoded(files["nested_unet_mask.png"])
    assert mask.shape == (512, 512) and set(np.unique(mask)) == {0, 255}
    report = json.loads(files["nested_unet.json"])
    areas = [lesion["area_px"] for lesion in report["lesions"]]
    rows = list(csv.DictReader(io.StringIO(files["nested_unet_lesions.csv"].decode())))
    assert [int(row["area_px"]) for row in rows] == areas and sum(areas) == (mask > 0).sum()
    assert f"{report['metrics']['dice']:.2f}" in page.locator("#figures").inner_text()
    (entry,) = json.loads(files["metaseg_manifest.json"])["scans"].values()
    assert entry["input_sha256"] == digest_of(SLICE) and entry["run"]["threshold"] == 0.4

    page.locator("#python summary").click()
    expect(page.locator("#code")).to_contain_text("ground_truth")
    page.locator("#code").press("ArrowRight")
    page.wait_for_function("document.querySelector('#code').scrollLeft > 0")
    monkeypatch.chdir(EXAMPLES)
    found = {}
    exec(page.locator("#code").inner_text(), found)
    assert np.array_equal(cv2.imread(found["mask"], cv2.IMREAD_UNCHANGED), mask)
    assert found["report"]["lesions"] == report["lesions"]
    assert found["report"]["metrics"] == report["metrics"]


def test_the_report_opens_and_prints_on_one_page(linked):
    page = linked
    page.locator("#model").get_by_label("Both").check()
    with page.context.expect_page() as opened:
        page.locator("#take-report").click()
    report = opened.value
    report.wait_for_load_state()
    expect(report.locator(".research")).to_contain_text("not for diagnosis")
    expect(report.locator("figure img")).to_have_count(4)
    expect(report.locator(".networks tr")).to_have_count(2)
    assert report.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
    assert (
        report.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    )
    assert report.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 1
    report.close()
    readable = "address => fetch(address).then(() => true, () => false)"
    assert page.evaluate(readable, report.url)
    page.route("**/results/**", lambda route: route.abort())
    page.locator("#take-report").click()
    expect(page.locator("#notice")).to_contain_text("The report did not arrive")
    page.unroute("**/results/**")
    page.locator("#clear").click()
    assert not page.evaluate(readable, report.url), "a scan that is removed leaves no report"


def decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def test_the_figure_has_the_panels_that_were_chosen(linked):
    page = linked
    page.set_input_files("#ground-truth input[type=file]", TRUTH)
    expect(page.locator("#figures")).to_contain_text("Agreement with the ground truth")
    page.locator("#more-takes summary").click()
    panels = page.locator("#figure-panels label")
    expect(panels).to_have_text(["Image", "Ground truth", "Nested U-Net", "Together"])
    expect(page.locator("#figure-panels :checked")).to_have_count(3)
    for name in ("Image", "Ground truth", "Nested U-Net"):
        panels.filter(has_text=name).click()
    expect(page.locator("#take-figure-svg")).to_be_disabled()
    for name in ("Image", "Ground truth", "Together"):
        panels.filter(has_text=name).click()
    with page.expect_download() as download:
        page.locator("#take-figure-svg").click()
    assert download.value.suggested_filename == "meningioma_axial.svg"
    words = texts(download.value.path())
    assert words.count("Together") == 1 and words.count("Image") == 1
    assert words.count("Nested U-Net") == 1, "in the legend alone"
