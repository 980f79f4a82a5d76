"""Find the tissue on a slice."""

import math

import cv2
import numpy as np

from metaseg.preprocess.geometry import Box, resize
from metaseg.preprocess.screenshot import find_picture
from metaseg.preprocess.settings import Preprocessing

ANALYSIS_SIDE = 256
"""Longest side, in pixels, of the copy that is searched for tissue."""


def find_tissue(grey: np.ndarray, settings: Preprocessing) -> Box | None:
    """The box (top, bottom, left, right) around the tissue of ``grey`` (H, W) uint8.

    It has a margin, within the slice, and excludes the page around a screenshot. None for a slice
    without tissue: constant, too faint, or pure noise.
    """
    found = find_views(grey, settings)
    return found and found[0]


def find_views(grey: np.ndarray, settings: Preprocessing) -> tuple[Box, Box] | None:
    """The box of ``find_tissue``, and the same box with its full margin, beyond the slice."""
    rows, columns = find_picture(grey)
    view = _find_tissue(grey[rows, columns], settings)
    if view is None:
        return None
    top, bottom = view[0] + rows.start, view[1] + rows.start
    left, right = view[2] + columns.start, view[3] + columns.start
    box = (
        max(rows.start, top),
        min(rows.stop, bottom),
        max(columns.start, left),
        min(columns.stop, right),
    )
    return box, (top, bottom, left, right)


def _find_tissue(grey: np.ndarray, settings: Preprocessing) -> Box | None:
    height, width = grey.shape
    shrink = max(1.0, max(height, width) / ANALYSIS_SIDE)
    small_shape = max(1, round(height / shrink)), max(1, round(width / shrink))
    small = resize(grey, *small_shape).astype(np.float32)
    smooth = cv2.GaussianBlur(small, (0, 0), sigmaX=2.5)
    faint = np.ptp(smooth) < settings.minimum_range
    if faint or smooth.std() < settings.minimum_structure * small.std():
        return None
    levels = np.rint(smooth).astype(np.uint8)
    foreground = (levels > air_level(levels)).astype(np.uint8)
    _, _, components, _ = cv2.connectedComponentsWithStats(foreground)
    large = [c for c in components[1:] if c[cv2.CC_STAT_AREA] >= 0.01 * levels.size]
    if not large:
        return 0, height, 0, width
    left, top = (min(c[axis] for c in large) for axis in (0, 1))
    right, bottom = (max(c[axis] + c[axis + 2] for c in large) for axis in (0, 1))
    margin = 0.03 * max(right - left, bottom - top)
    # At least a third of the slice: the top of a head must not look like a whole head.
    least = max(height, width) / 3 / shrink
    top, bottom = _widen(top - margin, bottom + margin, least)
    left, right = _widen(left - margin, right + margin, least)
    return (
        math.floor(top * shrink),
        math.ceil(bottom * shrink),
        math.floor(left * shrink),
        math.ceil(right * shrink),
    )


def air_level(levels: np.ndarray) -> float:
    """The grey level up to which a pixel of ``levels`` (H, W) uint8 counts as air."""
    # Otsu's threshold (1979) often separates bright scalp from the rest: half of it is safe.
    return cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)[0] / 2


def _widen(low: float, high: float, least: float) -> tuple[float, float]:
    missing = max(0.0, least - (high - low)) / 2
    return low - missing, high + missing
