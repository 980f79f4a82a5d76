import cv2
import numpy as np
import pytest

from metaseg.findings.overlay import PREDICTION_COLOURS, TRUTH_COLOUR, draw_overlay
from metaseg.scan.pictures import write_png

COLOUR = PREDICTION_COLOURS["nested_unet"]


@pytest.mark.parametrize(
    ("shape", "aspect", "size"),
    [
        ((512, 512), 1.0, (512, 512)),
        ((100, 80), 1.0, (500, 400)),
        ((600, 700), 1.0, (600, 700)),
        ((24, 256), 5.0, (240, 512)),
        ((256, 128), 0.5, (512, 512)),
    ],
)
def test_size_and_shape_of_pixels(shape, aspect, size):
    assert draw_overlay(np.zeros(shape, np.uint8), [], aspect).shape == (*size, 3)


def test_a_mask_is_filled_and_outlined_where_it_is():
    grey = np.full((512, 512), 100, np.uint8)
    mask = np.zeros(grey.shape, bool)
    mask[100:200, 300:400] = True
    picture = draw_overlay(grey, [(mask, COLOUR)])
    assert (picture[150, 350] != 100).any() and (picture[50, 50] == 100).all()
    assert np.abs(picture[100, 350].astype(int) - COLOUR).max() < 60
    assert (grey == 100).all(), "the slice itself stays as it is"


def test_colours_are_apart():
    colours = [TRUTH_COLOUR, *PREDICTION_COLOURS.values()]
    assert len(set(colours)) == len(colours)


@pytest.mark.parametrize("kind", ["bool", "grey", "colour"])
def test_png_keeps_every_value(tmp_path, kind):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (9, 7, 3) if kind == "colour" else (9, 7)).astype(np.uint8)
    pixels = pixels > 127 if kind == "bool" else pixels
    write_png(tmp_path / "p.png", pixels)
    read = cv2.imread(str(tmp_path / "p.png"), cv2.IMREAD_UNCHANGED)
    expected = pixels.astype(np.uint8) * 255 if kind == "bool" else pixels
    assert np.array_equal(read[..., ::-1] if kind == "colour" else read, expected)
