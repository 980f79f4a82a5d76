"""Several scans on the page: every row can be read, and opens its scan in the viewer."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from metaseg.demo.workbench import Workbench
from metaseg.findings.matching import match_regions
from metaseg.findings.report import find
from metaseg.scan import read_scan
from metaseg.segmenter import Segmenter
from tests.demo.browser import DESKTOP, OTHER, PHONE, SLICE, needs_chromium, open_page, wait_for

pytestmark = [needs_chromium, pytest.mark.slow]


def largest_region(segmenter: Segmenter, file: Path) -> int:
    """Pixels of the largest region of the compared networks, each at its own threshold."""
    scan, names = read_scan(file), Workbench(segmenter).compared
    predictions = segmenter.predict_each(scan, names)
    found = [
        find(scan, prediction, segmenter.threshold(name))
        for name, prediction in zip(names, predictions)
    ]
    return match_regions(scan, predictions, found).rows[0].lesion.area_px


@pytest.mark.parametrize(
    "size", [DESKTOP, pytest.param(PHONE, marks=pytest.mark.slow)], ids=["desktop", "phone"]
)
def test_the_table_is_read_and_a_row_opens_its_scan(browser, server, served, tmp_path, size):
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF-1.7")
    page = open_page(browser, server, size)
    page.get_by_role("tab", name="Batch").click()
    page.locator("#batch-start").click()
    expect(page.locator("#batch-table")).to_contain_text("Choose the scans first.")
    page.set_input_files("#batch-scans input[type=file]", [SLICE, letter, OTHER])
    table, threshold = page.locator("#batch-table"), page.locator("#batch-threshold textarea")
    expect(threshold).to_have_value("")
    for words, told in (("7", "The threshold 7 is outside 0 to 1"), ("half", "must be a number")):
        threshold.fill(words)
        page.locator("#batch-start").click()
        expect(table).to_contain_text(told)
    threshold.fill("")
    page.locator("#batch-start").click()
    expect(table).to_contain_text("3 scans, 1 failed.")
    rows = table.locator("tbody tr")
    expect(rows.nth(1).locator(".failed")).to_contain_text("letter.pdf is not an image")
    expect(rows.nth(1).locator("img, button")).to_have_count(0)
    for row, file in ((rows.nth(0), SLICE), (rows.nth(2), OTHER)):
        expect(row.locator(".scan")).to_have_text(file.name)
        expect(row.locator(".result")).to_contain_text("region")
        expect(row.locator(".largest")).to_contain_text(" pixels")
        (pixels,) = re.findall(r"(\d+) pixels", row.locator(".largest").inner_text())
        assert int(pixels) == largest_region(served, file) > 1_000, (
            "at each network's own threshold"
        )
        assert row.locator("img").evaluate("image => image.naturalWidth") >= 60
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    # Nothing lies over the table: each row is what a click in its middle meets.
    for row in rows.all():
        row.scroll_into_view_if_needed()
        assert row.evaluate(
            """row => {
                const { x, y, width, height } = row.getBoundingClientRect();
                return row.contains(document.elementFromPoint(x + width / 2, y + height / 2));
            }"""
        )
    faults = Axe().run(page, context="#batch-table").response["violations"]
    assert not [one["id"] for one in faults if one["impact"] in ("serious", "critical")]
    table.get_by_role("button", name=OTHER.name).press("Enter")
    wait_for(page, OTHER.name.split(".")[0])
    expect(page.get_by_role("tab", name="Scan")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#pictures")).to_be_focused()
    page.get_by_role("tab", name="Batch").click()
    page.locator("#batch-scans").get_by_label("Clear").click()
    expect(table).to_contain_text("Each file becomes a row.")
    expect(page.locator("#batch-zip")).to_be_hidden()
    page.close()


def test_a_row_opens_with_its_network_and_its_threshold(page):
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#batch-scans input[type=file]", OTHER)
    page.get_by_label("U-Net (baseline)").last.check()
    table, size = page.locator("#batch-table"), ""
    for typed, shown in (("0.902", "0.9"), ("sensitive", None)):
        page.locator("#batch-threshold textarea").fill(typed)
        page.locator("#batch-start").click()
        expect(table).to_contain_text("1 scan, none failed.")
        expect(table.locator(".largest").last).not_to_contain_text(size or "none yet")
        size = table.locator(".largest").last.inner_text().split(" · ")[1]
        table.get_by_role("button", name=OTHER.name).click()
        wait_for(page, OTHER.name.split(".")[0])
        expect(page.locator("[name=network]:checked")).to_have_value("unet")
        shown = shown or page.locator("#ticks button").first.get_attribute("data-threshold")
        expect(page.locator("#threshold-number")).to_have_value(shown)
        expect(page.locator("#regions li").first).to_contain_text(size)
        page.get_by_role("tab", name="Batch").click()


def test_clear_ends_a_run_and_another_can_begin(page, gate):
    page.get_by_role("tab", name="Batch").click()
    table, start = page.locator("#batch-table"), page.locator("#batch-start")
    page.set_input_files("#batch-scans input[type=file]", [SLICE, OTHER])
    with page.expect_response("**/queue/join*"):
        start.click()
    with page.expect_response("**/reset"):  # the end of the run, as the browser sees it
        page.locator("#batch-scans").get_by_label("Clear").click()
    expect(table).to_contain_text("Each file becomes a row.")
    page.set_input_files("#batch-scans input[type=file]", OTHER)
    with page.expect_response("**/queue/join*"):
        start.click()
    gate.set()
    expect(table).to_contain_text("1 scan, none failed.")
    page.wait_for_timeout(1000)
    expect(table).to_contain_text("1 scan, none failed.")
    expect(page.locator("#batch-zip")).to_be_visible()
