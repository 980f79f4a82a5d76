"""The page keeps to its content policy, and a visitor's files go when they are cleared."""

import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from metaseg.demo.store import store
from metaseg.demo.workbench import BOTH
from tests.demo.browser import (
    ORANGE,
    SLICE,
    TRUTH,
    WAIT,
    coloured,
    give,
    needs_chromium,
    open_page,
    set_one_apart,
    set_threshold,
    wait_for,
)
from tests.demo.raw_client import wait_until

pytestmark = [needs_chromium, pytest.mark.slow]


def kept(folder: Path) -> set[Path]:
    return {Path(inner) / name for inner, _, names in os.walk(folder) for name in names}


def test_a_reload_brings_back_scan_choices_and_review(browser, server):
    page = open_page(browser, server)
    set_one_apart(page, server)
    give(page, SLICE, TRUTH)
    page.locator("[data-network=nested_unet]").click()
    set_threshold(page, "0.4")
    page.locator("#regions .reject").first.click()
    expect(page.locator("#verdict")).to_contain_text("Reviewed: 1 region rejected.")
    page.reload()
    wait_for(page, SLICE.stem)
    expect(page.locator("#verdict")).to_contain_text("Reviewed: 1 region rejected.")
    expect(page.locator("[name=network]:checked")).to_have_value("nested_unet")
    expect(page.locator("#threshold-number")).to_have_value("0.4")
    expect(page.locator("#verdict")).to_contain_text("The lesion of the ground truth is missed")
    assert coloured(page, ORANGE) == 0
    page.keyboard.press("Control+z")
    expect(page.locator("#verdict")).not_to_contain_text("Reviewed")
    assert coloured(page, ORANGE) > 0

    assert page.evaluate("sessionStorage.length") == 0, "a copy of the tab knows nothing"
    for folder in store().uploads.iterdir():
        shutil.rmtree(folder)
    page.reload()
    expect(page.locator("#link-trouble")).to_contain_text("no longer on the server")
    expect(page.locator("[name=network]:checked")).to_have_value(BOTH)
    expect(page.locator("#own")).to_contain_text("each its own")
    wait_for(page, "Meningioma, axial")
    page.close()


def test_a_scan_that_the_server_lost_is_sent_again_with_its_review(page):
    give(page, SLICE, TRUTH)
    page.locator("#regions .reject").first.click()
    expect(page.locator("#verdict")).to_contain_text("Reviewed: 1 region rejected.")
    for folder in store().uploads.iterdir():
        shutil.rmtree(folder)
    set_threshold(page, "0.4")
    expect(page.locator("#notice")).to_contain_text("not one of your uploads")
    page.route("**/upload*", lambda route: route.abort())
    page.get_by_role("button", name="Send again").click()
    expect(page.locator("#notice")).to_contain_text("could not be sent")
    page.unroute("**/upload*")
    page.get_by_role("button", name="Run again").click()
    wait_for(page, SLICE.stem)
    expect(page.locator("#verdict")).to_contain_text("Reviewed: 1 region rejected.")
    expect(page.locator("#figures")).to_contain_text("Agreement")
    expect(page.locator("#undo")).to_be_enabled()


def test_a_page_that_lost_its_connection_is_known_to_be_there(browser, server, monkeypatch):
    monkeypatch.setattr("metaseg.demo.store.RELOAD_SECONDS", 2)
    before = kept(store().uploads)
    page = browser.new_page()
    page.set_default_timeout(WAIT)
    page.route("**/heartbeat/*", lambda route: route.fulfill(body="data: ALIVE"), times=1)
    with page.expect_request(re.compile("/heartbeat/")):
        page.goto(server)
    with page.expect_request(re.compile("/heartbeat/")):
        expect(page.locator("#verdict")).not_to_be_empty()
    give(page, SLICE)
    assert kept(store().uploads) - before
    page.close()
    wait_until(lambda: kept(store().uploads) <= before, 60)


@pytest.mark.slow
def test_clear_removes_at_once_and_closing_removes_the_rest(browser, server, monkeypatch):
    monkeypatch.setattr("metaseg.demo.store.RELOAD_SECONDS", 2)
    before = kept(store().uploads) | kept(store().results)

    def mine() -> set[Path]:
        return (kept(store().uploads) | kept(store().results)) - before

    page = open_page(browser, server)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    give(page, SLICE, TRUTH)
    page.locator("#explain-box summary").click()
    expect(page.locator("#explain svg.scan").first).to_be_visible()
    with page.expect_download():
        page.locator("#take-zip").click()
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#batch-scans input[type=file]", SLICE)
    page.locator("#batch-start").click()
    expect(page.locator("#batch-table")).to_contain_text("1 scan, none failed")
    names = {path.name for path in mine()}
    assert {SLICE.name, TRUTH.name, "metaseg_meningioma_axial.zip", "metaseg.zip"} <= names
    page.get_by_role("tab", name="Scan").click()
    page.locator("#clear").click()
    kept_of_batch = {SLICE.name, "metaseg.zip"}
    wait_until(lambda: {p.name for p in mine() if p.suffix != ".gz"} == kept_of_batch, 60)
    expect(page.locator("#pictures figcaption").first).to_contain_text("Meningioma, axial")
    assert not [words for words in said if "Content Security Policy" in words or "Error" in words]
    page.close()
    wait_until(lambda: not mine(), 60)
