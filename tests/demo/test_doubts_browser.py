"""What may be no brain MRI shows no result until it is asked for, in Chromium."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from metaseg.scan.dicom_kind import MODALITY
from metaseg.scan.pictures import COLOUR
from metaseg.segmenter import Segmenter
from tests.conftest import EXAMPLES
from tests.demo.browser import (
    ORANGE,
    SLICE,
    carry,
    coloured,
    give,
    middle_of,
    needs_chromium,
    pictures,
    save_volume,
)

pytestmark = [needs_chromium, pytest.mark.slow]


@pytest.fixture
def photo(tmp_path) -> Path:
    """The meningioma in colours."""
    path = tmp_path / "holiday.png"
    pixels = cv2.imread(str(SLICE))
    pixels[..., 0] = 255 - pixels[..., 0]
    cv2.imwrite(str(path), pixels)
    return path


def doubt_all(monkeypatch, **changes) -> None:
    """Every prediction says of its scan that it may be no MRI, and has ``changes``."""
    predict = Segmenter.predict_each

    def doubtful(*given):
        return [replace(found, notices=(MODALITY,), **changes) for found in predict(*given)]

    monkeypatch.setattr(Segmenter, "predict_each", doubtful)


def test_what_is_no_brain_mri_waits_behind_show_anyway(page, photo):
    page.set_input_files("#scan input[type=file]", photo)
    expect(page.locator("#doubts")).to_contain_text(COLOUR)
    expect(page.locator("#verdict")).to_be_empty()
    expect(page.locator("#regions li")).to_have_count(0)
    expect(page.locator("#handover")).to_be_hidden()
    expect(page.locator("#notice")).to_be_hidden()
    expect(pictures(page)).to_have_count(1)
    assert coloured(page, ORANGE) == 0, "no outline either"
    page.locator(".skip").press("Enter")
    expect(page.locator("#result")).to_be_focused()
    page.keyboard.press("n")
    page.mouse.click(*middle_of(pictures(page).last))
    page.wait_for_timeout(300)
    assert page.locator("#zoom").text_content() == "100 %", "where the regions are is not told"
    page.get_by_role("button", name="Show the result anyway").click()
    expect(page.locator("#verdict")).to_contain_text("region")
    expect(page.locator("#verdict")).to_be_focused()
    expect(page.locator("#doubts")).to_contain_text(COLOUR)


def test_a_result_wanted_anyway_is_shown_after_a_cancelled_run_too(page, gate, photo):
    page.get_by_role("radio", name="Attention U-Net").check()
    page.set_input_files("#scan input[type=file]", photo)
    page.get_by_role("button", name="Show the result anyway").click()
    expect(page.locator("#doubts")).to_be_focused()  # there is no verdict yet
    gate.set()
    expect(page.locator("#regions li").first).to_be_visible()
    gate.clear()
    page.get_by_role("radio", name="U-Net (baseline)").check()
    page.locator("#cancel", has_text="Cancel").click()
    expect(page.locator("#regions li")).to_have_count(0)
    gate.set()
    page.get_by_role("radio", name="Attention U-Net").check()
    expect(page.locator("#regions li").first).to_be_visible()
    expect(page.locator("#doubts")).to_contain_text(COLOUR)


def test_a_volume_held_back_opens_in_its_middle(page, monkeypatch, tmp_path):
    doubt_all(monkeypatch)
    page.set_input_files("#scan input[type=file]", save_volume(tmp_path, (0, 0, 0, 0, 0, 1, 0)))
    expect(page.locator("#doubts")).to_contain_text("modality other than MR")
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#where")).to_contain_text("4 / 7")
    page.get_by_role("button", name="Show the result anyway").click()
    expect(page.locator("#where")).to_contain_text("6 / 7")


def test_a_body_ct_is_never_an_all_clear(page, monkeypatch):
    doubt_all(monkeypatch, probability=np.zeros((1, 512, 512), np.float32))
    carry(page, "paste", EXAMPLES / "meningioma_sagittal.jpg")
    expect(page.locator("#doubts")).to_contain_text("modality other than MR")
    page.wait_for_timeout(300)
    assert "no region" not in page.locator("#viewer").inner_text()


def test_a_tool_goes_when_the_result_is_held_back(page, monkeypatch):
    give(page, SLICE)
    page.keyboard.press("p")
    expect(page.locator("#pictures.drawing")).to_have_count(1)
    doubt_all(monkeypatch)
    page.get_by_role("radio", name="U-Net (baseline)").check()
    expect(page.get_by_role("button", name="Show the result anyway")).to_be_visible()
    expect(page.locator("#pictures.drawing")).to_have_count(0)
