"""Volumes in the viewer, and scans that replace each other, in Chromium."""

import zipfile

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from metaseg.scan import read_scan
from tests.demo.browser import (
    ORANGE,
    OTHER,
    PHONE,
    SLICE,
    TRUTH,
    carry,
    coloured,
    drawing,
    give,
    middle_of,
    needs_chromium,
    open_page,
    pictures,
    pinch,
    save_volume,
    set_threshold,
    touches,
    wait_for,
)
from tests.dicom_files import save_series, series_of

pytestmark = [needs_chromium, pytest.mark.slow]


def test_a_volume_opens_on_its_largest_lesion_and_is_stepped_through(page, tmp_path):
    give(page, save_volume(tmp_path, (0, 0, 0, 0, 0, 1, 0)))
    expect(page.locator("#where")).to_contain_text("6 / 7")
    assert coloured(page, ORANGE) > 50
    expect(page.locator("#regions .show").first).to_contain_text("slice 6")
    expect(page.locator("#regions .show").first).to_contain_text("cm³")
    page.mouse.move(*middle_of(pictures(page).last))
    page.mouse.wheel(0, 100)
    expect(page.locator("#where")).to_contain_text("7 / 7")
    assert page.evaluate("scrollY") == 0 and coloured(page, ORANGE) == 0
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#where")).to_contain_text("5 / 7")
    page.keyboard.press("n")
    expect(page.locator("#where")).to_contain_text("6 / 7")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    expect(page.locator("#zoom")).not_to_have_text("100 %")
    expect(page.locator("#where")).to_contain_text("6 / 7")
    page.locator("#position").fill("0")
    expect(page.locator("#where")).to_contain_text("1 / 7")
    page.locator("#regions .show").first.click()
    expect(page.locator("#where")).to_contain_text("6 / 7")


def test_planes_are_cut_in_the_browser(page, tmp_path):
    give(page, save_volume(tmp_path, (0, 1, 1, 1, 1, 1, 0)))
    seen = {drawing(page)}
    page.route("**/gradio_api/**", lambda route: route.abort())
    for plane, depth in (("Coronal", 512), ("Sagittal", 512), ("Axial", 7)):
        page.get_by_role("button", name=plane, exact=True).click()
        expect(page.locator("#where")).to_contain_text(f"/ {depth}")
        assert coloured(page, ORANGE) > 20, f"{plane} opens where the lesion is"
        seen.add(drawing(page))
    assert len(seen) == 3


def test_contrast_is_opencvs_clahe_of_the_picture_alone(page):
    random = np.random.default_rng(0)
    for height, width in ((120, 96), (121, 97), (60, 61)):
        grey = cv2.GaussianBlur(random.integers(0, 256, (height, width), np.uint8), (0, 0), 2)
        found = page.evaluate(
            """async ([bytes, width, height]) => {
                const { equalise } = await import("/viewer/clahe.js");
                return [...equalise(bytes, width, height, { tiles: 6, limit: 2 })];
            }""",
            [grey.ravel().tolist(), width, height],
        )
        expected = cv2.createCLAHE(2.0, (6, 6)).apply(grey)
        # OpenCV computes in float32.
        assert np.abs(np.reshape(found, grey.shape) - expected.astype(int)).max() <= 1
    give(page, SLICE)
    before, verdict = drawing(page), page.locator("#verdict").inner_text()
    page.click("#enhance")
    enhanced = drawing(page)
    assert enhanced != before and page.locator("#verdict").inner_text() == verdict
    expect(page.locator("#enhance")).to_have_attribute("aria-pressed", "true")
    page.click("[data-action=reset]")
    assert drawing(page) == before
    page.keyboard.press("c")
    assert drawing(page) == enhanced


def test_a_second_scan_replaces_the_first_at_once(page, gate):
    gate.set()
    give(page, SLICE, TRUTH)
    gate.clear()
    carry(page, "drop", OTHER)
    expect(page.locator("#pictures figcaption").first).to_contain_text(OTHER.stem)
    expect(page.locator("#notice")).to_contain_text("Attention U-Net")
    assert coloured(page, ORANGE) == 0, "no outline of the first under the name of the second"
    expect(page.locator("#verdict")).to_be_empty()
    expect(page.locator("#regions li")).to_have_count(0)
    expect(pictures(page)).to_have_count(2)
    expect(page.locator("#ground-truth")).to_contain_text("+ Ground truth")
    gate.set()
    wait_for(page, OTHER.stem)
    assert coloured(page, ORANGE) > 50
    expect(page.locator("#figures")).to_be_empty()


def test_only_the_last_of_several_scans_is_shown(page, gate):
    for number in (1, 2, 3):
        page.locator(f"[data-example='{number}']").click()
        expect(page.locator("#notice")).to_be_visible()
    carry(page, "drop", OTHER)
    gate.set()
    wait_for(page, OTHER.stem)
    page.wait_for_timeout(1000)
    expect(page.locator("#pictures figcaption").first).to_contain_text(OTHER.stem)
    expect(page.locator("[aria-current=true]")).to_have_count(0)


def test_a_volume_says_where_it_is_and_can_be_cancelled(page, gate, tmp_path):
    page.set_input_files("#scan input[type=file]", save_volume(tmp_path))
    expect(page.locator("#notice")).to_contain_text(
        "Attention U-Net and Nested U-Net: slice 1 of 5"
    )
    expect(pictures(page).first).to_be_visible()
    assert len(drawing(page, 0)) > 2000, "the scan is shown while the networks run"
    page.locator("#cancel").click()
    expect(page.locator("#notice")).to_contain_text("Cancelled")
    gate.set()
    page.wait_for_timeout(500)
    expect(page.locator("#verdict")).to_be_empty()
    page.get_by_role("button", name="Run again").click()
    wait_for(page, "head")
    expect(page.locator("#verdict")).to_contain_text("region")
    expect(page.locator("#pictures")).to_be_focused()


def test_an_error_is_a_sentence_and_the_page_goes_on(page, tmp_path):
    bad = tmp_path / "notes.png"
    bad.write_text("no picture")
    page.set_input_files("#scan input[type=file]", bad)
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text(
        "notes.png is not an image"
    )
    expect(pictures(page)).to_have_count(0)
    give(page, SLICE)
    page.set_input_files("#ground-truth input[type=file]", bad)
    expect(page.locator("#notices [role=alert]")).to_contain_text("notes.png is not an image")
    assert coloured(page, ORANGE) > 50
    page.set_input_files("#ground-truth input[type=file]", TRUTH)
    expect(page.locator("#figures")).to_contain_text("Agreement")


def test_a_choice_that_waited_is_cancelled_with_the_rest(page, gate, tmp_path):
    page.set_input_files("#scan input[type=file]", save_volume(tmp_path))
    expect(page.locator("#notice")).to_contain_text("slice 1 of 5")
    set_threshold(page, "0.3")
    page.wait_for_timeout(1000)
    page.locator("#cancel").click()
    gate.set()
    page.wait_for_timeout(2000)
    expect(page.locator("#notice")).to_contain_text("Cancelled")
    expect(page.locator("#verdict")).to_be_empty()
    page.get_by_role("button", name="Run again").click()
    wait_for(page, "head")
    expect(page.locator("#verdict")).to_contain_text("region")


def test_a_threshold_counts_once_it_is_typed(page):
    box, slider = page.locator("#threshold-number"), page.locator("#threshold-range")
    before = slider.input_value()
    for typed, taken in (("0.305", "0.305"), ("0.123", "0.125")):
        box.select_text()
        box.press_sequentially(typed)
        expect(box).to_have_value(typed)
        expect(slider).to_have_value(before)
        box.press("Enter")
        expect(slider).to_have_value(taken)
        expect(box).to_have_value(taken)
        before = taken
    box.press("ArrowUp")
    expect(slider).to_have_value("0.13")


def test_one_of_several_scans_in_a_zip_is_chosen(page, tmp_path):
    study = tmp_path / "study.zip"
    with zipfile.ZipFile(study, "w") as archive:
        for path in (SLICE, OTHER):
            archive.write(path, path.name)
    carry(page, "drop", study)
    expect(page.locator("#notice")).to_contain_text("holds several scans")
    assert page.locator("#choices button").all_inner_texts() == sorted([SLICE.name, OTHER.name])
    page.locator("#choices button", has_text=OTHER.name).press("Enter")
    wait_for(page, OTHER.stem)
    page.reload()
    wait_for(page, OTHER.stem)
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#batch-scans input[type=file]", study)
    page.locator("#batch-start").click()
    page.locator("#batch-table").get_by_role("button", name=SLICE.name).click()
    wait_for(page, "study")
    expect(page.locator("#verdict")).to_contain_text("region")


def test_the_files_of_a_series_become_one_volume(page, tmp_path):
    slice_ = read_scan(SLICE).voxels[0].T.astype(np.uint16)
    array = np.stack([slice_ * on for on in (0, 1, 1, 0)], axis=-1)
    folder = save_series(tmp_path / "s", series_of(array, np.diag([0.5, 0.5, 5.0, 1.0])))
    (folder / ".DS_Store").write_bytes(b"what a file manager leaves")
    carry(page, "drop", *sorted(folder.iterdir()))
    wait_for(page, "4 DICOM files")
    (folder / ".DS_Store").unlink()
    expect(page.locator("#where")).to_contain_text("/ 4")
    expect(page.locator("#regions .show").first).to_contain_text("cm³")
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#batch-scans input[type=file]", [*folder.iterdir(), OTHER])
    page.locator("#batch-start").click()
    table = page.locator("#batch-table")
    expect(table).to_contain_text("2 scans, none failed.")
    expect(table).to_contain_text("T1 post, 4 slices of 512 x 512")


def test_several_files_go_to_batch(page):
    carry(page, "drop", SLICE, OTHER)
    expect(page.get_by_role("tab", name="Batch")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#batch-scans")).to_contain_text(OTHER.stem)
    expect(page.locator("#batch-scans")).to_contain_text(SLICE.stem)


def test_a_phone_steps_by_swipes_and_zooms_by_pinches(browser, server, tmp_path):
    page = open_page(browser, server, PHONE, has_touch=True)
    give(page, save_volume(tmp_path))
    expect(page.locator("#where")).to_contain_text("2 / 5")
    x, y = middle_of(pictures(page).last)
    send = touches(page)
    send("touchStart", (x, y))
    for moved in (10, 20, 30):
        send("touchMove", (x - moved, y))
    send("touchEnd")
    expect(page.locator("#where")).to_contain_text("3 / 5")
    pinch(send, x, y)
    page.wait_for_timeout(200)
    assert page.locator("#zoom").text_content() != "100 %"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    page.close()
