"""A visitor checks and corrects what the networks outline, in Chromium."""

import csv
import io
import json
import zipfile

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import EXAMPLES
from tests.demo.browser import (
    ORANGE,
    OTHER,
    SLICE,
    TRUTH,
    carry,
    coloured,
    drawing,
    give,
    needs_chromium,
    pictures,
    save_volume,
    set_threshold,
    wait_for,
)

pytestmark = [needs_chromium, pytest.mark.slow]


def on_picture(page: Page, across: float, down: float) -> tuple[float, float]:
    """A place on the picture with the outlines, as shares of its sides."""
    box = pictures(page).last.bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def paint(page: Page, *places: tuple[float, float]) -> None:
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def everything(page: Page) -> dict[str, bytes]:
    with page.expect_download() as download:
        page.locator("#take-zip").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) > 0


def test_a_rejected_region_goes_and_comes_back(page):
    give(page, SLICE, TRUTH)
    before = coloured(page, ORANGE)
    page.locator("#regions .reject").first.dblclick()
    assert coloured(page, ORANGE) == 0 < before, "at once, before the server answers"
    expect(page.locator("#verdict")).to_contain_text("Reviewed: 1 region rejected.")
    expect(page.locator("#regions")).to_contain_text("missed")
    expect(page.locator("#figures tbody td").nth(1)).to_have_text("0.00")
    set_threshold(page, "0.4")
    expect(page.locator("#verdict")).to_contain_text("Reviewed")
    assert coloured(page, ORANGE) == 0, "the rejection follows the threshold"
    page.locator("[data-restore]").click()
    expect(page.locator("#verdict")).not_to_contain_text("Reviewed")
    page.locator("#ticks button", has_text="default").click()
    assert coloured(page, ORANGE) == pytest.approx(before, abs=20)
    page.keyboard.press("Control+z")
    expect(page.locator("#verdict")).to_contain_text("Reviewed: 1 region rejected.")
    page.keyboard.press("Control+z")
    expect(page.locator("#undo")).to_be_disabled()


def test_a_review_is_not_left_by_accident(page):
    give(page, SLICE)
    page.locator("#regions .reject").first.click()
    expect(page.locator("#verdict")).to_contain_text("Reviewed: 1 region rejected.")
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    carry(page, "paste", OTHER)
    expect(page.locator("#undo")).to_be_enabled()
    assert "The review of this one will be lost" in asked[0]
    expect(page.locator("#verdict")).to_contain_text("Reviewed: 1 region rejected.")
    page.once("dialog", lambda dialog: dialog.accept())
    carry(page, "paste", OTHER)
    wait_for(page, OTHER.name.split(".")[0])
    page.locator("#regions .reject").first.click()
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.locator("#clear").click()
    assert asked.pop() == "Remove the scan? The review of this one will be lost."
    expect(page.locator("#verdict")).to_contain_text("Reviewed: 1 region rejected.")
    carry(page, "drop", SLICE, OTHER)  # goes to Batch, and this one stays
    expect(page.locator("#batch-scans")).to_contain_text(SLICE.stem)
    page.get_by_role("tab", name="Scan").click()
    expect(page.locator("#verdict")).to_contain_text("Reviewed: 1 region rejected.")
    page.locator("#undo").click()
    expect(page.locator("#verdict")).not_to_contain_text("Reviewed")
    carry(page, "paste", SLICE)  # nothing to lose, nothing to ask
    wait_for(page, SLICE.name.split(".")[0])
    page.locator("#regions .reject").first.click()
    expect(page.locator("#verdict")).to_contain_text("Reviewed: 1 region rejected.")
    page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.evaluate("location.assign('/config')")
    expect(page.locator("#undo")).to_be_enabled()
    assert asked[1] == "beforeunload"


def test_what_is_taken_back_is_what_its_row_names(page):
    """Rejected regions are listed by size, in whichever order they were rejected."""
    give(page, EXAMPLES / "metastasis_first.jpg")
    set_threshold(page, "0.2")
    rejected = page.locator("#rejected li")
    page.locator("#regions .reject").nth(1).click()
    expect(rejected).to_have_count(1)
    smaller = rejected.locator("s").inner_text()
    page.locator("#regions .reject").first.click()
    expect(rejected).to_have_count(2)
    expect(rejected.nth(1)).to_contain_text(smaller)
    rejected.first.get_by_role("button").click()
    expect(rejected).to_have_count(1)
    expect(rejected).to_contain_text(smaller)


def test_what_a_person_drew_is_taken_back_like_any_region(page):
    give(page, SLICE)
    untouched = drawing(page)
    page.get_by_role("button", name="Paint", exact=True).click()
    paint(page, on_picture(page, 0.3, 0.35), on_picture(page, 0.34, 0.35))
    page.keyboard.press("Escape")
    expect(page.locator("#verdict")).to_contain_text("1 drawn by the reviewer")
    regions = page.locator("#regions li")
    expect(regions).to_have_count(2)
    regions.filter(has_not=page.locator(".chip.seen")).locator(".reject").click()
    expect(page.locator("#verdict")).not_to_contain_text("Reviewed")
    expect(regions).to_have_count(1)
    assert drawing(page) == untouched
    regions.first.locator(".show").click()  # zooms to it
    page.get_by_role("button", name="Paint", exact=True).click()
    paint(page, on_picture(page, 0.5, 0.5), on_picture(page, 0.95, 0.5))
    page.keyboard.press("Escape")
    expect(page.locator("#verdict")).to_contain_text("outlines changed")
    expect(page.locator("#regions[aria-busy]")).to_have_count(0)
    expect(regions).to_have_count(1)
    regions.first.locator(".reject").click()
    expect(regions).to_have_count(0)
    assert coloured(page, ORANGE) == 0, "what was painted on a region goes with it"


def test_one_network_alone_keeps_the_review_of_both(page):
    """Its outlines are drawn anew: a region that only the other saw was rejected with its own."""
    give(page, EXAMPLES / "metastasis_first.jpg")
    set_threshold(page, "0.2")
    page.locator("#regions .reject").first.click()
    expect(page.locator("#rejected li")).to_have_count(1)
    page.locator("#model").get_by_label("Attention U-Net").check()
    expect(page.locator("#regions[aria-busy]")).to_have_count(0)
    alone = drawing(page)
    set_threshold(page, "0.3")
    expect(page.locator("#regions[aria-busy]")).to_have_count(0)
    set_threshold(page, "0.2")
    expect(page.locator("#regions[aria-busy]")).to_have_count(0)
    assert drawing(page) == alone, "whatever was drawn before"


def test_what_is_painted_and_erased_is_in_the_files(page):
    give(page, SLICE)
    untouched = drawing(page)
    original = decoded(everything(page)["nested_unet_mask.png"])
    page.get_by_role("button", name="Paint", exact=True).click()
    paint(page, on_picture(page, 0.3, 0.35), on_picture(page, 0.4, 0.35))
    expect(page.locator("#verdict")).to_contain_text("outlines changed on 1 slice")
    expect(page.locator("#verdict")).to_contain_text("1 drawn by the reviewer")
    expect(page.locator("#regions[aria-busy]")).to_have_count(0)
    page.keyboard.press("Escape")
    painted = drawing(page)
    page.get_by_role("button", name="Erase", exact=True).click()
    paint(page, on_picture(page, 0.35, 0.3), on_picture(page, 0.35, 0.4))
    page.keyboard.press("Escape")
    expect(page.locator("#verdict")).to_contain_text("2 drawn by the reviewer")
    for button, wanted in (("#undo", painted), ("#undo", untouched), ("#redo", painted)):
        page.locator(button).click()
        expect(page.locator("#regions[aria-busy]")).to_have_count(0)
        assert drawing(page) == wanted
    expect(page.locator("#redo")).to_be_enabled()
    expect(page.locator("#verdict")).to_contain_text("1 drawn by the reviewer")
    files = everything(page)
    mask, before = (
        decoded(files[name])
        for name in ("nested_unet_mask.png", "before_review/nested_unet_mask.png")
    )
    assert np.array_equal(before, original), "the prediction is never lost"
    assert (mask & original).sum() == original.sum() and mask.sum() > original.sum() + 50
    (manifest,) = {
        entry["review"]["painted_voxels"]
        for entry in json.loads(files["metaseg_manifest.json"])["scans"].values()
    }
    assert manifest == (mask & ~original).sum()
    assert b"Reviewed: outlines changed" in files["report.html"]
    rows = list(csv.DictReader(io.StringIO(files["regions.csv"].decode())))
    assert len(rows) == 2


def test_a_missed_lesion_is_added_by_a_click(page):
    give(page, SLICE)
    set_threshold(page, "0.99")
    page.wait_for_timeout(300)
    before = coloured(page, ORANGE)
    page.locator("[data-tool=add]").click()
    page.mouse.click(*on_picture(page, 0.1, 0.5))
    expect(page.locator("#notice")).to_contain_text("see nothing at this place")
    set_threshold(page, "1")
    expect(page.locator("#verdict")).to_contain_text("Neither")
    box = pictures(page).last.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.52, box["y"] + box["height"] * 0.53)
    expect(page.locator("#verdict")).to_contain_text("1 region added")
    assert coloured(page, ORANGE) > max(before, 50)
    expect(page.locator("#regions li")).to_have_count(1)


def test_a_review_by_keys_alone(page, tmp_path):
    give(page, save_volume(tmp_path))
    page.locator("#regions .show").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("x")
    expect(page.locator("#verdict")).to_contain_text("1 region rejected")
    page.keyboard.press("p")
    page.locator("#pictures").focus()
    for key in ("ArrowRight", "Shift+ArrowDown", "Space"):
        page.keyboard.press(key)
    expect(page.locator("#verdict")).to_contain_text("outlines changed on 1 slice")
    page.keyboard.press("Escape")
    assert coloured(page, ORANGE) > 5
    where = page.locator("#where").inner_text()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#where")).not_to_have_text(where)
    for _ in range(2):
        page.keyboard.press("Control+z")
    expect(page.locator("#verdict")).not_to_contain_text("Reviewed")
