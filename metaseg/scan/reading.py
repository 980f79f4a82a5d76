"""Read a file of any supported format. Its content decides, never its extension."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from metaseg.errors import TOO_LARGE
from metaseg.files import path_of, readable_name
from metaseg.limits import MAX_ASPECT, MAX_FILE_BYTES, MAX_SLICES, SPACING_MM
from metaseg.scan.archive import HEAD_BYTES, UNOPENED, Entry, is_office, is_zip, open_folder_or_zip
from metaseg.scan.dicom_frames import is_dicom
from metaseg.scan.dicom_seg_mask import is_dicom_seg, read_dicom_seg
from metaseg.scan.dicom_series import find_series, read_series
from metaseg.scan.errors import CostError, FileError, about
from metaseg.scan.nifti import GZIP, holds_nifti, is_nifti, read_nifti
from metaseg.scan.parts import NO_IMAGE, Part, choose_part
from metaseg.scan.pictures import check_pixels, read_picture
from metaseg.scan.planes import in_plane, spacing_of
from metaseg.scan.tiff import read_tiff
from metaseg.scan.types import FIRST_READ, Scan, display_name

SIGNATURES: list[tuple[Callable[[bytes], bool], Callable[..., Scan]]] = [
    (lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), read_picture),
    (lambda head: head.startswith(b"\xff\xd8\xff"), read_picture),
    (lambda head: head.startswith(b"BM"), read_picture),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", read_picture),
    (lambda head: head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), read_tiff),
]

ROUNDED = 0.05
"""Largest distance of a mask's values from whole numbers."""
FORMATS = "PNG, JPEG, BMP, WebP, TIFF, NIfTI or DICOM"


@dataclass(frozen=True)
class Choice:
    """Which of several images to read; see ``read_scan``."""

    series: str | None = None
    volume: int | None = None
    channel: int | None = None


def read_scan(
    path: str | Path,
    series: str | None = None,
    volume: int | None = None,
    channel: int | None = None,
) -> Scan:
    """Read the file, folder or zip at ``path`` as a Scan. Raises InputError if it cannot be read.

    ``series`` chooses one of several DICOM series or images by its number from 1, its instance UID
    or a part of its description; ``volume`` one volume of a 4-D NIfTI and ``channel`` one channel
    of a colour image, both from 0.
    """
    path = path_of(path)
    choice = Choice(series, volume, channel)
    with opening(readable_name(path.name)):
        if path.is_dir() or is_zip(_check_file(path)):
            with open_folder_or_zip(path) as entries:
                return _read_many(entries, path.name, choice)
        return _read_one(Entry(path.name, partial(path.open, "rb")), path.name, choice)


def is_readable(path: str | Path) -> bool:
    """Whether the file at ``path`` begins like a format that ``read_scan`` supports."""
    path = Path(path)
    try:
        head = _head(path)
    except OSError:
        return False
    if is_zip(head):
        return not is_office(path)
    return is_dicom(head) or (holds_nifti(path) if head.startswith(GZIP) else _is_image(head))


def is_dicom_file(path: Path) -> bool:
    """Whether the file at ``path`` begins like DICOM."""
    return is_dicom(_head(path))


def open_all(path: str | Path) -> Iterator[tuple[str, Callable[[], Scan]]]:
    """Yield a label and a reader for every scan in the file or zip at ``path``.

    A zip yields each of its DICOM series and each other image, in the order of the numbers that
    ``read_scan`` takes; read each one before advancing.
    Raises InputError if a zip is damaged or empty. A reader raises InputError if its scan is
    damaged.
    """
    path = Path(path)
    if not is_readable(path) or not is_zip(_head(path)):
        yield path.name, partial(read_scan, path)
        return
    with opening(path.name), open_folder_or_zip(path) as entries:
        for title, read in _each(entries, path.name):
            yield f"{path.name}: {title}", read


def open_together(paths: Sequence[Path]) -> Iterator[tuple[str, Callable[[], Scan]]]:
    """Yield a label and a reader for every series in the DICOM files at ``paths``; otherwise as
    ``open_all``."""
    name = f"{len(paths)} DICOM files"
    with opening(name):
        yield from _each([Entry(path.name, partial(path.open, "rb")) for path in paths], name)


def _each(entries: list[Entry], name: str) -> Iterator[tuple[str, Callable[[], Scan]]]:
    parts = _parts(entries, name, Choice())
    if not parts:
        raise FileError(NO_IMAGE)
    for part in parts:
        yield part.description, partial(_opened, part.name, part.read)


@contextmanager
def opening(name: str) -> Iterator[None]:
    """Convert file and memory errors raised inside to InputErrors about the file ``name``."""
    with about(name):
        try:
            yield
        except OSError as error:
            raise FileError(UNOPENED) from error
        except MemoryError as error:
            raise CostError(TOO_LARGE) from error


def _opened(name: str, read: Callable[[], Scan]) -> Scan:
    """Call ``read``, check the scan and name it after the file ``name``."""
    with opening(name):
        return replace(_checked(read()), name=display_name(name))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _check_file(path: Path) -> bytes:
    """The head of the file at ``path``. Raises FileError if the file is empty or too large."""
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise FileError(f"is larger than {MAX_FILE_BYTES >> 20} MB: use a smaller file.")
    if not size:
        raise FileError("is empty: use a file with a slice.")
    return _head(path)


def _read_one(entry: Entry, name: str, choice: Choice) -> Scan:
    return _opened(name, partial(_decode, entry, choice))


def _decode(entry: Entry, choice: Choice) -> Scan:
    head = entry.head()
    if is_dicom(head):  # first, since its preamble may look like another format
        return choose_part(_parts([entry], entry.file_name, choice), choice.series).read()
    if is_nifti(head):
        return read_nifti(entry.read(), choice.volume)
    for matches, reader in SIGNATURES:
        if matches(head):
            return reader(entry.read(), choice.channel)
    raise FileError(f"is not an image that MetaSeg reads: use a {FORMATS} file.")


def _read_many(entries: list[Entry], name: str, choice: Choice) -> Scan:
    part = choose_part(_parts(entries, name, choice), choice.series)
    return _opened(part.name, part.read)


def _parts(entries: list[Entry], name: str, choice: Choice) -> list[Part]:
    """Every scan among ``entries``, those of the folder or zip ``name``: first the DICOM series."""
    found, notices = find_series(entries)
    series = [
        Part(one.description, one.uid, name, partial(read_series, one, notices)) for one in found
    ]
    images = [
        Part(entry.file_name, None, entry.file_name, partial(_decode, entry, choice))
        for entry in entries
        if _is_image(head := entry.head()) and not is_dicom(head)
    ]
    return series + images


def _is_image(head: bytes) -> bool:
    return is_nifti(head) or any(matches(head) for matches, _ in SIGNATURES)


def _checked(scan: Scan) -> Scan:
    """``scan`` without an implausible spacing. Raises FileError for a size or values to refuse."""
    depth, height, width = scan.voxels.shape
    if not 1 <= depth <= MAX_SLICES:
        raise FileError(f"contains {depth} slices: use 1 to {MAX_SLICES}.")
    check_pixels(width, height)
    if not np.isfinite(scan.voxels).all():
        raise FileError(
            "has values that are not finite numbers (NaN or infinity): replace them and try again."
        )
    if scan.spacing is None or _is_true(scan.spacing):
        return scan
    stated = " x ".join(f"{distance:.3g}" for distance in scan.spacing)
    notice = f"Its voxel spacing of {stated} mm is implausible: sizes are given in pixels."
    return replace(scan, spacing=None, notices=(*scan.notices, notice))


def _is_true(spacing: tuple[float, float, float]) -> bool:
    least, most = SPACING_MM
    _, row, column = spacing
    ratio = max(row, column) / max(min(row, column), least)
    return all(least <= distance <= most for distance in spacing) and ratio <= MAX_ASPECT


def read_mask(path: str | Path, scan: Scan, labels: tuple[int, ...] | None = None) -> np.ndarray:
    """Read a ground truth for ``scan`` as a boolean array (D, H, W).

    It is True where the file has one of ``labels`` or, without labels, where it is white. A
    DICOM-SEG is placed by its patient coordinates; every other format must have the scan's grid.
    Raises InputError if the size differs from the scan's or, without labels, if there are more
    than two values (0 and one of 1, 255 and 65535).
    """
    path = path_of(path)
    with opening(path.name), _entries(path) as entries:
        found = [entry for entry in entries if is_dicom_seg(entry)]
        if len(found) > 1:
            raise FileError("holds several DICOM-SEG files: use the one with the lesions alone.")
        for entry in found:
            with opening(f"The ground truth {path.name}"):
                return read_dicom_seg(entry, scan)
    mask = read_scan(path)
    if any(notice.endswith(FIRST_READ) for notice in mask.notices):
        with opening(f"The ground truth {path.name}"):
            raise FileError("has several volumes or channels: save the one with the lesions alone.")
    if mask.is_volume and mask.orientation is not None and scan.orientation is not None:
        # A mask saved without its spacing may have been cut in another plane than the scan.
        mask = in_plane(mask, scan.plane)
    with opening(f"The ground truth {path.name}"):
        return _fitting(mask, scan, labels)


@contextmanager
def _entries(path: Path) -> Iterator[list[Entry]]:
    """The file at ``path``, or the files in that folder or zip."""
    if path.is_dir() or is_zip(_check_file(path)):
        with open_folder_or_zip(path) as entries:
            yield entries
    else:
        yield [Entry(path.name, partial(path.open, "rb"))]


def _fitting(mask: Scan, scan: Scan, labels: tuple[int, ...] | None) -> np.ndarray:
    if mask.voxels.shape != scan.voxels.shape:
        raise FileError(
            f"is {_size(mask)} and the scan is {_size(scan)}: use a mask of the same size."
        )
    if not _same_place(mask, scan):
        raise FileError(
            "has a different orientation from the scan: save it with the header of the scan."
        )
    # Some writers store labels with a scale, and 1 comes back as 1.004.
    voxels = np.rint(mask.voxels)
    if np.abs(mask.voxels - voxels).max() > ROUNDED:
        raise FileError("has values between whole numbers: use a mask of grey labels.")
    if labels is not None:
        return np.isin(voxels, labels)
    values = np.unique(voxels)
    if len(values) > 2 or not set(values.tolist()) <= {0.0, 1.0, 255.0, 65535.0}:
        raise FileError(
            "has grey values: use a mask that is black (0) "
            "and white (255, or 1) only, saved without lossy compression."
        )
    if len(values) == 2 and values[0] != 0:
        raise FileError("has no black background: use a 0/255 mask.")
    return voxels > 0


def _same_place(mask: Scan, scan: Scan) -> bool:
    """Whether the two have the same axis directions or, failing that, the same corners.

    Masks with only a wrong origin are common and harmless: their voxels match the scan's.
    """
    if mask.affine is None or scan.affine is None or mask.orientation == scan.orientation:
        return True
    depth, height, width = scan.voxels.shape
    corners = np.array([[0, 0, 0, 1], [width, height, depth, 1]]).T
    apart = np.abs((mask.affine - scan.affine) @ corners).max()
    return bool(apart <= max(spacing_of(scan.affine)))


def _size(scan: Scan) -> str:
    depth, height, width = scan.voxels.shape
    return f"{width} x {height}" + (f" x {depth}" if depth > 1 else "")
