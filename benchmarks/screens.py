"""The pictures of the page in docs/screens, taken anew.

    python benchmarks/screens.py http://127.0.0.1:7860 docs/screens

Needs Playwright and Chromium.
"""

# What is on the page has a size, and the example can be read.
# pyright: reportOptionalSubscript=false, reportOptionalMemberAccess=false

import argparse
import io
import shutil
import tempfile
from pathlib import Path

import cv2
import nibabel
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

EXAMPLES = Path(__file__).parent.parent / "examples"
LONGEST = 1200
DESKTOP, PHONE = (1440, 900), (390, 844)
expect.set_options(timeout=60_000)


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("address")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as scratch:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        take_all(browser, given.address, given.folder, Path(scratch))
        browser.close()


def take_all(browser: Browser, address: str, folder: Path, scratch: Path) -> None:
    """The pictures of each state, as WebP in ``folder``."""
    page = opened(browser, address, "light", DESKTOP)
    keep(page, folder / "first.webp")
    give(page, EXAMPLES / "metastasis_first.jpg", EXAMPLES / "metastasis_first_truth.png")
    keep(page, folder / "result.webp")
    page.locator("#regions .reject").last.click()
    page.get_by_role("button", name="Paint", exact=True).click()
    box = page.locator("#pictures canvas").last.bounding_box()
    x, y = box["x"] + box["width"] * 0.63, box["y"] + box["height"] * 0.49
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 20, steps=5)
    page.mouse.up()
    expect(page.locator("#verdict")).to_contain_text("outlines changed")
    keep(page, folder / "review.webp")
    give(page, photograph(scratch))
    keep(page, folder / "doubt.webp")
    give(page, EXAMPLES / "metastasis_second.jpg", EXAMPLES / "metastasis_second_truth.png")
    for name in ("compare", "explain"):
        page.locator(f"#{name}-box summary").click()
        expect(page.locator(f"#{name} svg.scan").first).to_be_visible()
        page.locator(f"#{name}-box").evaluate("(box) => scrollTo(0, box.offsetTop)")
        keep(page, folder / f"{name}.webp")
        page.locator(f"#{name}-box summary").click()
    page.set_input_files("#scan input[type=file]", scratch / "missing.png")
    expect(page.locator("#notice")).to_contain_text("not an image")
    page.evaluate("scrollTo(0, 0)")
    keep(page, folder / "error.webp")
    page.close()
    page = opened(browser, address, "dark", DESKTOP)
    give(page, volume(scratch))
    page.locator("#position").fill("4")  # a bright slice
    keep(page, folder / "volume.webp")
    page.close()
    page = opened(browser, address, "dark", PHONE)
    keep(page, folder / "phone.webp")
    page.close()


def opened(browser: Browser, address: str, scheme: str, size: tuple[int, int]) -> Page:
    """The page with its first example solved."""
    touched = size == PHONE
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        has_touch=touched,
        is_mobile=touched,
    )
    page.on("dialog", lambda dialog: dialog.accept())  # whether a review may go
    page.goto(address)
    expect(page.locator("#verdict")).not_to_be_empty()
    return page


def give(page: Page, scan: Path, truth: Path | None = None) -> None:
    """Open the files, and wait for the result."""
    page.set_input_files("#scan input[type=file]", scan)
    expect(page.locator("#pictures figcaption").first).to_contain_text(scan.name.split(".")[0])
    expect(page.locator("#verdict, #doubts").filter(has_text=".").first).to_be_visible()
    if truth is not None:
        page.set_input_files("#ground-truth input[type=file]", truth)
        expect(page.locator("#figures")).to_contain_text("Agreement")


def keep(page: Page, path: Path) -> None:
    """What the window shows, as a small picture."""
    page.mouse.move(2, 2)
    page.wait_for_timeout(700)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.thumbnail((LONGEST, LONGEST))
    picture.save(path, quality=82, method=6)


def photograph(folder: Path) -> Path:
    """An example in false colours, which no MR image has; and a file that is no image."""
    (folder / "missing.png").write_text("no picture")
    grey = cv2.imread(str(EXAMPLES / "pituitary_coronal.jpg"), cv2.IMREAD_GRAYSCALE)
    path = folder / "coloured.png"
    cv2.imwrite(str(path), cv2.applyColorMap(grey, cv2.COLORMAP_OCEAN))
    return path


def volume(folder: Path) -> Path:
    """An example as a volume of a few slices, brighter in its middle."""
    grey = cv2.imread(str(EXAMPLES / "meningioma_axial.jpg"), cv2.IMREAD_GRAYSCALE)[::-1].T
    levels = (0.2, 0.5, 0.8, 0.9, 1.0, 1.0, 0.9, 0.8, 0.5, 0.2)
    voxels = np.stack([grey * level for level in levels], axis=-1).astype(np.int16)
    path = folder / "head.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([0.5, 0.5, 6.0, 1.0])), path)
    return path


if __name__ == "__main__":
    main()
