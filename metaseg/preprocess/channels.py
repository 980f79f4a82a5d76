"""Derive a network's input channels from one grey image on its grid.

Training may alter the grey image first; from there on it uses the same code as serving.
"""

from collections.abc import Callable

import cv2
import numpy as np

from metaseg.preprocess.intensity import equalise, standardise
from metaseg.preprocess.settings import Channel, Preprocessing
from metaseg.preprocess.tissue import air_level

GAMMA = 2.5
"""Expands the bright end, where enhancing lesions are next to bright tissue."""
NEIGHBOURHOOD = 1 / 16
"""Standard deviation of the Gaussian of the local standardisation, as a share of the grid's size.
"""
LOCAL_GAIN = 40
"""Grey levels per local standard deviation, around 128."""


def _window(grey: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """The slice in its window, unchanged."""
    return grey


def _gamma(grey: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """The bright end expanded, the dark end compressed."""
    table = np.rint(255 * (np.arange(256) / 255) ** GAMMA).astype(np.uint8)
    return table[grey]


def _local(grey: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """Each pixel's distance from the local mean in local standard deviations; air is 0.

    The neighbourhood contains tissue only, by normalised convolution (Knutsson and Westin 1993):
    otherwise everything at the edge of the head would look bright.
    """
    values, tissue = grey.astype(np.float32), grey > air_level(grey)
    sigma = NEIGHBOURHOOD * max(grey.shape)
    share = np.maximum(cv2.GaussianBlur(tissue.astype(np.float32), (0, 0), sigma), 1e-6)
    mean = cv2.GaussianBlur(values * tissue, (0, 0), sigma) / share
    variance = cv2.GaussianBlur((values - mean) ** 2 * tissue, (0, 0), sigma) / share
    deviation = np.maximum(np.sqrt(variance), settings.minimum_deviation)
    levels = np.clip(np.rint(128 + LOCAL_GAIN * (values - mean) / deviation), 1, 255)
    return np.where(tissue, levels, 0).astype(np.uint8)


CHANNELS: dict[Channel, Callable[[np.ndarray, Preprocessing], np.ndarray]] = {
    "window": _window,
    "clahe": equalise,
    "gamma": _gamma,
    "local": _local,
}
"""Functions from (S, S) uint8 to (S, S) uint8."""


def to_channels(grey: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """``grey`` (S, S) uint8 as the channels that ``settings`` name: (C, S, S) uint8."""
    return np.stack([CHANNELS[name](grey, settings) for name in settings.channels])


def network_input(grey: np.ndarray, settings: Preprocessing) -> np.ndarray:
    """The network's input (C, S, S) float32 for ``grey`` (S, S) uint8."""
    return standardise(to_channels(grey, settings), settings)
