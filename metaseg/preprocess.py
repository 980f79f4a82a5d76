"""From a slice to what the network sees, and exactly back. Training and serving share this code."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from metaseg.screenshot import find_picture

# OpenCV's own threads fight with torch's for the same cores, and slices are small.
cv2.setNumThreads(1)

ANALYSIS_SIDE = 256
"""Tissue is looked for on a copy of at most this many pixels a side."""


Box = tuple[int, int, int, int]
"""Top, bottom, left and right, in pixels."""


@dataclass(frozen=True)
class Preprocessing:
    """The parameters, stored in every checkpoint's config."""

    size: int = 160
    """Height and width of what the network sees, in pixels."""
    low_percentile: float = 0.5
    """Maps to 0 where the source has more than 8 bits."""
    high_percentile: float = 99.5
    """Maps to 255 where the source has more than 8 bits."""
    clahe_clip_limit: float = 2.0
    """Contrast limit of CLAHE (Zuiderveld 1994), as OpenCV defines it."""
    clahe_tile_grid: int = 6
    """Tiles a side of CLAHE, which the network sees over the tissue's box alone."""
    minimum_deviation: float = 8.0
    """Floor of the deviation in the standardisation, in grey levels."""
    minimum_range: float = 12.0
    """A slice whose smoothed grey levels span less than this holds no tissue."""
    minimum_structure: float = 0.35
    """A slice that keeps less than this share of its deviation when smoothed is noise."""
    noise_limit: float = 3.0
    """Deviation of white noise, in grey levels on the network's grid, above which a slice is
    smoothed before CLAHE."""


@dataclass(frozen=True)
class Geometry:
    """How one slice was cropped, resized and padded to ``size`` x ``size``, and the way back.

    The crop is ``[top:bottom, left:right]`` of the slice; it is resized to
    ``height`` x ``width`` and placed with ``pad_top`` and ``pad_left`` empty pixels before it.
    """

    shape: tuple[int, int]
    top: int
    bottom: int
    left: int
    right: int
    height: int
    width: int
    pad_top: int
    pad_left: int
    size: int

    @classmethod
    def fit(
        cls,
        shape: tuple[int, int],
        box: Box,
        size: int,
        aspect: float = 1.0,
        view: Box | None = None,
    ) -> "Geometry":
        """The letterbox of ``box`` (top, bottom, left, right) of a slice of ``shape`` (H, W).

        ``aspect`` is a pixel's height over its width: the network sees square ones. ``view`` is a
        box around ``box`` to letterbox instead; what it shows beyond ``box`` is empty.
        """
        top, bottom, left, right = box
        view = view or box
        scale = size / max((view[1] - view[0]) * aspect, view[3] - view[2])
        height, pad_top = _place(top, bottom, *view[:2], scale * aspect, size)
        width, pad_left = _place(left, right, *view[2:], scale, size)
        return cls(tuple(shape), *box, height, width, pad_top, pad_left, size)

    def forward(self, slice_: np.ndarray) -> np.ndarray:
        """``slice_`` (H, W), uint8 or float32, on the network's grid (size, size)."""
        return self.place(slice_[self.top : self.bottom, self.left : self.right])

    def place(self, crop: np.ndarray) -> np.ndarray:
        """``crop``, cut from a slice already, on the network's grid (size, size)."""
        canvas = np.zeros((self.size, self.size), crop.dtype)
        rows = slice(self.pad_top, self.pad_top + self.height)
        columns = slice(self.pad_left, self.pad_left + self.width)
        canvas[rows, columns] = _resize(crop, self.height, self.width)
        return canvas

    def forward_mask(self, mask: np.ndarray) -> np.ndarray:
        """A boolean mask (H, W) on the network's grid: True where at least half a pixel is."""
        return self.forward(mask.astype(np.float32)) >= 0.5

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """``values`` (size, size) float32 back in the slice's grid (H, W); zero off the crop."""
        rows = slice(self.pad_top, self.pad_top + self.height)
        columns = slice(self.pad_left, self.pad_left + self.width)
        out = np.zeros(self.shape, np.float32)
        crop = values[rows, columns].astype(np.float32)
        height, width = self.bottom - self.top, self.right - self.left
        out[self.top : self.bottom, self.left : self.right] = _resize(crop, height, width)
        return out


def _place(
    low: int, high: int, view_low: int, view_high: int, scale: float, size: int
) -> tuple[int, int]:
    """Along one axis: how long ``low`` to ``high`` is for the network, and what lies before it."""
    length = min(size, max(1, round((high - low) * scale)))
    off_centre = (low + high - view_low - view_high) / 2 * scale
    return length, int(np.clip(np.floor((size - length) / 2 + off_centre), 0, size - length))


def _resize(array: np.ndarray, height: int, width: int) -> np.ndarray:
    # Area averaging when shrinking keeps small lesions; it is undefined for enlarging.
    shrinks = height * width < array.shape[0] * array.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(array, (width, height), interpolation=interpolation)


def to_grey_levels(slice_: np.ndarray, eight_bit: bool, settings: Preprocessing) -> np.ndarray:
    """``slice_`` (H, W) in the source's units as uint8: 8-bit sources unchanged, others by
    their percentiles."""
    if eight_bit:
        return np.clip(np.rint(slice_), 0, 255).astype(np.uint8)
    percentiles = (settings.low_percentile, settings.high_percentile)
    low, high = np.percentile(slice_, percentiles)
    if high <= low:
        return np.zeros(slice_.shape, np.uint8)
    levels = (slice_.astype(np.float64) - low) * (255 / (high - low))
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def find_tissue(grey: np.ndarray, settings: Preprocessing) -> Box | None:
    """The box (top, bottom, left, right) around the tissue of ``grey`` (H, W) uint8, with a margin
    as far as the slice has one.

    The page of a screenshot lies outside of it. None for a slice without tissue: a constant one,
    one too faint, or nothing but noise.
    """
    found = _find_views(grey, settings)
    return found and found[0]


def _find_views(grey: np.ndarray, settings: Preprocessing) -> tuple[Box, Box] | None:
    """The box that ``find_tissue`` gives, and the one it would be with its whole margin."""
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
    small = _resize(grey, *small_shape).astype(np.float32)
    smooth = cv2.GaussianBlur(small, (0, 0), sigmaX=2.5)
    faint = np.ptp(smooth) < settings.minimum_range
    if faint or smooth.std() < settings.minimum_structure * small.std():
        return None
    levels = np.rint(smooth).astype(np.uint8)
    foreground = (levels > _air_level(levels)).astype(np.uint8)
    _, _, components, _ = cv2.connectedComponentsWithStats(foreground)
    large = [c for c in components[1:] if c[cv2.CC_STAT_AREA] >= 0.01 * levels.size]
    if not large:
        return 0, height, 0, width
    left, top = (min(c[axis] for c in large) for axis in (0, 1))
    right, bottom = (max(c[axis] + c[axis + 2] for c in large) for axis in (0, 1))
    margin = 0.03 * max(right - left, bottom - top)
    # Never closer than a third of the slice: the top of a head must not look like a whole one.
    least = max(height, width) / 3 / shrink
    top, bottom = _widen(top - margin, bottom + margin, least)
    left, right = _widen(left - margin, right + margin, least)
    return (
        math.floor(top * shrink),
        math.ceil(bottom * shrink),
        math.floor(left * shrink),
        math.ceil(right * shrink),
    )


def _air_level(levels: np.ndarray) -> float:
    """The grey level up to which a pixel of ``levels`` (H, W) uint8 counts as air."""
    # Otsu (1979) parts bright scalp from the rest as often as head from air: half of it is safe.
    return cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)[0] / 2


def _widen(low: float, high: float, least: float) -> tuple[float, float]:
    missing = max(0.0, least - (high - low)) / 2
    return low - missing, high + missing


def enhance(grey: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """``grey`` (H, W) uint8 after contrast-limited adaptive histogram equalisation, to look at.

    The page of a screenshot takes no part in it and comes back as it is.
    """
    picture = find_picture(grey)
    enhanced = grey.copy()
    enhanced[picture] = _equalise(grey[picture], settings)
    return enhanced


def _equalise(grey: np.ndarray, settings: Preprocessing) -> np.ndarray:
    grid = (settings.clahe_tile_grid, settings.clahe_tile_grid)
    return cv2.createCLAHE(settings.clahe_clip_limit, grid).apply(grey)


def prepare(
    grey: np.ndarray, settings: Preprocessing, aspect: float = 1.0
) -> tuple[np.ndarray, Geometry] | None:
    """What is cached for training and fed for serving: uint8 (size, size), and its geometry.

    ``aspect`` is a pixel's height over its width. None for a slice without tissue.
    """
    found = _find_views(grey, settings)
    if found is None:
        return None
    box, view = found
    # Tissue is looked for as if pixels were square: margins along coarse rows would be too wide.
    nearly_square = 0.8 < aspect < 1.25
    geometry = Geometry.fit(grey.shape, box, settings.size, aspect, view if nearly_square else box)
    top, bottom, left, right = box
    # Of the tissue alone, so that air around it, or none, does not change its contrast.
    tissue = grey[top:bottom, left:right]
    shrink = max(1.0, math.sqrt(tissue.size / (geometry.height * geometry.width)))
    return geometry.place(_equalise(_smooth(tissue, shrink, settings), settings)), geometry


def _smooth(grey: np.ndarray, shrink: float, settings: Preprocessing) -> np.ndarray:
    """``grey`` (h, w) uint8 with less noise where so much of it is left after ``shrink``.

    Noise is measured as white: that of an enlarged picture, or of a slice that is mostly black,
    goes unseen.
    """
    # A robust form of Immerkaer 1996: this kernel cancels what is even or slopes.
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    answer = cv2.filter2D(grey.astype(np.float32), -1, kernel)
    noise = float(np.median(np.abs(answer))) / (0.6745 * float(np.linalg.norm(kernel)))
    if noise <= settings.noise_limit * shrink:
        return grey
    # Non-local means (Buades et al. 2005) spare the small lesions that a blur would not.
    return cv2.fastNlMeansDenoising(grey, None, noise, 5, 15)


def standardise(levels: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """Grey levels (size, size) uint8 as float32 with mean 0 and deviation 1 over the tissue.

    The air around it is left out of both figures, so that a wide field of view or a missing skull
    does not shift the brain's values.
    """
    tissue = levels[levels > _air_level(levels)].astype(np.float32)
    if tissue.size == 0:
        return np.zeros(levels.shape, np.float32)
    deviation = max(float(tissue.std()), settings.minimum_deviation)
    return (levels.astype(np.float32) - float(tissue.mean())) / deviation
