"""Pictures from arrays."""

import cv2
import numpy as np

# Okabe and Ito (2008): distinguishable with common kinds of colour blindness.
TRUTH_COLOUR = (0, 158, 115)
PREDICTION_COLOURS = {
    "attention_unet": (86, 180, 233),
    "nested_unet": (230, 159, 0),
    "unet": (204, 121, 167),
}
# From the same palette: agreement, and errors of a prediction.
BOTH_COLOUR = (240, 228, 66)
FALSE_POSITIVE_COLOUR = (213, 94, 0)
MISSED_COLOUR = (204, 121, 167)
FILL_OPACITY = 0.35
DISPLAY_SIDE = 512
"""Slices smaller than this are enlarged for the page, so that outlines stay thin and sharp."""
STRETCHED_SIDE = 4096
"""Slices of pixels that are not square are enlarged no further than this."""


def draw_overlay(
    grey: np.ndarray,
    masks: list[tuple[np.ndarray, tuple[int, int, int]]],
    aspect: float = 1.0,
) -> np.ndarray:
    """``grey`` (H, W) uint8 with each mask (H, W) bool filled and outlined in its colour.

    ``aspect`` is a pixel's height over its width. Returns (h, w, 3) uint8 RGB: the slice's own
    size, times a whole number where it is small, and stretched along the longer side of its
    pixels where they are not square, as far as ``STRETCHED_SIDE``.
    """
    height, width = grey.shape
    factor = max(1, DISPLAY_SIDE // max(grey.shape))
    stretched = width * factor * max(1.0, 1 / aspect), height * factor * max(1.0, aspect)
    shrink = min(1.0, max(STRETCHED_SIDE, height, width) / max(stretched))
    size = max(1, round(stretched[0] * shrink)), max(1, round(stretched[1] * shrink))
    large = cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC)
    picture = cv2.cvtColor(large, cv2.COLOR_GRAY2RGB)
    # A line as thick as an absurdly long picture asks for would take minutes to draw.
    thickness = max(1, round(min(max(size), STRETCHED_SIDE) / 400))
    for mask, colour in masks:
        shape = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        draw_mask(picture, shape, colour, thickness)
    return picture


def draw_mask(
    picture: np.ndarray,
    mask: np.ndarray,
    colour: tuple[int, int, int],
    thickness: int,
    filled: bool = True,
) -> None:
    """Outline ``mask`` (h, w) uint8 in ``picture`` (h, w, 3) uint8 RGB, and fill it faintly."""
    if filled:
        mixed = np.arange(256)[:, None] * (1 - FILL_OPACITY) + np.array(colour) * FILL_OPACITY
        cv2.copyTo(cv2.LUT(picture, mixed.astype(np.uint8)[None]), mask, picture)
    outlines, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, colour, thickness, cv2.LINE_AA)
