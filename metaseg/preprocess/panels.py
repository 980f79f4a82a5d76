"""Detect figures of several panels, which a network would see as one image."""

import cv2
import numpy as np

from metaseg.preprocess.geometry import resize
from metaseg.preprocess.screenshot import find_picture

SIDE = 256
"""Longest side, in pixels, of the copy that is searched for panels."""
EVEN = 10
"""Largest range of grey levels along a line of a gap, between its 2nd and 98th percentiles."""
LEAST = 0.18
"""Smallest height and width of a panel, as a share of the image's."""
ALIKE = 0.5
"""Smallest height and width of a panel, as a share of the largest panel's."""


def has_panels(grey: np.ndarray) -> bool:
    """Whether ``grey`` (H, W) uint8 has two or more panels of similar size, in a row or a column,
    separated by plain gaps from edge to edge."""
    picture = grey[find_picture(grey)]
    shrink = max(1.0, max(picture.shape) / SIDE)
    small = resize(picture, *(max(1, round(side / shrink)) for side in picture.shape))
    small = cv2.medianBlur(np.ascontiguousarray(small), 3)
    return _in_columns(small) or _in_columns(small.T)


def _in_columns(grey: np.ndarray) -> bool:
    """Whether gaps divide the columns of ``grey`` (H, W) uint8 into panels."""
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
    """Number of rows of ``panel`` (h, w) uint8 that are not plain."""
    low, high = np.percentile(panel, (2, 98), axis=1)
    return int(np.count_nonzero(high - low > EVEN))
