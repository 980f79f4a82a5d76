"""What the browser tests share: a page in Debian's Chromium, and what can be seen on it."""

import base64
import mimetypes
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from metaseg.scan import read_scan
from tests.conftest import EXAMPLES

# Without the windows that nobody looks at, where it is installed: a third less processor time.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
SLICE, TRUTH = EXAMPLES / "meningioma_axial.jpg", EXAMPLES / "meningioma_axial_truth.png"
OTHER = EXAMPLES / "glioma_coronal.jpg"
# A busy machine answers late, and that is no fault of the page.
WAIT = 120_000
expect.set_options(timeout=WAIT)
BLUE, ORANGE, GREEN = (86, 180, 233), (230, 159, 0), (0, 158, 115)
"""Attention U-Net, Nested U-Net and ground truth."""
DESKTOP, LAPTOP, PHONE = (1440, 900), (1024, 768), (390, 844)


def open_page(browser: Browser, address: str, size=DESKTOP, **options) -> Page:
    """The page once its first example is solved."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, **options)
    page.set_default_timeout(WAIT)
    page.goto(address)
    expect(page.locator("#verdict")).not_to_be_empty()
    return page


def set_one_apart(page: Page, address: str) -> None:
    """Load the page once more, where the first network has a threshold that no other has."""

    def changed(route: Route) -> None:
        answer = route.fetch()
        body, count = re.subn(
            r"(quot;threshold.u0026quot;: )[\d.]+", r"\g<1>0.9", answer.text(), count=1
        )
        assert count == 1
        route.fulfill(response=answer, body=body)

    page.route(address, changed)
    page.reload()
    expect(page.locator("#verdict")).not_to_be_empty()


def give(page: Page, scan: Path, truth: Path | None = None) -> None:
    """Choose the files by the buttons, and wait for the findings."""
    page.set_input_files("#scan input[type=file]", scan)
    wait_for(page, scan.name.split(".")[0])
    if truth is not None:
        page.set_input_files("#ground-truth input[type=file]", truth)
        expect(page.locator("#figures")).to_contain_text("Agreement")


def wait_for(page: Page, name: str) -> None:
    """Until ``name`` is in the viewer and its findings beside it."""
    expect(page.locator("#pictures figcaption").first).to_contain_text(name)
    expect(page.locator("#verdict, #doubts:visible").first).not_to_be_empty()
    expect(page.locator("#notice")).to_be_hidden()


def carry(page: Page, kind: str, *paths: Path, target: str = "body") -> None:
    """A ``drop`` or ``paste`` of the files at ``paths`` on ``target``."""
    files = [
        {
            "name": path.name,
            "type": mimetypes.guess_type(path.name)[0] or "",
            "data": base64.b64encode(path.read_bytes()).decode(),
        }
        for path in paths
    ]
    page.evaluate(
        """([kind, target, files]) => {
            const carried = new DataTransfer();
            for (const { name, type, data } of files) {
                const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
                carried.items.add(new File([bytes], name, { type }));
            }
            const options = { bubbles: true, cancelable: true };
            const event = kind === "paste"
                ? new ClipboardEvent(kind, { ...options, clipboardData: carried })
                : new DragEvent(kind, { ...options, dataTransfer: carried });
            document.querySelector(target).dispatchEvent(event);
        }""",
        [kind, target, files],
    )


def pictures(page: Page) -> Locator:
    return page.locator("#pictures canvas")


def coloured(page: Page, colour: tuple[int, int, int], number: int = -1) -> int:
    """Pixels of picture ``number`` whose hue is that of ``colour`` at full strength."""
    return page.evaluate(
        """([number, colour]) => new Promise((done) => requestAnimationFrame(() => {
            const canvas = [...document.querySelectorAll("#pictures canvas")].at(number);
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            let count = 0;
            for (let at = 0; at < data.length; at += 4) {
                count += colour.every((value, c) => Math.abs(data[at + c] - value) < 24);
            }
            done(count);
        }))""",
        [number, list(colour)],
    )


def drawing(page: Page, number: int = -1) -> str:
    """What picture ``number`` shows."""
    return page.evaluate(
        """(number) => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
            done([...document.querySelectorAll("#pictures canvas")].at(number).toDataURL()))))""",
        number,
    )


def inside_window(page: Page, place: Locator) -> bool:
    """Whether all of ``place`` is on the screen without scrolling."""
    box, size = place.bounding_box(), page.viewport_size
    assert page.evaluate("scrollY") == 0
    return (
        box["x"] >= 0
        and box["y"] >= 0
        and box["x"] + box["width"] <= size["width"] + 1
        and box["y"] + box["height"] <= size["height"] + 1
    )


def set_threshold(page: Page, value: str) -> None:
    box = page.locator("#threshold-number")
    box.fill(value)
    box.press("Enter")
    page.mouse.click(5, 5)


def save_volume(folder: Path, slices=(0, 1, 1, 0, 1), spacing=(0.5, 0.5, 5.0)) -> Path:
    """A NIfTI volume that shows the meningioma on some of its ``slices``."""
    slice_ = read_scan(SLICE).voxels[0].T
    voxels = np.stack([slice_ * on for on in slices], axis=-1).astype(np.int16)
    path = folder / "head.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([*spacing, 1.0])), path)
    return path


def middle_of(place: Locator) -> tuple[float, float]:
    box = place.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def touches(page: Page) -> Callable:
    """Sends an event of touches at some places."""
    session = page.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        placed = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": placed})

    return send


def pinch(send: Callable, x: float, y: float) -> None:
    """Two fingers around a place move apart."""
    send("touchStart", (x - 30, y), (x + 30, y))
    for apart in (40, 60, 80):
        send("touchMove", (x - apart, y), (x + apart, y))
    send("touchEnd")
