"""A volume on one page: its slices with the lesions found, side by side."""

from collections.abc import Callable

import cv2
import numpy as np

from metaseg.findings.overlay import draw_overlay

TILE = 240
"""Longer side of a slice on the sheet, in pixels."""
COLUMNS = 6
MAX_TILES = 36
MARGIN = 4
LABEL_COLOUR = (255, 255, 255)


def contact_sheet(
    view: Callable[[int], np.ndarray],
    mask: np.ndarray,
    colour: tuple[int, int, int],
    aspect: float = 1.0,
) -> np.ndarray:
    """The slices of a volume with ``mask`` (D, H, W) bool drawn on them: (h, w, 3) uint8 RGB.

    ``view`` gives a slice as grey levels (H, W) uint8. It shows slices with a lesion, evenly spaced
    if there are too many, or slices from the whole volume if there are none. ``aspect`` is a
    pixel's height over its width.
    """
    tiles = [_tile(view(index), mask[index], index, colour, aspect) for index in pick_slices(mask)]
    height, width = tiles[0].shape[:2]
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    step_y, step_x = height + MARGIN, width + MARGIN
    sheet = np.zeros((rows * step_y - MARGIN, columns * step_x - MARGIN, 3), np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * step_y, number % columns * step_x
        sheet[top : top + height, left : left + width] = tile
    return sheet


def pick_slices(mask: np.ndarray) -> list[int]:
    """At most ``MAX_TILES`` slices of ``mask`` (D, H, W): those with a lesion, or from all over."""
    found = np.flatnonzero(mask.any(axis=(1, 2)))
    if not found.size:
        found = np.arange(len(mask))[:: max(1, len(mask) // (2 * COLUMNS))]
    if len(found) > MAX_TILES:
        found = found[np.linspace(0, len(found) - 1, MAX_TILES).round().astype(int)]
    return found.tolist()


def _tile(
    grey: np.ndarray, mask: np.ndarray, index: int, colour: tuple[int, int, int], aspect: float
) -> np.ndarray:
    drawn = draw_overlay(grey, [(mask, colour)])
    height, width = grey.shape[0] * aspect, grey.shape[1]
    scale = TILE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    tile = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)
    cv2.putText(
        tile, str(index + 1), (5, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, LABEL_COLOUR, 1, cv2.LINE_AA
    )
    return tile
