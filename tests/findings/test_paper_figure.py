"""The figure for a paper: cropped, with a scale bar of the right length, and lines as lines."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from metaseg.findings.panels import Layer, Panel
from metaseg.findings.paper_figure import DPI, bar_length, write_paper_figure

SVG = {"svg": "http://www.w3.org/2000/svg"}
BOX = (10, 90, 20, 120)


def write(path, pixel_mm=(0.5, 0.5), aspect=1.0, panels=2):
    grey = np.random.default_rng(0).integers(0, 255, (100, 140)).astype(np.uint8)
    mask = np.zeros((100, 140), bool)
    mask[30:40, 50:70] = True
    shown = [
        Panel("Image"),
        Panel("Attention U-Net", (Layer("Attention U-Net", mask, (86, 180, 233)),)),
        Panel("Nested U-Net", (Layer("Nested U-Net", mask, (230, 159, 0)),)),
    ][:panels]
    write_paper_figure(path, grey, shown, BOX, pixel_mm, aspect, "Slice 41 of 112", "revision 7")
    return path


def texts(path) -> list[str]:
    root = ElementTree.parse(path).getroot()
    return ["".join(part.itertext()).strip() for part in root.iterfind(".//svg:text", SVG)]


def test_svg_holds_words_outlines_and_a_bar_of_the_right_length(tmp_path):
    path = write(tmp_path / "f.svg")
    assert sorted(texts(path)) == sorted(
        ["Image", "Attention U-Net", "Attention U-Net", "10 mm", "Slice 41 of 112"]
    )
    text = path.read_text()
    assert text.count("#56b4e9") == 2, "the outline and its line in the legend"
    assert "revision 7" in text and "/work" not in text
    (bar,) = ElementTree.parse(path).getroot().iterfind(".//svg:g[@id='bar']/svg:path", SVG)
    (x1, _), (x2, _) = re.findall(r"[ML] ([\d.]+) ([\d.]+)", bar.get("d"))
    panel_points = 0.98 * 72 * 3.5  # a hundred pixels of half a millimetre
    assert float(x2) - float(x1) == pytest.approx(panel_points * 10 / 50, rel=1e-3)


def test_without_spacing_there_is_no_bar(tmp_path):
    assert not [text for text in texts(write(tmp_path / "f.svg", None)) if "mm" in text]


@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_png_has_the_resolution_of_print_and_the_shape_of_the_crop(tmp_path, aspect):
    with Image.open(write(tmp_path / "f.png", aspect=aspect, panels=3)) as picture:
        assert picture.info["dpi"] == pytest.approx((DPI, DPI), abs=0.1)
        width, height = picture.size
        assert width == 7 * DPI
        assert height == pytest.approx((7 / 3 * 0.8 * aspect + 0.67) * DPI, abs=2)
        colours = {tuple(pixel) for pixel in np.asarray(picture.convert("RGB")).reshape(-1, 3)}
    assert (86, 180, 233) in colours and (230, 159, 0) in colours


@pytest.mark.parametrize("shape", [(16_000, 16), (16, 16_000), (6000, 6000)])
def test_a_picture_of_any_shape_makes_a_figure_of_a_page(tmp_path, shape):
    path, mask = tmp_path / "f.png", np.zeros(shape, bool)
    mask[8:12, 8:12] = True
    panel = Panel("Image", (Layer("U-Net", mask, (204, 121, 167)),))
    box = (0, shape[0], 0, shape[1])
    write_paper_figure(path, np.zeros(shape, np.uint8), [panel], box, None, 1.0, "", "")
    with Image.open(path) as picture:
        assert picture.size[0] <= 7 * DPI and picture.size[1] <= 9 * DPI
    write_paper_figure(
        tmp_path / "f.svg", np.zeros(shape, np.uint8), [panel], box, None, 1.0, "", ""
    )
    assert (tmp_path / "f.svg").stat().st_size < 200_000


def test_pdf(tmp_path):
    data = write(tmp_path / "f.pdf").read_bytes()
    assert data.startswith(b"%PDF") and b"/Subtype /Image" in data and b"CreationDate" not in data
    assert b"/FontFile2" in data, "the letters travel with the file"


def test_the_same_figure_is_the_same_file(tmp_path):
    for ending in ("svg", "pdf", "png"):
        first, second = (write(tmp_path / f"{n}.{ending}").read_bytes() for n in "ab")
        assert first == second, ending


@pytest.mark.parametrize(
    ("width", "bar"), [(200, 50), (150, 50), (50, 10), (30, 10), (4, 1), (2, None), (900, 100)]
)
def test_bar_length(width, bar):
    assert bar_length(width) == bar
