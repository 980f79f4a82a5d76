"""From a slice to the grey image on the network's grid."""

import math

import numpy as np

from metaseg.preprocess.geometry import Geometry
from metaseg.preprocess.intensity import denoise, equalise
from metaseg.preprocess.settings import Preprocessing
from metaseg.preprocess.tissue import find_views


def prepare(
    grey: np.ndarray, settings: Preprocessing, aspect: float = 1.0
) -> tuple[np.ndarray, Geometry] | None:
    """The grey image (S, S) uint8 from which ``to_channels`` derives all that a network sees, and
    its geometry: ``grey`` (H, W) uint8 with less noise, cropped to its tissue and letterboxed.

    ``aspect`` is a pixel's height over its width. None for a slice without tissue.
    """
    found = find_views(grey, settings)
    if found is None:
        return None
    box, view = found
    # Tissue is looked for as if pixels were square: margins along coarse rows would be too wide.
    nearly_square = 0.8 < aspect < 1.25
    geometry = Geometry.fit(grey.shape, box, settings.size, aspect, view if nearly_square else box)
    top, bottom, left, right = box
    tissue = grey[top:bottom, left:right]
    shrink = max(1.0, math.sqrt(tissue.size / (geometry.height * geometry.width)))
    tissue = denoise(tissue, shrink, settings)
    if settings.clahe_at == "source":
        # Of the tissue alone, so that air around it, or none, does not change its contrast.
        tissue = equalise(tissue, settings)
    return geometry.place(tissue), geometry
