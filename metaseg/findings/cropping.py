"""Parts of a slice to show: its tissue, and a lesion with what lies around it."""

from collections.abc import Sequence

import cv2
import numpy as np

from metaseg.findings.matching import Region
from metaseg.findings.overlay import draw_mask
from metaseg.preprocess import Box, Preprocessing, find_tissue

AROUND = 3.0
"""Side of a lesion's picture over the lesion's own longer side."""
LEAST_SHARE = 0.25
"""Least side of a lesion's picture over the tissue's longer side: so much shows where it lies."""
LINE_SHARE = 200
"""A picture's longer side over the width of its lines."""


def box_around(region: Region, tissue: Box, aspect: float = 1.0) -> Box:
    """The square around ``region``, moved to lie inside ``tissue`` and cut off where it cannot.

    It is square on the screen: ``aspect`` is a pixel's height over its width.
    """
    top, bottom, left, right = region.box
    height, width = tissue[1] - tissue[0], tissue[3] - tissue[2]
    own = max((bottom - top) * aspect, right - left)
    side = max(AROUND * own, LEAST_SHARE * max(height * aspect, width))
    rows = _part((top + bottom) / 2, side / aspect, tissue[0], tissue[1])
    columns = _part((left + right) / 2, side, tissue[2], tissue[3])
    return *rows, *columns


def _part(centre: float, length: float, first: int, last: int) -> tuple[int, int]:
    size = min(last - first, max(1, round(length)))
    start = min(max(first, round(centre - size / 2)), last - size)
    return start, start + size


def tissue_box(
    grey: np.ndarray,
    settings: Preprocessing,
    masks: Sequence[tuple[np.ndarray, tuple[int, int, int]]],
) -> Box:
    """The box around the tissue of ``grey`` (H, W) uint8 and all that ``masks`` mark on it."""
    height, width = grey.shape
    top, bottom, left, right = find_tissue(grey, settings) or (0, height, 0, width)
    for mask, _ in masks:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if rows.size:
            top, bottom = min(top, rows[0]), max(bottom, rows[-1] + 1)
            left, right = min(left, columns[0]), max(right, columns[-1] + 1)
    return int(top), int(bottom), int(left), int(right)


def picture_of(
    grey: np.ndarray,
    masks: list[tuple[np.ndarray, tuple[int, int, int]]],
    box: Box,
    side: int,
    aspect: float = 1.0,
    filled: bool = False,
) -> np.ndarray:
    """``box`` of the slice ``grey`` (H, W) uint8 with each mask (H, W) bool outlined in its colour,
    its longer side ``side`` pixels: (h, w, 3) uint8 RGB. ``aspect`` is as in ``box_around``."""
    part = np.s_[box[0] : box[1], box[2] : box[3]]
    height, width = (box[1] - box[0]) * aspect, box[3] - box[2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture = cv2.cvtColor(cv2.resize(grey[part], size, interpolation=smooth), cv2.COLOR_GRAY2RGB)
    for mask, colour in masks:
        shape = cv2.resize(mask[part].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        draw_mask(picture, shape, colour, max(1, round(side / LINE_SHARE)), filled)
    return picture
