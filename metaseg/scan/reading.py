"""One door for every format: the content decides, never the file's ending."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from metaseg.errors import InputError
from metaseg.limits import MAX_FILE_BYTES, MIN_SIDE
from metaseg.scan.nifti import is_nifti, read_nifti
from metaseg.scan.pictures import read_picture
from metaseg.scan.tiff import read_tiff
from metaseg.scan.types import Scan

SIGNATURES: list[tuple[Callable[[bytes], bool], Callable[[bytes, str], Scan]]] = [
    (lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), read_picture),
    (lambda head: head.startswith(b"\xff\xd8\xff"), read_picture),
    (lambda head: head.startswith(b"BM"), read_picture),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", read_picture),
    (lambda head: head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), read_tiff),
    (is_nifti, read_nifti),
]

FORMATS = "PNG, JPEG, BMP, WebP, TIFF or NIfTI"


def read_scan(path: str | Path) -> Scan:
    """The file at ``path`` as a Scan. InputError says what is wrong with it."""
    path = Path(path)
    shown = path.name
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise InputError(
                f"{shown} is larger than {MAX_FILE_BYTES >> 20} MB: give a smaller file."
            )
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{shown} cannot be opened: check that the file is there.") from error
    if not data:
        raise InputError(f"{shown} is empty: give a file that holds a slice.")
    for matches, reader in SIGNATURES:
        if matches(data[:512]):
            scan = reader(data, shown)
            break
    else:
        raise InputError(f"{shown} is not an image that MetaSeg reads: give a {FORMATS} file.")
    _check(scan, shown)
    return scan


def _check(scan: Scan, shown: str) -> None:
    _, height, width = scan.voxels.shape
    if min(height, width) < MIN_SIDE:
        raise InputError(
            f"{shown} is {width} x {height} pixels: a slice needs at least {MIN_SIDE} on each side."
        )
    if not np.isfinite(scan.voxels).all():
        raise InputError(
            f"{shown} holds values that are not finite numbers (NaN or infinity): "
            "replace them and try again."
        )


def read_mask(path: str | Path, scan: Scan) -> np.ndarray:
    """A ground truth for ``scan`` as a boolean array (D, H, W).

    InputError where its size differs from the scan's or where it has more than two values
    (0 and one of 1, 255 and 65535).
    """
    mask = read_scan(path)
    shown = Path(path).name
    if mask.voxels.shape != scan.voxels.shape:
        raise InputError(
            f"The ground truth {shown} is {_size(mask)} and the scan is {_size(scan)}: "
            "give a mask of the same size."
        )
    values = np.unique(mask.voxels)
    if len(values) > 2 or not set(values.tolist()) <= {0.0, 1.0, 255.0, 65535.0}:
        raise InputError(
            f"The ground truth {shown} has grey values: give a mask that is black (0) "
            "and white (255, or 1) only, saved without lossy compression."
        )
    if len(values) == 2 and values[0] != 0:
        raise InputError(f"The ground truth {shown} has no black background: give a 0/255 mask.")
    return mask.voxels > 0


def _size(scan: Scan) -> str:
    depth, height, width = scan.voxels.shape
    return f"{width} x {height}" + (f" x {depth}" if depth > 1 else "")
