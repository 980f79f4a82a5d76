"""The page keeps to its content policy, and a visitor's files go when they are cleared."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from metaseg.demo.store import store
from tests.demo.test_browser import (  # noqa: F401
    CHROMIUM,
    SLICE,
    TRUTH,
    browser,
    drop,
    open_page,
    scans,
)
from tests.demo.test_store import wait_until

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def kept(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_clear_removes_at_once_and_closing_removes_the_rest(browser, server):  # noqa: F811
    before = kept(store().uploads) | kept(store().results)

    def mine() -> set[Path]:
        return (kept(store().uploads) | kept(store().results)) - before

    page = open_page(browser, server)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    drop(page, truth=TRUTH)
    page.get_by_role("tab", name="Explain").click()
    expect(scans(page, "explain").first).to_be_visible()
    with page.expect_download():
        page.locator("#download").click()
    page.get_by_role("tab", name="Several scans").click()
    page.set_input_files("#batch-scans input[type=file]", SLICE)
    page.locator("#batch-start").click()
    expect(page.locator("#batch-table")).to_contain_text("1 scan, none failed")
    names = {path.name for path in mine()}
    assert {SLICE.name, TRUTH.name, "metaseg_meningioma_axial.zip", "metaseg.zip"} <= names
    page.get_by_role("tab", name="One scan").click()
    page.locator("#scan").get_by_label("Clear").click()
    wait_until(lambda: {path.name for path in mine()} == {SLICE.name, "metaseg.zip"}, 60)
    assert not [words for words in said if "Content Security Policy" in words or "Error" in words]
    page.close()
    wait_until(lambda: not mine(), 60)
