"""No state of the page has a serious finding of axe."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.demo.browser import (
    DESKTOP,
    PHONE,
    SLICE,
    TRUTH,
    give,
    needs_chromium,
    open_page,
)

pytestmark = needs_chromium


@pytest.mark.slow
@pytest.mark.parametrize("scheme, size", [("dark", DESKTOP), ("light", DESKTOP), ("light", PHONE)])
def test_nothing_serious_stands_in_the_way_of_assistive_software(
    browser,
    server,
    scheme,
    size,
):
    page = open_page(browser, server, size, color_scheme=scheme)
    assert page.evaluate("document.documentElement.lang") == "en"
    serious = faults(page, "first")
    give(page, SLICE, TRUTH)
    page.locator("#regions .show").first.click()
    serious += faults(page, "result")
    for name in ("compare", "explain"):
        page.locator(f"#{name}-box summary").click()
        expect(page.locator(f"#{name} svg.scan").first).to_be_visible()
    serious += faults(page, "views")
    sizes = page.locator(".curve text").evaluate_all(
        """all => all.map((one) =>
            parseFloat(getComputedStyle(one).fontSize) * one.ownerSVGElement.getScreenCTM().a)"""
    )
    assert min(sizes) > 10, "words in a drawing can be read"
    for tab in ("Batch", "About"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(500)
        serious += faults(page, tab)
    assert serious == []
    page.close()


def faults(page: Page, state: str) -> list[str]:
    """Serious and critical findings of axe, with the state of the page that they are in."""
    # Colours fade in when a theme or a tab changes, and fading ones have too little contrast.
    page.wait_for_timeout(500)
    return [
        f"{state}: {fault['id']} {node['target']} {node['html'][:120]}"
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
