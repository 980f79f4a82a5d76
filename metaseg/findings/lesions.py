"""Connected components of a mask, and their measures."""

from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

EIGHT_CONNECTED = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Lesion:
    """One connected component of a slice."""

    area_px: int
    area_mm2: float | None
    """None where the scan does not say how large its pixels are."""
    diameter_px: float
    """Largest distance between two corners of its pixels."""
    diameter_mm: float | None
    centroid: tuple[float, float]
    """[row, column], counted from 0."""
    mean_probability: float
    max_probability: float

    def to_dict(self) -> dict:
        """The measures by name, ready for JSON."""
        values = asdict(self)
        values["centroid"] = list(self.centroid)
        return values


def find_lesions(
    mask: np.ndarray, probability: np.ndarray, spacing: tuple[float, float] | None
) -> list[Lesion]:
    """The 8-connected lesions of ``mask`` (H, W) bool, the largest first.

    ``probability`` is (H, W) float, ``spacing`` the height and width of a pixel in mm, or None.
    """
    lesions = []
    for window, component in split_lesions(mask):
        rows, columns = np.nonzero(component)
        values = probability[window][component]
        centroid = rows.mean() + window[0].start, columns.mean() + window[1].start
        lesions.append(
            Lesion(
                area_px=len(rows),
                area_mm2=None if spacing is None else len(rows) * spacing[0] * spacing[1],
                diameter_px=longest_diameter(rows, columns, (1.0, 1.0)),
                diameter_mm=None if spacing is None else longest_diameter(rows, columns, spacing),
                centroid=(float(centroid[0]), float(centroid[1])),
                mean_probability=float(values.mean()),
                max_probability=float(values.max()),
            )
        )
    return lesions


def split_lesions(mask: np.ndarray) -> list[tuple[tuple[slice, slice], np.ndarray]]:
    """The 8-connected components of ``mask`` (H, W) bool, the largest first: the window of each,
    and the pixels in it (h, w) bool."""
    labels, _ = ndimage.label(mask, EIGHT_CONNECTED)
    components = [
        (window, labels[window] == label)
        for label, window in enumerate(ndimage.find_objects(labels), start=1)
    ]
    return sorted(components, key=lambda found: -np.count_nonzero(found[1]))


def longest_diameter(rows: np.ndarray, columns: np.ndarray, spacing: tuple[float, float]) -> float:
    """The largest distance between corners of the pixels, in the units of ``spacing``."""
    pixels = np.stack([rows, columns], axis=1)
    corners = np.concatenate([pixels + offset for offset in product((0, 1), repeat=2)])
    corners = corners * np.asarray(spacing)
    # Only the hull's corners can be farthest apart; a pixel is never flat, so it has a hull.
    return float(pdist(corners[ConvexHull(corners).vertices]).max())
