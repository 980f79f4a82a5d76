"""Seconds, clicks and scrolls from opening the page to a mask that can be judged.

    python benchmarks/first_mask.py http://127.0.0.1:7860

A mask counts once all of its picture is inside the window, with a network's outline on it. The
script works with the page of any version: it clicks an example, or gives a slice of its own,
and scrolls by a third of the window as long as no mask can be seen. Needs Playwright and Chromium.
"""

# What is on the page has a size, and the example can be read.
# pyright: reportOptionalSubscript=false, reportOptionalMemberAccess=false

import argparse
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

WINDOWS = {"1440x900": (1440, 900), "1024x768": (1024, 768), "390x844": (390, 844)}
SLICE = Path(__file__).parent.parent / "examples" / "glioma_coronal.jpg"
PATIENCE = 60
"""Seconds after which a mask is given up."""
OPENING = 8
"""Seconds for which a page that is only opened is looked at."""
SETTLED = 1.0
"""Seconds that a visitor looks before scrolling on."""
INSIDE = """(element) => {
  const { top, bottom } = element.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
}"""

VISIBLE = """() => {
  const inside = (element) => {
    const { top, bottom, left, right, width } = element.getBoundingClientRect();
    return width > 0 && top >= 0 && left >= 0 && bottom <= innerHeight + 1
      && right <= innerWidth + 1;
  };
  const colours = [[86, 180, 233], [230, 159, 0]];
  const isOutlined = (canvas) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
      count += colours.some((colour) => colour.every((c, k) => Math.abs(data[at + k] - c) < 24));
    }
    return count > 50;
  };
  const drawn = [...document.querySelectorAll("#outlines svg.scan")].filter(
    (svg) => svg.querySelector("path.lesion:not([data-model=truth])"));
  const painted = [...document.querySelectorAll("#pictures canvas")].filter(
    (canvas) => inside(canvas) && isOutlined(canvas));
  return drawn.some(inside) || painted.length > 0;
}"""
BUSY = """() => document.querySelector("#notice:not([hidden])") !== null"""
NAMED = """(name) => document.body.innerText.includes(name) || [...document.querySelectorAll(
  "#outlines [data-scan]")].some((one) => one.dataset.scan.includes(name))"""


def main() -> None:
    """Print the medians of a few visits to each window, one line for each way in."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("address")
    parser.add_argument("--visits", type=int, default=3)
    given = parser.parse_args()
    print("| window | way in | seconds | clicks | scrolls |")
    print("|---|---|---|---|---|")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for window, size in WINDOWS.items():
            for way in ("open the page", "click an example", "give a file"):
                found = [visit(browser, given.address, size, way) for _ in range(given.visits)]
                cells = [f"{statistics.median(part):.1f}" for part in zip(*found)]
                seconds, clicks, scrolls = cells
                print(f"| {window} | {way} | {seconds} | {clicks[:-2]} | {scrolls[:-2]} |")
        browser.close()


def visit(
    browser: Browser, address: str, size: tuple[int, int], way: str
) -> tuple[float, int, int]:
    """Seconds, clicks and scrolls of one visit; infinite seconds if no mask comes."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    started = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("#examples img")
    clicks, scrolls, name = 0, 0, ""
    if way != "open the page":
        clicks, name = 1, SLICE.stem
        if way == "give a file":
            page.set_input_files("#scan input[type=file]", SLICE)
        else:
            # The fourth is another one than the page may show already.
            examples = page.locator("#examples button:has(img), #examples .thumbnail-item")
            scrolls = scroll_until(page, lambda: examples.nth(3).evaluate(INSIDE))
            examples.nth(3).click()
            name = "oronal"

    def shows_mask() -> bool:
        return page.evaluate(VISIBLE) and (not name or page.evaluate(NAMED, name))

    if way == "open the page":
        end = time.perf_counter() + OPENING
        while not shows_mask() and time.perf_counter() < end:
            page.wait_for_timeout(100)
    else:
        scrolls += scroll_until(page, shows_mask)
    seconds = time.perf_counter() - started if shows_mask() else float("inf")
    page.close()
    return seconds, clicks, scrolls


def scroll_until(page: Page, shows: Callable[[], bool]) -> int:
    """How often a visitor scrolls until the window ``shows`` what is looked for."""
    scrolls, looked = 0, time.perf_counter()
    end = time.perf_counter() + PATIENCE
    while not shows() and time.perf_counter() < end:
        page.wait_for_timeout(100)
        if page.evaluate(BUSY):
            looked = time.perf_counter()
        if time.perf_counter() - looked > SETTLED:
            page.mouse.move(page.viewport_size["width"] / 2, page.viewport_size["height"] / 2)
            page.mouse.wheel(0, page.viewport_size["height"] / 3)
            scrolls, looked = scrolls + 1, time.perf_counter()
    return scrolls


if __name__ == "__main__":
    main()
