"""The page as a visitor uses it, in Debian's Chromium."""

import shutil

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.conftest import EXAMPLES

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

# A busy machine answers late, and that is no fault of the page.
expect.set_options(timeout=30_000)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(params=[("dark", 1400), ("light", 1400), ("light", 390)], ids=str)
def page(browser, server, request) -> Page:
    theme, width = request.param
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    page.set_default_timeout(60_000)
    page.goto(f"{server}?__theme={theme}")
    page.wait_for_selector("#examples img")
    yield page
    page.close()


def pictures(page: Page) -> dict[str, str]:
    """Address by label of the pictures that are shown."""
    images = page.locator("#pictures img")
    return {i.get_attribute("alt").split(":")[0]: i.get_attribute("src") for i in images.all()}


def test_a_visitor_drops_a_slice_and_compares(page):
    expect(page.locator("#status")).to_contain_text("Drop an MRI slice")
    expect(page.locator(".research")).to_contain_text("not for diagnosis")
    page.set_input_files("#scan input[type=file]", EXAMPLES / "meningioma_axial.jpg")
    expect(page.locator("#pictures img")).to_have_count(3)
    expect(page.locator("#figures")).not_to_contain_text("Agreement")
    page.set_input_files("#ground-truth input[type=file]", EXAMPLES / "meningioma_axial_truth.png")
    expect(page.locator("#pictures img")).to_have_count(4)
    expect(page.locator("#figures")).to_contain_text("Agreement with the ground truth")
    before = pictures(page)
    assert list(before) == ["Slice", "Ground truth", "Attention U-Net", "Nested U-Net"]

    threshold = page.locator("#threshold input[type=number]")
    threshold.fill("0.99")
    threshold.press("Enter")
    page.wait_for_function(
        "before => [...document.querySelectorAll('#pictures img')].at(-1).src !== before",
        arg=page.locator("#pictures img").last.get_attribute("src"),
    )
    assert pictures(page)["Slice"] == before["Slice"]

    page.get_by_label("Nested U-Net").check()
    expect(page.locator("#pictures img")).to_have_count(3)
    page.get_by_label("After CLAHE").check()
    page.wait_for_function(
        "before => document.querySelector('#pictures img').src !== before", arg=before["Slice"]
    )
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert not wide, "the page scrolls sideways"


def test_an_example_and_then_a_bad_file(page, tmp_path):
    page.locator("#examples .thumbnail-item").nth(1).click()
    expect(page.locator("#pictures img")).to_have_count(4)
    expect(page.locator("#figures table").first).to_be_visible()
    bad = tmp_path / "notes.png"
    bad.write_text("no picture")
    page.locator("#ground-truth").get_by_label("Clear").click()
    page.set_input_files("#ground-truth input[type=file]", bad)
    expect(page.get_by_role("alert")).to_contain_text("notes.png is not an image")
    expect(page.locator("#pictures img")).to_have_count(3)
