"""Figures: several pictures side by side, of which a network would see a mixture."""

import cv2
import numpy as np

from metaseg.preprocess.geometry import resize
from metaseg.preprocess.screenshot import find_picture

SIDE = 256
"""Panels are looked for on a copy of at most this many pixels a side."""
EVEN = 10
"""Grey levels that all but the brightest and the darkest fiftieth of a gap's line keep within."""
LEAST = 0.18
"""Share of the picture's length that a panel takes at least."""
ALIKE = 0.5
"""A panel is at least half as long as the longest one, along the gap and across it."""


def has_panels(grey: np.ndarray) -> bool:
    """Whether ``grey`` (H, W) uint8 shows two or more pictures of about one size, beside each
    other or one below the other, with an even gap from edge to edge between them."""
    picture = grey[find_picture(grey)]
    shrink = max(1.0, max(picture.shape) / SIDE)
    small = resize(picture, *(max(1, round(side / shrink)) for side in picture.shape))
    small = cv2.medianBlur(np.ascontiguousarray(small), 3)
    return _in_columns(small) or _in_columns(small.T)


def _in_columns(grey: np.ndarray) -> bool:
    """Whether gaps part the columns of ``grey`` (H, W) uint8 into panels."""
    low, high = np.percentile(grey, (2, 98), axis=0)
    shown = high - low > EVEN
    edges = np.flatnonzero(np.diff(shown, prepend=False, append=False))
    panels = [part for part in zip(edges[::2], edges[1::2]) if part[1] - part[0] > 3]
    if len(panels) < 2:
        return False
    widths = np.array([stop - start for start, stop in panels])
    heights = np.array([_height(grey[:, start:stop]) for start, stop in panels])
    large = (widths >= max(ALIKE * widths.max(), LEAST * grey.shape[1])) & (
        heights >= max(ALIKE * heights.max(), LEAST * grey.shape[0])
    )
    return bool(np.count_nonzero(large) >= 2)


def _height(panel: np.ndarray) -> int:
    """How many rows of ``panel`` (h, w) uint8 show something."""
    low, high = np.percentile(panel, (2, 98), axis=1)
    return int(np.count_nonzero(high - low > EVEN))
