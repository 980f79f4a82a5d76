"""Turn a slice into the grey image on the network's grid."""

import math

import numpy as np

from metaseg.preprocess.geometry import Geometry
from metaseg.preprocess.intensity import denoise
from metaseg.preprocess.settings import Preprocessing
from metaseg.preprocess.tissue import find_views


def prepare(
    grey: np.ndarray, settings: Preprocessing, aspect: float = 1.0
) -> tuple[np.ndarray, Geometry] | None:
    """``grey`` (H, W) uint8 denoised, cropped to its tissue and letterboxed, and its geometry.

    ``to_channels`` derives the network's input from the result (S, S) uint8. ``aspect`` is the
    height of a pixel over its width. None for a slice without tissue.
    """
    found = find_views(grey, settings)
    if found is None:
        return None
    box, view = found
    # The search for tissue assumes square pixels: margins along coarse rows would be too wide.
    nearly_square = 0.8 < aspect < 1.25
    geometry = Geometry.fit(grey.shape, box, settings.size, aspect, view if nearly_square else box)
    top, bottom, left, right = box
    tissue = grey[top:bottom, left:right]
    shrink = max(1.0, math.sqrt(tissue.size / (geometry.height * geometry.width)))
    return geometry.place(denoise(tissue, shrink, settings)), geometry
