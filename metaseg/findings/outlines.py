"""Outlines of masks and probabilities as polygons with subpixel accuracy."""

from dataclasses import dataclass

import numpy as np
from contourpy import FillType, contour_generator

from metaseg.findings.lesions import Components

Ring = np.ndarray
"""Corners (N, 2) of a closed line: columns and rows, a pixel's own centre lying at its index plus
one half."""


@dataclass(frozen=True)
class Outline:
    """One 8-connected lesion of a slice."""

    number: int
    """From 1, the largest first, as lesions are numbered."""
    rings: list[Ring]
    """Its outer line, holes and islands: to be filled by the even-odd rule."""
    box: tuple[int, int, int, int]
    """Top, bottom, left and right of its pixels."""
    pixel: tuple[int, int]
    """Row and column of one of its pixels."""


def outline_lesions(values: np.ndarray, threshold: float, components: Components) -> list[Outline]:
    """The lines around ``components``, in which all ``values`` (H, W) float in [0, 1] reach
    ``threshold``.

    Marching squares (Lorensen and Cline 1987) between the centres of the pixels.
    """
    # Slightly below the threshold: a pixel that just reaches it must lie inside its outline.
    level = max(threshold * (1 - 1e-4), 1e-6)
    padded = np.pad(values.astype(np.float64), 1)
    outlines = []
    for number, ((_, rows, columns), (component, *_)) in enumerate(components, start=1):
        with_rim = np.s_[rows.start : rows.stop + 2, columns.start : columns.stop + 2]
        around = padded[with_rim].copy()
        # Other lesions in the window are not part of this one, nor is what was left out.
        around[(around >= level) & ~np.pad(component, 1)] = 0
        offset = (columns.start - 0.5, rows.start - 0.5)
        rings = [ring + offset for ring in _rings(around, level)]
        row, column = np.argwhere(component)[0]
        outlines.append(
            Outline(
                number,
                rings,
                box=(rows.start, rows.stop, columns.start, columns.stop),
                pixel=(int(row) + rows.start, int(column) + columns.start),
            )
        )
    return outlines


def outline_mask(mask: np.ndarray) -> list[Ring]:
    """All lines around ``mask`` (H, W) bool. Masks that share a border share its line."""
    return [ring - 0.5 for ring in _rings(np.pad(mask.astype(np.float64), 1), 0.5)]


def _rings(values: np.ndarray, level: float) -> list[Ring]:
    filled = contour_generator(z=values, fill_type=FillType.OuterOffset).filled(level, np.inf)
    return [
        ring
        for points, offsets in zip(*filled)
        for ring in np.split(points, offsets[1:-1].astype(int))
    ]
