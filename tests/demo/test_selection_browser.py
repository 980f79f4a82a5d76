"""Lesions that are chosen after a picture was moved, in Chromium."""

import pytest
from playwright.sync_api import expect

from tests.demo.test_browser import CHROMIUM, browser, drop, page, scans  # noqa: F401

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def test_a_lesion_of_the_list_can_be_chosen_after_a_drag(page):  # noqa: F811
    drop(page)
    page.get_by_role("button", name="Zoom in").click()
    picture = scans(page).first
    before = picture.get_attribute("viewBox")
    box = picture.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y - 40, steps=4)
    page.mouse.up()
    expect(picture).not_to_have_attribute("viewBox", before)
    expect(page.locator("#outlines path.selected")).to_have_count(0)
    page.locator("#outlines tr[data-lesion]").first.click()
    expect(page.locator("#outlines path.selected")).to_have_count(1)
