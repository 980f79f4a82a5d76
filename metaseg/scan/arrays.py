"""Convert arrays in memory to scans and ground truths."""

import numpy as np

from metaseg.errors import InputError
from metaseg.limits import MAX_SCAN_VOXELS, MIN_SIDE
from metaseg.scan.errors import about
from metaseg.scan.pictures import check_pixels
from metaseg.scan.types import Scan


def scan_of_array(array: np.ndarray) -> Scan:
    """``array``, a slice (H, W) or a volume (D, H, W) of grey values, as a Scan without a spacing.

    Values of dtype uint8 count as grey levels, all others as the scanner's own units. Raises
    InputError if the array is not a slice or a volume, or has values that are not finite.
    """
    if isinstance(array, np.ma.MaskedArray):
        raise InputError("A masked array has no values where it is masked: fill them.")
    if array.ndim not in (2, 3) or array.dtype.kind not in "iuf":
        raise InputError(
            f"An array of shape {array.shape} and type {array.dtype} is not a scan: use grey "
            "values as (height, width) or (slices, height, width)."
        )
    if array.size == 0 or min(array.shape[-2:]) < MIN_SIDE:
        raise InputError(
            f"An array of shape {array.shape} is too small: use at least {MIN_SIDE} x {MIN_SIDE} "
            "pixels, as (height, width) or (slices, height, width)."
        )
    with about("The array"):
        check_pixels(array.shape[-1], array.shape[-2])
    if array.size > MAX_SCAN_VOXELS:
        raise InputError(f"The array has {array.size} voxels: use at most {MAX_SCAN_VOXELS}.")
    with np.errstate(over="ignore"):
        voxels = array.reshape(-1, *array.shape[-2:]).astype(np.float32)
    if not np.isfinite(voxels).all():
        raise InputError(
            "The array has values that are not finite numbers in 32 bits: replace them."
        )
    return Scan(voxels, "array", eight_bit=array.dtype == np.uint8)


def mask_of_array(array: np.ndarray, scan: Scan) -> np.ndarray:
    """``array`` as a ground truth (D, H, W) bool for ``scan``.

    Raises InputError if its size is not the scan's, or it has more values than 0 and one other.
    """
    depth, height, width = scan.voxels.shape
    if array.shape not in ((depth, height, width), (height, width) if depth == 1 else ()):
        raise InputError(
            f"The ground truth has the shape {array.shape} and the scan {scan.voxels.shape}: "
            "use a mask of the same size."
        )
    mask = array.reshape(scan.voxels.shape) != 0
    if np.unique(array[array != 0]).size > 1:
        raise InputError("The ground truth has more than two values: use 0 and one other.")
    return mask
