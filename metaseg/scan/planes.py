"""Cut a volume into axial, coronal or sagittal slices, and map them back exactly."""

from dataclasses import replace

import numpy as np
from nibabel import orientations

from metaseg.errors import InputError
from metaseg.scan.types import Codes, Scan

PLANES: dict[str, Codes] = {
    "axial": ("L", "P", "S"),
    "coronal": ("L", "I", "P"),
    "sagittal": ("P", "I", "L"),
}
"""Directions of increasing columns, rows and slices. In axial and coronal slices the patient's
right is on the left, as radiologists expect; in coronal and sagittal ones the head is up."""

SLAB = 8
"""Times its shortest side that a volume's longest one measures at most to be cut in every plane."""
ISOTROPIC = 1.5
"""A volume whose spacings differ by no more than this factor can be cut in every plane."""

ANISOTROPY = 2.0
"""A volume is cut across its coarsest axis if that spacing exceeds the others by this factor."""


def natural_plane(shape: tuple[int, int, int], affine: np.ndarray) -> str:
    """The best plane to view a source array (i, j, k) of ``shape`` in.

    Axial, unless the source was acquired in another plane as a single slice or as slices so thick
    that an axial cut through them would show stripes.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    single = [axis for axis in range(3) if shape[axis] == 1]
    axis = single[0] if len(single) == 1 else int(np.argmax(spacing))
    others = np.delete(spacing, axis)
    if len(single) != 1 and spacing[axis] < ANISOTROPY * others.max():
        return "axial"
    code = orientations.aff2axcodes(affine)[axis]
    return next(plane for plane, codes in PLANES.items() if _same_axis(codes[2], code))


def to_plane(
    array: np.ndarray, affine: np.ndarray, codes: Codes, plane: str
) -> tuple[np.ndarray, np.ndarray]:
    """A source array (i, j, k) with axis ``codes`` as slices (D, H, W), and their affine from
    (column, row, slice) to patient coordinates."""
    turn = _turn(codes, PLANES[plane])
    moved = affine @ orientations.inv_ornt_aff(turn, array.shape)
    slices = orientations.apply_orientation(array, turn).transpose(2, 1, 0)
    return np.ascontiguousarray(slices), moved


def from_plane(
    voxels: np.ndarray, affine: np.ndarray, codes: Codes, plane: str
) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of ``to_plane``: slices (D, H, W) as the source's array and affine."""
    turn = _turn(PLANES[plane], codes)
    array = voxels.transpose(2, 1, 0)
    moved = affine @ orientations.inv_ornt_aff(turn, array.shape)
    return orientations.apply_orientation(array, turn), moved


def in_plane(scan: Scan, plane: str) -> Scan:
    """``scan`` cut into slices of another plane ("axial", "coronal" or "sagittal"); its voxels
    are a view of those of ``scan``, no copy.

    Raises InputError if the plane is unknown, or the scan is not a volume of known orientation.
    """
    if plane not in PLANES:
        raise InputError(f'There is no plane "{plane}": choose {", ".join(PLANES)}.')
    if plane == scan.plane:
        return scan
    if scan.affine is None or scan.orientation is None or not scan.is_volume:
        raise InputError(f"{scan.name} cannot be cut in another plane: use an oriented volume.")
    # Every volume that was read is in one of the three planes, so this is a turn by 90 degrees.
    turn = _turn(PLANES[scan.plane], PLANES[plane])
    array = scan.voxels.transpose(2, 1, 0)
    affine = scan.affine @ orientations.inv_ornt_aff(turn, array.shape)
    voxels = orientations.apply_orientation(array, turn).transpose(2, 1, 0)
    spacing = None if scan.spacing is None else spacing_of(affine)
    return replace(scan, voxels=voxels, affine=affine, spacing=spacing, plane=plane)


def is_isotropic(scan: Scan) -> bool:
    """Whether ``scan`` is a volume that can be cut in every plane: oriented, its voxels no longer
    than ISOTROPIC times their shortest side, and no slab, whose cuts are narrow strips."""
    if not scan.is_volume or scan.spacing is None or scan.orientation is None:
        return False
    slab = max(scan.voxels.shape) > SLAB * min(scan.voxels.shape)
    return max(scan.spacing) <= ISOTROPIC * min(scan.spacing) and not slab


def array_in_plane(voxels: np.ndarray, scan: Scan, plane: str) -> np.ndarray:
    """``voxels`` (D, H, W), in the grid of ``scan``, cut like ``in_plane(scan, plane)``: a view."""
    return in_plane(replace(scan, voxels=voxels), plane).voxels


def spacing_of(affine: np.ndarray) -> tuple[float, float, float]:
    """Spacing of slices, rows and columns in mm."""
    column, row, slice_ = (float(length) for length in np.linalg.norm(affine[:3, :3], axis=0))
    return slice_, row, column


def _turn(source: Codes, target: Codes) -> np.ndarray:
    return orientations.ornt_transform(
        orientations.axcodes2ornt(source), orientations.axcodes2ornt(target)
    )


def _same_axis(one: str, other: str) -> bool:
    return any({one, other} <= set(pair) for pair in ("RL", "AP", "SI"))
