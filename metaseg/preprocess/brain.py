"""Find the brain on a single slice by classical image processing, without any download.

This is threshold-and-morphology skull stripping (for example Brummer et al. 1993, IEEE
Transactions on Medical Imaging 12(2)): the brain is the largest compact region of middle grey
levels, and a dark ring of skull and fluid separates it from the bright scalp.
"""

import cv2
import numpy as np

from metaseg.preprocess.intensity import grey_slices
from metaseg.preprocess.settings import Preprocessing
from metaseg.scan import Scan

SIDE = 192
"""Longest side, in pixels, of the copy on which the mask is computed."""

ANGLES = 180
"""Number of rays along which the skull is searched."""

FAINT = 16
"""Lowest grey level of deep tissue at which a brain can be recognised."""

HEAD = 0.3
"""Share of Otsu's threshold (1979) up to which pixels count as air: the threshold itself often
separates scalp from brain."""


def brain_masks(scan: Scan, settings: Preprocessing) -> list[np.ndarray | None]:
    """``brain_mask`` of every slice of ``scan``, in the window that ``settings`` define."""
    return [brain_mask(grey) for grey in grey_slices(scan, settings)]


def brain_mask(grey: np.ndarray) -> np.ndarray | None:
    """The brain on ``grey`` (H, W) uint8 as a boolean mask (H, W), or None if it is not certain.

    ``grey`` is T1 or FLAIR in any plane, before CLAHE, with or without the skull. None is common
    at the skull base, where muscle, eyes and brain touch, and above the vertex.
    """
    height, width = grey.shape
    shrink = max(1.0, max(height, width) / SIDE)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    small = cv2.GaussianBlur(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), (0, 0), 0.7)
    head = _largest(small > HEAD * cv2.threshold(small, 0, 255, cv2.THRESH_OTSU)[0])
    if head is None or not 0.05 < head.mean() < 0.85:
        return None
    head = _filled(_closed(head, 4))
    found = _compact_tissue(small, head)
    if found is None:
        return None
    return cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR) > 0


def _compact_tissue(small: np.ndarray, head: np.ndarray) -> np.ndarray | None:
    """The brain inside the filled ``head`` (H, W) uint8 of ``small`` (H, W) uint8."""
    area = float(head.sum())
    reach = float(np.sqrt(area / np.pi))  # radius in pixels of a disc as large as the head
    depth = cv2.distanceTransform(np.pad(head, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    above = _above_the_skull_base(head)
    # Most tissue deep inside the head is brain; on upright slices, in the upper part of the head.
    core = (depth > 0.35 * depth.max()) & (above > 0)
    if not core.any():
        return None
    level = float(np.median(small[core]))
    if level < FAINT:
        return None
    inside = _within_skull(small, head, head & above, reach, level) & (depth > 1) & (above > 0)
    for low, high in ((0.55, 1.75), (0.7, 1.5)):
        tissue = ((small > low * level) & (small < high * level) & inside).astype(np.uint8)
        tissue = cv2.morphologyEx(tissue, cv2.MORPH_CLOSE, _disc(1))
        for radius in (0.05, 0.08, 0.12, 0.16):
            pixels = max(1, round(radius * reach))
            marker = _largest(cv2.erode(tissue, _disc(pixels)), also=0.25)
            if marker is None:
                break
            grown = cv2.dilate(marker, _disc(pixels + 1)) & inside  # pyright: ignore[reportOperatorIssue]
            brain = _filled(_closed(grown, round(0.25 * reach)) & inside)
            if _is_plausible(brain, area) and _is_even(small, brain, level):
                return cv2.morphologyEx(brain, cv2.MORPH_OPEN, _disc(max(1, round(0.1 * reach))))
    return None


def _above_the_skull_base(head: np.ndarray) -> np.ndarray:
    """Where brain is possible: all of an axial slice, the top of an upright one; (H, W) uint8.

    The outline of the head tells the planes apart: a sagittal one is not symmetric, a coronal one
    is cut off below, at the neck. How far down the brain reaches, as a share of the head's width,
    was measured on slices.
    """
    rows, columns = np.nonzero(head)
    top, bottom = int(rows.min()), int(rows.max()) + 1
    width = int(np.count_nonzero(head[top : (top + bottom) // 2].any(axis=0)))
    mirror = np.clip(2 * round(columns.mean()) - columns, 0, head.shape[1] - 1)
    symmetry = np.count_nonzero(head[rows, mirror]) / len(rows)
    # A tight field of view cuts off an axial head at both ends, an upright one only below.
    above_edge, below_edge = int(head[1].sum()), int(head[-2].sum())
    cut_off = below_edge > 0.2 * width and above_edge < 0.5 * below_edge
    if symmetry < 0.92:
        bottom = top + round(0.72 * width)
    elif cut_off:
        bottom = top + round(0.85 * width)
    above = np.zeros_like(head)
    above[:bottom] = 1
    return above


def _within_skull(
    small: np.ndarray, head: np.ndarray, above: np.ndarray, reach: float, level: float
) -> np.ndarray:
    """The inside of the dark ring of skull and fluid of ``head`` (H, W) uint8, as bool (H, W).

    All of the head if there is no such ring, as after skull stripping.
    """
    # On a ray from the surface inwards, the skull is the deepest valley between two brighter peaks.
    rows, columns = np.nonzero(above)
    centre = (float(columns.mean()), float(rows.mean()))
    far = int(np.ceil(np.hypot(*head.shape)))
    size = (2 * far, ANGLES)
    rays = cv2.warpPolar(
        small, size, centre, far, cv2.INTER_LINEAR | cv2.WARP_FILL_OUTLIERS
    ).astype(np.float32)
    inside = cv2.warpPolar(head, size, centre, far, cv2.INTER_NEAREST | cv2.WARP_FILL_OUTLIERS) > 0
    surface = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    steps = np.arange(round(0.4 * reach))
    way = np.take_along_axis(rays, np.maximum(surface[:, None] - steps, 0), axis=1)
    outer = np.maximum.accumulate(way, axis=1)
    inner = np.maximum.accumulate(way[:, ::-1], axis=1)[:, ::-1]
    valley = np.minimum(np.minimum(outer, inner), 1.3 * level) - way
    place = valley.argmax(axis=1)
    certain = valley.max(axis=1) > 0.25 * level
    if certain.mean() < 0.4:
        return head > 0
    thickness = np.where(certain, place, np.median(place[certain])).astype(np.float32)
    # Sulci and vessels make valleys too: a median over neighbouring rays removes them.
    window = np.lib.stride_tricks.sliding_window_view(np.pad(thickness, 6, mode="wrap"), 13)
    limit = surface - np.median(window, axis=1)
    points = np.deg2rad(np.arange(ANGLES) * 360 / ANGLES)
    outline = np.stack([np.cos(points), np.sin(points)], axis=1) * (limit / 2)[:, None] + centre
    filled = cv2.fillPoly(np.zeros_like(head), [np.rint(outline).astype(np.int32)], 1)
    return (filled & head) > 0


def _is_plausible(brain: np.ndarray, head_area: float) -> bool:
    if not brain.any():
        return False
    contours, _ = cv2.findContours(brain, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    area = cv2.contourArea(contour)
    hull = cv2.contourArea(cv2.convexHull(contour))
    return area > 0.2 * head_area and area > 0.9 * hull and area > 0.85 * brain.sum()


def _is_even(small: np.ndarray, brain: np.ndarray, level: float) -> bool:
    """Whether most of ``brain`` is close to ``level``, unlike face or scalp."""
    inside = small[cv2.erode(brain, _disc(2)) > 0]
    if not inside.size:
        return False
    return float(np.mean((inside > 0.55 * level) & (inside < 1.75 * level))) > 0.78


def _largest(mask: np.ndarray, also: float = 1.0) -> np.ndarray | None:
    """The largest connected part of ``mask`` (H, W) as uint8, or None if it is empty.

    Includes parts of at least the share ``also`` of its area: hemispheres may be separate.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return None
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return (areas >= also * areas.max()).astype(np.uint8)[labels]


def _closed(mask: np.ndarray, radius: int) -> np.ndarray:
    """Morphological closing without artefacts at the edge of the image."""
    padded = np.pad(mask, radius)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, _disc(radius))
    return closed[radius:-radius, radius:-radius]


def _filled(mask: np.ndarray) -> np.ndarray:
    """``mask`` (H, W) uint8 without holes."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros_like(mask), contours, -1, 1, cv2.FILLED)


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
