"""Grey levels: scale them from the source's units to 8 bits, denoise, equalise, standardise."""

import math
from collections.abc import Iterator

import cv2
import numpy as np

from metaseg.preprocess.settings import Preprocessing
from metaseg.preprocess.tissue import air_level
from metaseg.scan import Scan

VOXELS = 1 << 20
"""Approximate number of voxels that the window of a volume is computed from."""

Window = tuple[float, float]
"""The source's values that map to 0 and 255."""


def grey_slices(scan: Scan, settings: Preprocessing) -> Iterator[np.ndarray]:
    """Every slice of ``scan`` as grey levels (H, W) uint8, in the window of ``settings``."""
    window = None
    if settings.window == "volume" and not scan.eight_bit:
        whole = scan.voxels if scan.volume is None else scan.volume
        step = max(1, math.isqrt(whole.size // VOXELS))
        window = find_window(whole[:, ::step, ::step], settings)
    for slice_ in scan.voxels:
        yield to_grey_levels(slice_, scan.eight_bit, settings, window)


def find_window(voxels: np.ndarray, settings: Preprocessing) -> Window:
    """The percentiles of ``voxels``, of any shape, given in ``settings``."""
    low, high = np.percentile(voxels, (settings.low_percentile, settings.high_percentile))
    return float(low), float(high)


def to_grey_levels(
    slice_: np.ndarray, eight_bit: bool, settings: Preprocessing, window: Window | None = None
) -> np.ndarray:
    """``slice_`` (H, W) in the source's units as uint8.

    8-bit sources are unchanged; others are scaled by ``window``, by default that of the slice.
    """
    if eight_bit:
        return np.clip(np.rint(slice_), 0, 255).astype(np.uint8)
    low, high = window or find_window(slice_, settings)
    if high <= low:
        return np.zeros(slice_.shape, np.uint8)
    levels = (slice_.astype(np.float64) - low) * (255 / (high - low))
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def equalise(grey: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """``grey`` (H, W) uint8 after CLAHE."""
    grid = (settings.clahe_tile_grid, settings.clahe_tile_grid)
    return cv2.createCLAHE(settings.clahe_clip_limit, grid).apply(grey)


def denoise(grey: np.ndarray, shrink: float, settings: Preprocessing) -> np.ndarray:
    """``grey`` (h, w) uint8, denoised if the noise after shrinking by ``shrink`` is too strong.

    The estimate assumes white noise: it misses that of an enlarged image, and of a slice that is
    mostly black.
    """
    # A robust form of Immerkaer 1996: this kernel cancels constant and linear parts.
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    answer = cv2.filter2D(grey.astype(np.float32), -1, kernel)
    noise = float(np.median(np.abs(answer))) / (0.6745 * float(np.linalg.norm(kernel)))
    if noise <= settings.noise_limit * shrink:
        return grey
    # Non-local means (Buades et al. 2005) preserve small lesions, which a blur would remove.
    return cv2.fastNlMeansDenoising(grey, None, noise, 5, 15)


def standardise(levels: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """``levels`` (C, S, S) uint8 as float32, each channel with mean 0 and standard deviation 1.

    Both are computed over the tissue, without the air around it: a wide field of view or a missing
    skull does not shift the values of the brain.
    """
    return np.stack([_standardise(channel, settings) for channel in levels])


def _standardise(levels: np.ndarray, settings: Preprocessing) -> np.ndarray:
    tissue = levels[levels > air_level(levels)].astype(np.float32)
    if tissue.size == 0:
        return np.zeros(levels.shape, np.float32)
    deviation = max(float(tissue.std()), settings.minimum_deviation)
    return (levels.astype(np.float32) - float(tissue.mean())) / deviation
