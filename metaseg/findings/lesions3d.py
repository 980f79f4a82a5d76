"""Lesions of a volume: components in three dimensions, their measures, and the table of them."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from scipy import ndimage

from metaseg.findings.lesions import EIGHT_CONNECTED, Lesion, longest_diameter

TWENTY_SIX_CONNECTED = np.ones((3, 3, 3), bool)
PIXEL_UNITS = (1.0, 1.0)


@dataclass(frozen=True)
class VolumeLesion:
    """One 26-connected component of a volume. What is in mm is None without a spacing."""

    number: int
    """From 1, the largest first."""
    volume_voxels: int
    volume_mm3: float | None
    diameter_px: float
    """Longest diameter within one slice, between pixel corners (RANO-BM, Lin et al. 2015)."""
    diameter_mm: float | None
    diameter_slice: int
    """The slice in which the longest diameter lies, from 0."""
    first_slice: int
    last_slice: int
    centroid: tuple[float, float, float]
    """[slice, row, column], from 0."""
    centroid_ras_mm: tuple[float, float, float] | None
    """Patient coordinates in mm to the right, front and head, as in NIfTI; None without them."""
    mean_probability: float
    max_probability: float

    def to_dict(self) -> dict:
        """The measures by name, ready for JSON."""
        values = asdict(self)
        for name in ("centroid", "centroid_ras_mm"):
            values[name] = None if values[name] is None else list(values[name])
        return values


COORDINATES = {
    Lesion: {"centroid": ("row", "column")},
    VolumeLesion: {"centroid": ("slice", "row", "column"), "centroid_ras_mm": ("x", "y", "z")},
}
"""Fields that take several columns of a table."""


def find_volume_lesions(
    mask: np.ndarray,
    probability: np.ndarray,
    spacing: tuple[float, float, float] | None,
    affine: np.ndarray | None = None,
) -> list[VolumeLesion]:
    """The 26-connected lesions of ``mask`` (D, H, W) bool, the largest first.

    ``probability`` is (D, H, W) float; ``spacing`` is in mm, or None for voxels; ``affine`` goes
    from (column, row, slice) to patient coordinates.
    """
    unit_mm3 = None if spacing is None else float(np.prod(spacing))
    lesions = []
    for window, component in _components(mask):
        start = np.array([part.start for part in window])
        places = np.argwhere(component)
        centroid = places.mean(axis=0) + start
        values = probability[window][component]
        pixels, slice_ = _longest_in_plane(component, PIXEL_UNITS)
        millimetres = None
        if spacing is not None:
            millimetres, slice_ = _longest_in_plane(component, spacing[1:])
        lesions.append(
            VolumeLesion(
                number=0,
                volume_voxels=len(places),
                volume_mm3=None if unit_mm3 is None else len(places) * unit_mm3,
                diameter_px=pixels,
                diameter_mm=millimetres,
                diameter_slice=slice_ + int(start[0]),
                first_slice=int(start[0]),
                last_slice=int(window[0].stop) - 1,
                centroid=tuple(centroid.tolist()),
                centroid_ras_mm=None if affine is None else _in_patient(centroid, affine),
                mean_probability=float(values.mean()),
                max_probability=float(values.max()),
            )
        )
    lesions.sort(key=lambda lesion: -lesion.volume_voxels)
    return [
        VolumeLesion(**{**vars(lesion), "number": number})
        for number, lesion in enumerate(lesions, start=1)
    ]


@dataclass(frozen=True)
class LesionNumbers:
    """Which lesion every voxel belongs to, kept for the box around all lesions alone."""

    start: tuple[int, int, int]
    labels: np.ndarray
    """(d, h, w) int32; 0 is no lesion, the others are as in ``VolumeLesion.number``."""

    def at(self, slice_: int, row: int, column: int) -> int:
        """The lesion at a voxel of the mask; there must be one."""
        depth, top, left = self.start
        return int(self.labels[slice_ - depth, row - top, column - left])


def number_lesions(mask: np.ndarray) -> LesionNumbers:
    """The numbers of the 26-connected lesions of ``mask`` (D, H, W) bool, the largest first."""
    box, labels, count = _label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    numbers = np.zeros(count + 1, np.int32)
    numbers[np.argsort(-sizes, kind="stable") + 1] = np.arange(1, count + 1)
    return LesionNumbers(tuple(part.start for part in box), numbers[labels])


def drop_small(
    mask: np.ndarray, minimum: float, spacing: tuple[float, float, float] | None
) -> np.ndarray:
    """``mask`` (D, H, W) bool without the lesions smaller than ``minimum``: mm3, or voxels where
    ``spacing`` is None."""
    if minimum <= 0:
        return mask
    unit = 1.0 if spacing is None else float(np.prod(spacing))
    kept = mask.copy()
    for window, component in _components(mask):
        # A hair of tolerance: a lesion of exactly the minimum stays, whatever the rounding.
        if component.sum() * unit < minimum * (1 - 1e-6):
            kept[window][component] = False
    return kept


def lesion_table(lesions: Sequence[Lesion | VolumeLesion], kind: type = VolumeLesion) -> str:
    """The lesions, all of one ``kind``, as CSV with a header row; empty cells where a unit is
    unknown."""
    columns = []
    for field in fields(kind):
        parts = COORDINATES[kind].get(field.name)
        columns += [f"{field.name}_{part}" for part in parts] if parts else [field.name]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for lesion in lesions:
        row = []
        for field in fields(kind):
            value, parts = getattr(lesion, field.name), COORDINATES[kind].get(field.name)
            row += [value] if parts is None else value or [None] * len(parts)
        writer.writerow([_cell(value) for value in row])
    return file.getvalue()


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _label(mask: np.ndarray) -> tuple[tuple[slice, slice, slice], np.ndarray, int]:
    """The box around all components of ``mask`` (D, H, W), their labels in it, their number."""
    # Only the box is labelled: labels need four bytes a voxel.
    (box,) = ndimage.find_objects(mask.astype(np.uint8)) or [(slice(0, 1),) * 3]
    return box, *ndimage.label(mask[box], TWENTY_SIX_CONNECTED)  # pyright: ignore[reportReturnType]


def _components(mask: np.ndarray) -> list[tuple[tuple[slice, slice, slice], np.ndarray]]:
    """Each component of ``mask`` (D, H, W): its window, and the voxels in it (d, h, w) bool."""
    box, labels, _ = _label(mask)
    components = []
    for label, inner in enumerate(ndimage.find_objects(labels), start=1):
        window = tuple(
            slice(outer.start + part.start, outer.start + part.stop)
            for outer, part in zip(box, inner)
        )
        components.append((window, labels[inner] == label))
    return components


def _longest_in_plane(component: np.ndarray, spacing: tuple[float, float]) -> tuple[float, int]:
    """The longest diameter within one slice of ``component`` (d, h, w), and that slice.

    Parts of a slice that hang together only through other slices are measured one by one.
    """
    best = (0.0, 0)
    for index, slice_ in enumerate(component):
        labels, count = ndimage.label(slice_, EIGHT_CONNECTED)
        for label in range(1, count + 1):
            diameter = longest_diameter(*np.nonzero(labels == label), spacing)
            best = max(best, (diameter, -index), key=lambda found: found[0])
    return best[0], -best[1]


def _in_patient(centroid: np.ndarray, affine: np.ndarray) -> tuple[float, float, float]:
    return tuple((affine[:3, :3] @ centroid[::-1] + affine[:3, 3]).tolist())
