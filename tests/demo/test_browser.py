"""The page as a visitor uses it, in Chromium: the first screen, one result, its panel."""

import pytest
from playwright.sync_api import expect

from metaseg.passes import Pass
from metaseg.runtime.pytorch import PyTorch
from tests.demo.browser import (
    BLUE,
    DESKTOP,
    GREEN,
    LAPTOP,
    ORANGE,
    OTHER,
    PHONE,
    SLICE,
    TRUTH,
    carry,
    coloured,
    drawing,
    give,
    inside_window,
    needs_chromium,
    open_page,
    pictures,
    set_threshold,
    wait_for,
)

pytestmark = needs_chromium


@pytest.fixture
def passes(monkeypatch):
    """Grows by one whenever a network runs, to segment or to explain."""
    runs: list[int] = []

    def count(owner: type, name: str) -> None:
        run = getattr(owner, name)

        def counted(*given):
            runs.append(1)
            return run(*given)

        monkeypatch.setattr(owner, name, counted)

    count(Pass, "run")
    count(PyTorch, "look_inside")
    return runs


@pytest.fixture
def requests(page):
    """The addresses that the page asks from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


@pytest.mark.parametrize("size", [DESKTOP, LAPTOP, PHONE], ids=str)
def test_the_mask_is_visible_without_scrolling(browser, server, size):
    page = open_page(browser, server, size)
    assert coloured(page, ORANGE) > 100, "the first screen shows a solved example"

    def look(name: str) -> None:
        wait_for(page, name)
        mask = pictures(page).last
        assert inside_window(page, mask) and coloured(page, ORANGE) > 100
        box = mask.bounding_box()
        share = box["width"] * box["height"] / (size[0] * size[1])
        assert share > (0.3 if size == PHONE else 0.25), "the mask is the largest thing there"
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]

    carry(page, "drop", OTHER)
    look(OTHER.stem)
    page.locator("[data-example='5']").click()
    look("Meningioma, sagittal")
    carry(page, "paste", SLICE)
    look(SLICE.stem)
    page.close()


def test_the_first_screen_is_live_and_says_what_it_is(page, passes):
    expect(page.locator(".research")).to_contain_text("not for diagnosis")
    expect(page.locator("#verdict")).to_contain_text("both networks agree on it")
    expect(page.locator(".invite")).to_be_visible()
    expect(page.locator("#handover")).to_be_hidden()
    before = drawing(page)
    page.locator("#model").get_by_label("Nested U-Net").check()
    assert coloured(page, BLUE) == 0 < coloured(page, ORANGE)
    expect(page.locator("#verdict")).to_contain_text("1 region, p ")
    set_threshold(page, "0.95")
    assert drawing(page) != before
    assert not passes, "the networks have run already"


def test_a_slice_with_its_truth_is_three_pictures_or_one(page):
    give(page, SLICE)
    expect(pictures(page)).to_have_count(2)
    expect(page.locator("#figures")).to_be_empty()
    page.set_input_files("#ground-truth input[type=file]", TRUTH)
    expect(page.locator("#figures")).to_contain_text("Agreement with the ground truth")
    titles = page.locator("#pictures figcaption b").all_inner_texts()
    assert titles == ["Image", "Ground truth", "Prediction"]
    assert coloured(page, GREEN, 1) > 50 and coloured(page, GREEN, 0) == 0
    dice = float(page.locator("#figures tbody td").nth(1).inner_text())
    assert 0.5 < dice <= 1
    expect(page.locator("#figures")).not_to_contain_text("F1")
    page.get_by_role("button", name="One picture").click()
    expect(pictures(page)).to_have_count(1)
    assert coloured(page, GREEN) > 20 and coloured(page, ORANGE) > 20
    page.locator("#forget-truth").click()
    expect(page.locator("#figures")).to_be_empty()
    assert coloured(page, GREEN) == 0


def test_the_threshold_moves_the_outlines_in_the_browser(page, passes, requests):
    give(page, OTHER)
    ran, before = len(passes), coloured(page, ORANGE)
    page.wait_for_timeout(300)
    page.route("**/gradio_api/queue/**", lambda route: route.abort())
    set_threshold(page, "1")
    assert coloured(page, ORANGE) == 0 < before, "no answer of the server is needed"
    page.unroute("**/gradio_api/queue/**")
    set_threshold(page, "0.9")
    expect(page.locator("#verdict")).to_contain_text("region")
    assert len(passes) == ran > 0


def test_the_table_follows_the_threshold(page):
    give(page, SLICE)
    size = page.locator("#regions .what").first.inner_text()
    set_threshold(page, "0.9")
    expect(page.locator("#regions .what").first).not_to_have_text(size)
    set_threshold(page, "1")
    expect(page.locator("#verdict")).to_contain_text("Neither network outlines a region")
    expect(page.locator("#regions li")).to_have_count(0)


def test_a_region_is_shown_by_a_click_on_the_list_or_the_picture(page):
    give(page, SLICE)
    before = drawing(page)
    row = page.locator("#regions .show").first
    row.click()
    expect(row).to_have_attribute("aria-pressed", "true")
    assert drawing(page) != before
    expect(page.locator("#zoom")).not_to_have_text("100 %")
    page.keyboard.press("0")
    row.click()
    expect(row).to_have_attribute("aria-pressed", "false")
    place = page.evaluate(
        """() => {
            const canvas = [...document.querySelectorAll("#pictures canvas")].at(-1);
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            let [x, y, n] = [0, 0, 0];
            for (let at = 0; at < data.length; at += 4) {
                if (Math.abs(data[at] - 230) > 24 || Math.abs(data[at + 1] - 159) > 24
                    || data[at + 2] > 30 || at / 4 < 60 * width) continue;
                x += (at / 4) % width; y += Math.floor(at / 4 / width); n += 1;
            }
            const box = canvas.getBoundingClientRect();
            return [box.x + x / n, box.y + y / n];
        }"""
    )
    page.mouse.click(*place)
    expect(row).to_have_attribute("aria-pressed", "true")


@pytest.mark.slow
def test_compare_and_explain_are_drawn_when_opened(page, passes):
    give(page, SLICE)
    ran = len(passes)
    assert page.locator("svg.scan").count() == 0
    page.locator("#compare-box summary").click()
    expect(page.locator("#compare svg.scan")).to_have_count(2)
    expect(page.locator("#compare")).to_contain_text("Only Attention U-Net")
    page.set_input_files("#ground-truth input[type=file]", TRUTH)
    expect(page.locator("#compare svg.scan")).to_have_count(4)
    for words in ("Correct", "False positive", "Missed", "pixels"):
        expect(page.locator("#compare")).to_contain_text(words)
    mark = page.locator("#compare .curve line.present").first
    x = float(mark.get_attribute("x1"))
    set_threshold(page, "0.9")
    expect(mark).not_to_have_attribute("x1", f"{x:.1f}")
    page.locator("[data-setting=split]").fill("20")
    left, width, x = (
        float(page.locator("rect.after").get_attribute(name))
        for name in ("data-left", "data-width", "x")
    )
    assert x == pytest.approx(left + width / 5) and width < 512, "the tissue alone"
    assert len(passes) == ran
    page.locator("#explain-box summary").click()
    expect(page.locator("#explain h3")).to_have_count(5)
    once = len(passes)
    assert once > ran
    page.locator("#model").get_by_label("Nested U-Net").check()
    expect(page.locator("#explain h3")).to_have_count(4)
    assert len(passes) == once


def test_the_look_is_the_browsers_own(page, requests):
    give(page, SLICE)
    page.wait_for_timeout(300)
    requests.clear()
    seen = [drawing(page)]
    page.locator("[data-setting=opacity]").fill("80")
    seen.append(drawing(page))
    page.get_by_role("button", name="Zoom in").click()
    expect(page.locator("#zoom")).to_have_text("150 %")
    seen.append(drawing(page))
    page.keyboard.press("o")
    seen.append(drawing(page))
    box = pictures(page).last.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y - 40, steps=4)
    page.mouse.up()
    seen.append(drawing(page))
    page.mouse.down(button="right")
    page.mouse.move(x + 60, y + 40, steps=4)
    page.mouse.up(button="right")
    seen.append(drawing(page))
    assert len(set(seen)) == len(seen), "each of them changes the picture"
    page.get_by_role("button", name="Reset", exact=True).click()
    page.locator("[data-setting=opacity]").fill("25")
    assert drawing(page) == seen[0]
    assert not [url for url in requests if "heartbeat" not in url and "results/" not in url]


def test_by_keyboard_alone(page):
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[data-example]')"):
            break
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for(page, "Metastasis, T2")
    expect(page.locator("[data-example='1']")).to_have_attribute("aria-current", "true")
    start = float(page.locator("#threshold-range").input_value())
    page.keyboard.press("]")
    expect(page.locator("#threshold-range")).to_have_value(f"{start + 0.05:g}")
    page.keyboard.press("[")
    page.keyboard.press("v")
    expect(pictures(page)).to_have_count(1)
    # The numbers of the regions come with the answer.
    expect(page.locator("#regions[aria-busy]")).to_have_count(0)
    before = drawing(page)
    page.locator("#threshold-number").focus()
    page.keyboard.press("o")
    assert drawing(page) == before, "who writes a number does not press a key of the viewer"
    page.get_by_role("tab", name="Scan").press("v")
    assert pictures(page).count() == 1, "nor who is elsewhere on the page"
    pictures(page).click()
    page.keyboard.press("v")
    expect(pictures(page)).to_have_count(3)
    page.locator("#regions .show").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#regions .show").first).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_theme_is_the_systems_until_the_visitor_says_otherwise(browser, server, scheme):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(server)
    expect(page.locator("#verdict")).not_to_be_empty()

    def is_dark() -> bool:
        return page.evaluate("document.body.classList.contains('dark')")

    assert is_dark() == (scheme == "dark")
    page.locator("[data-action=theme]").click()
    for system in ("light", "dark", scheme):
        page.emulate_media(color_scheme=system)
        page.wait_for_timeout(100)
        page.wait_for_function(
            "dark => document.body.classList.contains('dark') === dark", arg=scheme == "light"
        )
    page.goto(server)
    page.wait_for_selector("#examples img")
    assert is_dark() == (scheme == "light")
    context.close()
