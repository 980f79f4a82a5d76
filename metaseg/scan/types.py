"""The Scan, and how to take one slice of it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom import Dataset

from metaseg.errors import InputError
from metaseg.files import readable_name
from metaseg.limits import MAX_ASPECT

Codes = tuple[str, str, str]
"""Directions of three axes: each one of R, L, A, P, S, I, as nibabel names them."""

PICTURE_ENDINGS = (".png", ".jpeg", ".jpg", ".bmp", ".webp", ".tiff", ".tif")
ENDINGS = (".nii.gz", ".nii", *PICTURE_ENDINGS, ".dicom", ".dcm", ".zip")

FIRST_READ = "the first was read."
"""Ends a notice on a file with several volumes, channels or time points."""


def display_name(path: str | Path) -> str:
    """The file's name without its folder and its extension, readable."""
    name = readable_name(Path(path).name)
    for ending in ENDINGS:
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name


@dataclass(frozen=True)
class SourceSlice:
    """A frame of a DICOM file."""

    header: Dataset
    """The file's header without the pixels."""
    frame: int
    """From 0; always 0 in a file of one slice."""


@dataclass(frozen=True)
class Scan:
    """A picture or a volume in the source's own units."""

    voxels: np.ndarray
    """(D, H, W) float32; a single picture has D = 1."""
    name: str = ""
    """The name shown to people: the file's name without its extension."""
    eight_bit: bool = False
    """Whether the source held 8-bit values, which preprocessing leaves unchanged."""
    spacing: tuple[float, float, float] | None = None
    """Voxel spacing in mm, in the order of the array; None if the source does not state it."""
    affine: np.ndarray | None = None
    """(4, 4), from (column, row, slice) to patient coordinates in mm, RAS+ as in NIfTI."""
    orientation: Codes | None = None
    """The source's own axis codes, for example ("R", "A", "S"), to write back to."""
    plane: str = "axial"
    """The plane of the slices: axial, coronal or sagittal."""
    sources: tuple[SourceSlice | None, ...] = ()
    """DICOM only: the source of each slice, in the order of the series, not of the plane; None for
    a missing slice. A DICOM-SEG refers to them."""
    notices: tuple[str, ...] = ()
    """Sentences about anything unusual that the reader corrected or skipped."""
    volume: np.ndarray | None = None
    """The voxels of the volume that this slice was taken from; None for any other scan."""

    @property
    def is_volume(self) -> bool:
        """Whether there is more than one slice."""
        return len(self.voxels) > 1

    @property
    def voxel_mm3(self) -> float | None:
        """Volume of a voxel; None without a spacing. Slanted axes enclose less than the product of
        the distances along them."""
        if self.spacing is None:
            return None
        if self.affine is None:
            return float(np.prod(self.spacing))
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def aspect(self) -> float:
        """Height of a pixel over its width, limited to ``MAX_ASPECT``; 1 without a spacing."""
        if self.spacing is None:
            return 1.0
        return min(max(self.spacing[1] / self.spacing[2], 1 / MAX_ASPECT), MAX_ASPECT)


def take_slice(scan: Scan, index: int | None) -> tuple[Scan, int]:
    """One slice of ``scan`` as a Scan, and its index; None takes the middle slice.

    Raises InputError if the scan has no such slice.
    """
    depth = len(scan.voxels)
    if index is None:
        index = depth // 2
    number = isinstance(index, int | float) and not isinstance(index, bool)
    if not number or not float(index).is_integer():
        raise InputError(f"The slice index must be a whole number from 0 to {depth - 1}.")
    index = int(index)
    if not 0 <= index < depth:
        raise InputError(
            f"There is no slice {index}: {scan.name} has {depth}, counted from 0 to {depth - 1}."
        )
    affine = scan.affine
    if affine is not None:
        affine = affine.copy()
        affine[:3, 3] += index * affine[:3, 2]
    sources = scan.sources if depth == 1 else ()
    one = scan.voxels[index : index + 1]
    volume = scan.voxels if scan.is_volume else scan.volume
    return replace(scan, voxels=one, affine=affine, sources=sources, volume=volume), index
