"""Find the slice within a screenshot, without the bright page of a viewer or document around it."""

import cv2
import numpy as np

AIR = 40
"""A page is brighter than this grey level; a darker one looks like air and does no harm."""
UNEVEN = 3
"""Largest range of a page's grey levels within 5 x 5 pixels."""
COMPRESSED = 16
"""Largest change of a page's grey level near the slice, due to compression."""
LEAST = 0.02
"""Smallest share of the image that counts as a page."""
LINE = 2
"""Width, in pixels, of a frame line around the slice."""


def find_picture(grey: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of ``grey`` (H, W) uint8 that contain the slice; all if there is no page.

    A page is a plain, bright area that reaches the edge. Text on it is cut off, and so is a thin
    line around the slice; slices side by side stay together.
    """
    everything = slice(0, grey.shape[0]), slice(0, grey.shape[1])
    if np.mean(_edge(grey) > AIR) < LEAST:
        return everything
    window = np.ones((5, 5), np.uint8)
    even = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, window) <= UNEVEN
    _, labels, boxes, _ = cv2.connectedComponentsWithStats((even & (grey > AIR)).astype(np.uint8))
    large = np.flatnonzero(boxes[:, cv2.CC_STAT_AREA] >= LEAST * grey.size)
    page = np.isin(labels, np.intersect1d(large[large > 0], _edge(labels)))
    if not page.any():
        return everything
    level = float(np.median(grey[page]))
    # The gradient removes the rim of the page; the dilation restores it.
    rest = 1 - cv2.dilate(page.astype(np.uint8), window)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(rest)
    areas = boxes[1:, cv2.CC_STAT_AREA]
    slices = boxes[1:][areas >= max(0.3 * areas.max(initial=0), LEAST * grey.size)]
    if not len(slices):
        return everything
    left, top = slices[:, 0].min(), slices[:, 1].min()
    right, bottom = (slices[:, :2] + slices[:, 2:4]).max(axis=0)
    like_page = np.abs(grey[top:bottom, left:right].astype(np.float32) - level) <= COMPRESSED
    rows, columns = (np.flatnonzero(like_page.mean(axis=axis) < 0.5) for axis in (1, 0))
    if not (len(rows) and len(columns)):
        return everything
    return (
        _without_line(top + rows[0], top + rows[-1] + 1, grey.shape[0]),
        _without_line(left + columns[0], left + columns[-1] + 1, grey.shape[1]),
    )


def _edge(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]])


def _without_line(start: int, stop: int, length: int) -> slice:
    """From ``start`` to ``stop``, without the line on sides that are not edges of the image."""
    start, stop = int(start), int(stop)
    inner = start + LINE * (start > 0), stop - LINE * (stop < length)
    return slice(*inner) if inner[0] < inner[1] else slice(start, stop)
