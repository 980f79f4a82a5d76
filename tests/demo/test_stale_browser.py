"""What the page says is about what it shows, in Chromium: also after a fault."""

import numpy as np
import pytest
from playwright.sync_api import expect

from metaseg.errors import InputError
from metaseg.scan.pictures import write_png
from tests.demo.browser import (
    ORANGE,
    SLICE,
    coloured,
    give,
    needs_chromium,
    save_volume,
    set_threshold,
    wait_for,
)

pytestmark = [needs_chromium, pytest.mark.slow]
UNMEASURED = "What is outlined has not been measured."


def test_cancelling_a_network_does_not_silence_the_others(page, gate, tmp_path):
    gate.set()
    give(page, save_volume(tmp_path))
    gate.clear()
    page.locator("[data-network=unet]").click()
    page.locator("#cancel", has_text="Cancel").click()
    expect(page.locator("#regions li")).to_have_count(0)
    expect(page.locator("#handover")).to_be_hidden()
    set_threshold(page, "0.6")
    expect(page.locator("#notice")).to_contain_text("Cancelled")  # it does not begin by itself
    page.locator("#model label").first.click()
    expect(page.locator("#regions li").first).to_be_visible()
    expect(page.locator("#notice")).to_be_hidden()
    page.locator("#regions .reject").first.click()
    expect(page.locator("#verdict")).to_contain_text("Reviewed")


def test_an_answer_that_is_refused_leaves_no_words_about_other_outlines(page, monkeypatch):
    give(page, SLICE)
    before = coloured(page, ORANGE)
    page.locator("[data-tool=paint]").click()

    def refuse(*arguments, **options):
        raise InputError("Not now.")

    with monkeypatch.context() as refused:
        refused.setattr("metaseg.demo.answer.findings_of", refuse)
        set_threshold(page, "0.2")
        expect(page.locator("#notice")).to_contain_text("Not now.")
        assert coloured(page, ORANGE) > before
        expect(page.locator("#verdict")).to_have_text(UNMEASURED)
        expect(page.locator("#regions li")).to_have_count(0)
        expect(page.locator("#handover")).to_be_hidden()
        expect(page.locator("#pictures.drawing")).to_have_count(0)
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
    set_threshold(page, "0.3")
    expect(page.locator("#regions li").first).to_be_visible()
    expect(page.locator("#handover")).to_be_visible()


def test_a_ground_truth_that_is_refused_is_not_ticked(page, tmp_path):
    write_png(tmp_path / "small.png", np.zeros((80, 100), np.uint8))
    give(page, SLICE)
    page.set_input_files("#ground-truth input[type=file]", tmp_path / "small.png")
    expect(page.locator("#ground-truth span")).to_have_text("Ground truth not used")
    page.locator("#forget-truth").click()
    expect(page.locator("#ground-truth span")).to_have_text("+ Ground truth")


def test_the_sensitive_point_is_one_number_in_picture_words_and_box(page):
    give(page, SLICE)
    tick = page.locator("#ticks button", has_text="sensitive")
    tick.click()
    value = page.locator("#threshold-number").input_value()
    assert tick.inner_text() == f"sensitive {value}"
    assert float(value) * 200 == pytest.approx(round(float(value) * 200), abs=1e-6)


def test_a_zoomed_picture_and_its_window_are_moved_by_keys(page):
    give(page, SLICE)
    picture = page.locator("#pictures")
    seen = [picture.screenshot()]
    picture.focus()
    for key in ("+", "+", "Shift+ArrowRight", "Shift+ArrowDown", ".", ">"):
        page.keyboard.press(key)
        page.wait_for_timeout(100)
        seen.append(picture.screenshot())
    assert len(set(seen)) == len(seen)
    page.keyboard.press("p")
    for _ in range(60):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Space")
    expect(page.locator("#verdict")).to_contain_text("outlines changed on 1 slice")
    wait_for(page, SLICE.stem)


def test_pressed_buttons_can_be_told_in_forced_colours(page):
    page.emulate_media(forced_colors="active")
    shades = page.locator("[data-layout]").evaluate_all(
        "all => all.map((one) => [one.ariaPressed, getComputedStyle(one).backgroundColor])"
    )
    pressed = {shade for state, shade in shades if state == "true"}
    assert pressed and not pressed & {shade for state, shade in shades if state == "false"}
