"""The page as a visitor uses it, in Debian's Chromium."""

import shutil

import nibabel
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect, sync_playwright

from metaseg.scan import read_scan
from tests.conftest import EXAMPLES

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
SLICE, TRUTH = EXAMPLES / "meningioma_axial.jpg", EXAMPLES / "meningioma_axial_truth.png"
# A busy machine answers late, and that is no fault of the page.
WAIT = 120_000
expect.set_options(timeout=WAIT)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def open_page(browser, address: str, width: int = 1400) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(WAIT)
    page.goto(address)
    page.wait_for_selector("#examples img")
    return page


@pytest.fixture(params=[("dark", 1400), ("light", 1400), ("light", 390)], ids=str)
def any_page(browser, server, request) -> Page:
    """Dark, light, and on a phone."""
    theme, width = request.param
    page = open_page(browser, f"{server}?__theme={theme}", width)
    yield page
    page.close()


@pytest.fixture
def page(browser, server) -> Page:
    page = open_page(browser, server)
    yield page
    page.close()


@pytest.fixture
def passes(served):
    """Grows by one whenever a network runs."""
    runs: list[int] = []
    encoders = [checkpoint.network.encoder for checkpoint in served.checkpoints.values()]
    hooks = [encoder.register_forward_hook(lambda *_: runs.append(1)) for encoder in encoders]
    yield runs
    for hook in hooks:
        hook.remove()


def scans(page: Page, view: str = "outlines") -> Locator:
    return page.locator(f"#{view} svg.scan")


def drop(page: Page, scan=SLICE, truth=None) -> None:
    page.set_input_files("#scan input[type=file]", scan)
    expect(scans(page).first).to_be_visible()
    if truth is not None:
        before = scans(page).count()
        page.set_input_files("#ground-truth input[type=file]", truth)
        expect(scans(page)).to_have_count(before + 1)


def lines(page: Page) -> list[str]:
    """The outlines of the networks as they are drawn."""
    paths = page.locator("#outlines path.lesion:not([data-model=truth])")
    return [path.get_attribute("d") for path in paths.all()]


def set_threshold(page: Page, value: str) -> None:
    before = page.locator("#outlines .beside").get_attribute("data-numbering")
    box = page.locator("#threshold input[type=number]")
    box.fill(value)
    box.press("Enter")
    expect(page.locator("#outlines .beside")).not_to_have_attribute("data-numbering", before)
    page.mouse.click(5, 5)


def value_of(page: Page, slider: str) -> float:
    return float(page.locator(f"{slider} input[type=range]").input_value())


def test_a_visitor_drops_a_slice_and_compares(any_page):
    page = any_page
    expect(page.locator("#status")).to_contain_text("Drop an MRI slice")
    expect(page.locator(".research")).to_contain_text("not for diagnosis")
    drop(page)
    expect(scans(page)).to_have_count(3)
    expect(page.locator("#figures")).not_to_contain_text("Agreement")
    page.set_input_files("#ground-truth input[type=file]", TRUTH)
    expect(scans(page)).to_have_count(4)
    expect(page.locator("#figures")).to_contain_text("Agreement with the ground truth")
    expect(page.locator("#figures tbody tr")).to_have_count(2)
    dice = float(page.locator("#figures tbody td").nth(1).inner_text())
    assert 0.5 < dice <= 1
    titles = page.locator("#outlines figcaption b").all_inner_texts()
    assert titles == ["Slice", "Ground truth", "Attention U-Net", "Nested U-Net"]
    page.locator("#model").get_by_label("Nested U-Net").check()
    expect(scans(page)).to_have_count(3)
    before = page.locator("#mri").get_attribute("href")
    page.get_by_label("Enhanced").check()
    expect(page.locator("#mri")).not_to_have_attribute("href", before)
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert not wide, "the page scrolls sideways"


def test_the_threshold_moves_the_outlines_without_a_network(page, passes):
    drop(page)
    ran, before = len(passes), lines(page)
    picture = page.locator("#mri").get_attribute("href")
    set_threshold(page, "0.95")
    assert lines(page) != before and len(passes) == ran > 0
    assert page.locator("#mri").get_attribute("href") == picture
    set_threshold(page, "1")
    assert lines(page) == []
    expect(page.locator("#outlines .lesions")).to_contain_text("no lesion")


def test_compare_shows_agreement_errors_and_the_curve(page):
    drop(page)
    page.get_by_role("tab", name="Compare").click()
    expect(scans(page, "compare")).to_have_count(2)
    expect(page.locator("#compare")).to_contain_text("Only Attention U-Net")
    expect(page.locator("#compare")).to_contain_text("Add a ground truth mask")
    page.set_input_files("#ground-truth input[type=file]", TRUTH)
    expect(scans(page, "compare")).to_have_count(4)
    for words in ("Correct", "False positive", "Missed", "px"):
        expect(page.locator("#compare")).to_contain_text(words)
    mark = page.locator("#compare .curve line.present")
    x = float(mark.get_attribute("x1"))
    set_threshold(page, "0.9")
    expect(mark).not_to_have_attribute("x1", f"{x:.1f}")
    assert float(mark.get_attribute("x1")) > x
    page.locator("[data-setting=split]").fill("20")
    width = float(page.locator("rect.after").get_attribute("data-width"))
    assert float(page.locator("rect.after").get_attribute("x")) == pytest.approx(width / 5)


def test_explain_runs_the_networks_once_when_it_is_opened(page, passes):
    drop(page)
    ran = len(passes)
    page.get_by_role("tab", name="Explain").click()
    expect(page.locator("#explain h3")).to_have_count(5)
    once = len(passes)
    assert once > ran
    expect(page.locator("#explain section").nth(3).locator("figure")).to_have_count(5)
    expect(page.locator("#explain section").nth(4).locator("figure")).to_have_count(4)
    page.get_by_role("tab", name="Outlines").click()
    page.get_by_role("tab", name="Explain").click()
    set_threshold(page, "0.3")
    assert len(passes) == once
    page.locator("#model").get_by_label("Nested U-Net").check()
    expect(page.locator("#explain h3")).to_have_count(4)
    assert len(passes) == once


def test_the_look_is_the_browsers_own_and_lasts(page):
    drop(page, truth=TRUTH)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.locator("[data-setting=opacity]").fill("80")
    page.locator("[data-setting=contrast]").fill("40")
    page.get_by_role("button", name="Zoom in").click()
    page.keyboard.press("o")
    assert not [url for url in requests if "heartbeat" not in url]

    def look() -> dict:
        return page.evaluate(
            """() => ({
                opacity: getComputedStyle(document.documentElement).getPropertyValue('--opacity'),
                outlined: document.documentElement.classList.contains('outlined'),
                slope: document.querySelector('#window feFuncR').getAttribute('slope'),
                boxes: [...new Set([...document.querySelectorAll('#outlines svg.scan')].map(
                    (svg) => svg.getAttribute('viewBox')))],
            })"""
        )

    before = look()
    assert before["opacity"] == "0.8" and before["outlined"] and float(before["slope"]) > 1.5
    (box,) = before["boxes"]
    assert float(box.split()[2]) == pytest.approx(512 / 1.5)
    set_threshold(page, "0.7")
    assert look() == before
    page.get_by_role("button", name="Reset", exact=True).click()
    assert look()["boxes"] == ["0 0 512 512"] and not look()["outlined"]


def test_a_volume_is_stepped_through_and_a_lesion_clicked(page, tmp_path):
    slice_ = read_scan(SLICE).voxels[0].T
    voxels = np.stack([slice_ * on for on in (0, 1, 1, 0, 1)], axis=-1).astype(np.int16)
    volume = tmp_path / "head.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([0.5, 0.5, 5.0, 1.0])), volume)
    drop(page, volume)
    expect(page.locator("#position")).to_be_visible()
    start, picture = value_of(page, "#position"), page.locator("#mri").get_attribute("href")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#mri")).not_to_have_attribute("href", picture)
    assert value_of(page, "#position") == start + 1
    expect(page.locator("#marks svg")).to_have_count(2)
    row = page.locator("#outlines tr[data-lesion]").first
    target = float(row.get_attribute("data-slice"))
    row.click()
    expect(page.locator("#outlines path.lesion.selected").first).to_be_visible()
    assert value_of(page, "#position") == target
    expect(row.get_by_role("button")).to_have_attribute("aria-pressed", "true")


def test_an_error_is_a_sentence_and_the_page_goes_on(page, tmp_path):
    page.locator("#examples .thumbnail-item").nth(1).click()
    expect(scans(page)).to_have_count(4)
    bad = tmp_path / "notes.png"
    bad.write_text("no picture")
    page.locator("#ground-truth").get_by_label("Clear").click()
    page.set_input_files("#ground-truth input[type=file]", bad)
    expect(page.get_by_role("alert")).to_contain_text("notes.png is not an image")
    expect(scans(page)).to_have_count(3)


def test_by_keyboard_alone(page):
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#examples .thumbnail-item')"):
            break
    page.keyboard.press("Enter")
    expect(scans(page)).to_have_count(4)
    before, start = lines(page), float(page.locator("#threshold input[type=number]").input_value())
    outlines = page.locator("#outlines .beside")
    page.keyboard.press("]")
    expect(outlines).to_have_attribute("data-numbering", f"{start + 0.05:g}")
    assert lines(page) != before
    page.keyboard.press("[")
    expect(outlines).to_have_attribute("data-numbering", f"{start:g}")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('tr[data-lesion] button')"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#outlines path.selected")).to_have_count(1)
    box = page.locator("#threshold input[type=number]")
    box.focus()
    page.keyboard.press("o")
    assert not page.evaluate("document.documentElement.classList.contains('outlined')")


def test_the_theme_is_dark_until_the_visitor_says_otherwise(browser, server):
    context = browser.new_context(color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(WAIT)
    for theme in ("dark", "light"):
        page.goto(server)
        page.wait_for_selector("#examples img")
        assert page.evaluate("document.body.classList.contains('dark')") == (theme == "dark")
        if theme == "dark":
            page.locator("[data-action=theme]").click()
            assert not page.evaluate("document.body.classList.contains('dark')")
    context.close()


def test_nothing_serious_stands_in_the_way_of_assistive_software(any_page):
    page = any_page
    serious = faults(page, "empty")
    drop(page, truth=TRUTH)
    page.locator("#outlines tr[data-lesion]").first.click()
    serious += faults(page, "outlines")
    for view, count in (("Compare", 4), ("Explain", 16)):
        page.get_by_role("tab", name=view).click()
        expect(scans(page, view.lower())).to_have_count(count)
        serious += faults(page, view)
    for tab in ("Several scans", "About"):
        page.get_by_role("tab", name=tab).click()
        serious += faults(page, tab)
    assert serious == []


def faults(page: Page, state: str) -> list[str]:
    """Serious and critical findings of axe, with the state of the page that they are in."""
    # Colours fade in when a theme or a tab changes, and fading ones have too little contrast.
    page.wait_for_timeout(500)
    return [
        f"{state}: {fault['id']} {node['target']}"
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
