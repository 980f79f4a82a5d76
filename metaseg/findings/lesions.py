"""Lesions: the connected components of a mask, their measures, and the table of them.

A slice is a volume with D = 1, in which 26-connected means 8-connected.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import product

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from metaseg.scan import Scan

EIGHT_CONNECTED = np.ones((3, 3), bool)
TWENTY_SIX_CONNECTED = np.ones((3, 3, 3), bool)
COORDINATES = {"centroid": ("slice", "row", "column"), "centroid_ras_mm": ("x", "y", "z")}
"""Fields that take several columns of a table."""

THIN_MM = 1.0
"""Slices no farther apart show every lesion more than once: the smallest that are treated measure
2 to 3 mm."""

Window = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Lesion:
    """One 26-connected component. What is in mm is None if the scan has no spacing."""

    number: int
    """From 1, the largest first."""
    area_px: int
    """Pixels in ``diameter_slice``: the area of a lesion of a single slice."""
    area_mm2: float | None
    volume_voxels: int
    volume_mm3: float | None
    diameter_px: float
    """Longest diameter within one slice, between pixel corners (RANO-BM, Lin et al. 2015)."""
    diameter_mm: float | None
    diameter_slice: int
    """The slice in which the longest diameter lies, from 0."""
    first_slice: int
    last_slice: int
    centroid: tuple[float, ...]
    """[slice, row, column] of a volume, [row, column] of a single slice, from 0."""
    centroid_ras_mm: tuple[float, float, float] | None
    """Patient coordinates in mm to the right, front and head, as in NIfTI; None without them."""
    mean_probability: float
    max_probability: float
    doubtful: bool
    """Whether it is seen on one slice alone of a volume whose slices are THIN_MM apart or less:
    neighbouring slices would show a real lesion as well."""


@dataclass(frozen=True)
class Components:
    """The lesions of a mask, numbered from 1, the largest first."""

    shape: tuple[int, int, int]
    """(D, H, W) of the mask."""
    start: tuple[int, int, int]
    """Where the box around all lesions begins."""
    labels: np.ndarray
    """(d, h, w) int32 in that box, to save memory: the lesion's number, or 0 for none."""

    @property
    def mask(self) -> np.ndarray:
        """(D, H, W) bool: where any lesion is."""
        return self._whole(self.labels > 0)

    @property
    def numbers(self) -> np.ndarray:
        """(D, H, W) int32: the lesion's number, or 0 for none."""
        return self._whole(self.labels)

    def _whole(self, inner: np.ndarray) -> np.ndarray:
        whole = np.zeros(self.shape, inner.dtype)
        box = (slice(at, at + size) for at, size in zip(self.start, inner.shape))
        whole[tuple(box)] = inner
        return whole

    def at(self, slice_: int, row: int, column: int) -> int:
        """The number of the lesion at a voxel of the mask; there must be one."""
        depth, top, left = self.start
        return int(self.labels[slice_ - depth, row - top, column - left])

    def __iter__(self) -> Iterator[tuple[Window, np.ndarray]]:
        """Each lesion in turn: its window in the mask, and the voxels in it (d, h, w) bool."""
        for number, inner in enumerate(ndimage.find_objects(self.labels), start=1):
            depth, rows, columns = (
                slice(at + part.start, at + part.stop) for at, part in zip(self.start, inner)
            )
            yield (depth, rows, columns), self.labels[inner] == number


def label_lesions(
    mask: np.ndarray, minimum: float = 0.0, voxel_mm3: float | None = None
) -> Components:
    """The lesions of ``mask`` (D, H, W) bool without those smaller than ``minimum``: mm3, or voxels
    where ``voxel_mm3`` is None."""
    # Only the box is labelled: labels need four bytes a voxel.
    (box,) = ndimage.find_objects(mask.astype(np.uint8)) or [(slice(0, 1),) * 3]
    labels, count = ndimage.label(mask[box], TWENTY_SIX_CONNECTED)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    # A small tolerance keeps a lesion of exactly the minimum despite rounding.
    kept = order[sizes[order] * (voxel_mm3 or 1.0) >= minimum * (1 - 1e-6)]
    numbers = np.zeros(count + 1, np.int32)
    numbers[kept + 1] = np.arange(1, len(kept) + 1)
    depth, height, width = mask.shape
    start = box[0].start, box[1].start, box[2].start
    return Components((depth, height, width), start, numbers[labels])


def find_lesions(components: Components, probability: np.ndarray, scan: Scan) -> tuple[Lesion, ...]:
    """The measures of ``components`` of ``scan``, the largest first; ``probability`` is (D, H, W)
    float."""
    spacing = scan.spacing
    depth, height, width = spacing or (1.0, 1.0, 1.0)
    affine = None if spacing is None else scan.affine
    # From rows and columns to mm. Axes of a registered volume may not be at right angles.
    axes = np.diag([height, width]) if affine is None else affine[:3, [1, 0]].T
    pixel = float(np.sqrt(np.linalg.det(axes @ axes.T)))
    # Headers hold spacings such as 1.00001.
    thin = spacing is not None and components.shape[0] > 1 and depth <= THIN_MM * (1 + 1e-3)
    lesions = []
    for number, (window, component) in enumerate(components, start=1):
        places = np.argwhere(component)
        centroid = places.mean(axis=0) + [part.start for part in window]
        values = probability[window][component]
        pixels, longest, inner = _longest_in_plane(component, axes)
        area = int(np.count_nonzero(component[inner]))
        place = tuple(centroid.tolist())
        lesions.append(
            Lesion(
                number=number,
                area_px=area,
                area_mm2=area * pixel if spacing else None,
                volume_voxels=len(places),
                volume_mm3=len(places) * scan.voxel_mm3 if scan.voxel_mm3 else None,
                diameter_px=pixels,
                diameter_mm=longest if spacing else None,
                diameter_slice=window[0].start + inner,
                first_slice=window[0].start,
                last_slice=window[0].stop - 1,
                centroid=place if components.shape[0] > 1 else place[1:],
                centroid_ras_mm=None if affine is None else _in_patient(centroid, affine),
                mean_probability=float(values.mean()),
                max_probability=float(values.max()),
                doubtful=thin and len(component) == 1,
            )
        )
    return tuple(lesions)


def lesion_table(lesions: Sequence[Lesion]) -> str:
    """The lesions as CSV with a header row; empty cells for what is unknown."""
    names = [field.name for field in fields(Lesion)]
    columns = [
        f"{name}_{part}" if part else name for name in names for part in COORDINATES.get(name, [""])
    ]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for lesion in lesions:
        row = []
        for name in names:
            value, parts = getattr(lesion, name), COORDINATES.get(name)
            # A single slice has no coordinate across the slices.
            row += [None] * (len(parts) - len(value or ())) + [*(value or ())] if parts else [value]
        writer.writerow([_cell(value) for value in row])
    return file.getvalue()


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, int) else f"{value:.3f}"


def _longest_in_plane(component: np.ndarray, axes: np.ndarray) -> tuple[float, float, int]:
    """The longest diameter within one slice of ``component`` (d, h, w), in pixels and in the units
    of ``axes``, the vectors of a row and of a column, and the slice of the latter.

    Parts that are connected only through other slices are measured separately.
    """
    pixels, longest, where = 0.0, 0.0, 0
    for index, slice_ in enumerate(component):
        labels, count = ndimage.label(slice_, EIGHT_CONNECTED)
        for label in range(1, count + 1):
            corners = _hull(labels == label)
            pixels = max(pixels, float(pdist(corners).max()))
            diameter = float(pdist(corners @ axes).max())
            if diameter > longest:
                longest, where = diameter, index
    return pixels, longest, where


def _hull(part: np.ndarray) -> np.ndarray:
    """The corners (N, 2) of the pixels of ``part`` (h, w) bool that can be farthest apart."""
    rows = np.flatnonzero(part.any(axis=1))
    # Of a row only its ends can.
    first, last = part[rows].argmax(axis=1), part.shape[1] - 1 - part[rows, ::-1].argmax(axis=1)
    pixels = np.concatenate([np.stack([rows, ends], axis=1) for ends in (first, last)])
    corners = np.concatenate([pixels + offset for offset in product((0, 1), repeat=2)])
    # A pixel is never flat, so it has a hull.
    return corners[ConvexHull(corners).vertices]


def _in_patient(centroid: np.ndarray, affine: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (affine[:3, :3] @ centroid[::-1] + affine[:3, 3]).tolist()
    return x, y, z
