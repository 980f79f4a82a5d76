"""NIfTI volumes, read into axial slices in radiological convention and written back."""

import gzip
import io
from pathlib import Path

import nibabel
import numpy as np
from nibabel import orientations

from metaseg.errors import InputError
from metaseg.limits import MAX_SCAN_VOXELS
from metaseg.scan.pictures import damaged
from metaseg.scan.types import Scan, display_name

# Columns run to the patient's left, rows to the back, slices to the head: on the page the
# patient's right is on the left, as radiologists expect.
RADIOLOGICAL = ("L", "P", "S")


def is_nifti(head: bytes) -> bool:
    if head.startswith(b"\x1f\x8b"):
        return True  # read_nifti looks inside
    return head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] == b"n+2\0"


def read_nifti(data: bytes, shown: str) -> Scan:
    """A 3-D NIfTI-1 or NIfTI-2 file, plain or gzipped, as a Scan of axial slices."""
    if data.startswith(b"\x1f\x8b"):
        data = _unpack(data, shown)
    try:
        kind = nibabel.Nifti2Image if data[4:8] == b"n+2\0" else nibabel.Nifti1Image
        image = kind.from_bytes(data)
        shape = image.shape
        if int(np.prod(shape, dtype=np.int64)) > MAX_SCAN_VOXELS:
            raise InputError(f"{shown} has too many voxels {shape}: give a smaller volume.")
        while len(shape) > 3 and shape[-1] == 1:
            shape = shape[:-1]
        if len(shape) not in (2, 3) or 0 in shape:
            raise InputError(f"{shown} has the shape {shape}: give a volume of three dimensions.")
        if image.get_data_dtype().kind not in "iuf":
            raise InputError(f"{shown} holds complex or colour voxels: give a grey volume.")
        array = np.asarray(image.dataobj, dtype=np.float32).reshape((*shape, 1)[:3])
    except InputError:
        raise
    except Exception as error:  # nibabel and numpy each have their own for damaged data
        raise damaged(shown) from error
    if abs(np.linalg.det(image.affine[:3, :3])) < 1e-9 or not np.isfinite(image.affine).all():
        raise InputError(f"{shown} has a singular affine: repair its header.")
    codes = orientations.aff2axcodes(image.affine)
    turn = _turn(codes, RADIOLOGICAL)
    array = orientations.apply_orientation(array, turn)
    affine = image.affine @ orientations.inv_ornt_aff(turn, (*shape, 1)[:3])
    spacing = tuple(float(s) for s in nibabel.affines.voxel_sizes(affine)[::-1])
    voxels = np.ascontiguousarray(array.transpose(2, 1, 0))
    # Scaled values are no grey levels, whatever depth they are stored in.
    plain = (image.dataobj.slope, image.dataobj.inter) == (1, 0)
    eight_bit = image.get_data_dtype() == np.uint8 and plain
    return Scan(voxels, display_name(shown), eight_bit, spacing, affine, codes)


def write_nifti(path: str | Path, voxels: np.ndarray, scan: Scan) -> None:
    """``voxels`` (D, H, W) in the grid of ``scan`` as NIfTI, in the source's own orientation."""
    affine = np.eye(4) if scan.affine is None else scan.affine
    array = np.asarray(voxels).transpose(2, 1, 0)
    turn = _turn(RADIOLOGICAL, scan.orientation or RADIOLOGICAL)
    affine = affine @ orientations.inv_ornt_aff(turn, array.shape)
    image = nibabel.Nifti1Image(orientations.apply_orientation(array, turn), affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def _turn(source: tuple[str, ...], target: tuple[str, ...]) -> np.ndarray:
    return orientations.ornt_transform(
        orientations.axcodes2ornt(source), orientations.axcodes2ornt(target)
    )


def _unpack(data: bytes, shown: str) -> bytes:
    limit = MAX_SCAN_VOXELS * 8
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            unpacked = file.read(limit + 1)
    except (OSError, EOFError) as error:
        raise damaged(shown) from error
    if len(unpacked) > limit:
        raise InputError(f"{shown} unpacks to more than {limit >> 20} MB: give a smaller volume.")
    if not is_nifti(unpacked[:512]) or unpacked.startswith(b"\x1f\x8b"):
        raise InputError(f"{shown} is a gzip file without a NIfTI volume in it.")
    return unpacked
