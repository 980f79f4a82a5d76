"""One door for every format: the content decides, never the file's ending."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from metaseg.errors import InputError
from metaseg.limits import MAX_FILE_BYTES, MIN_SIDE
from metaseg.scan.archive import Entry, is_zip, open_folder_or_zip
from metaseg.scan.dicom_frames import is_dicom
from metaseg.scan.dicom_seg import is_dicom_seg, read_dicom_seg
from metaseg.scan.dicom_series import Series, choose_series, find_series, read_series
from metaseg.scan.nifti import is_nifti, read_nifti
from metaseg.scan.pictures import damaged, read_picture
from metaseg.scan.tiff import read_tiff
from metaseg.scan.types import Scan

SIGNATURES: list[tuple[Callable[[bytes], bool], Callable[..., Scan]]] = [
    (lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), read_picture),
    (lambda head: head.startswith(b"\xff\xd8\xff"), read_picture),
    (lambda head: head.startswith(b"BM"), read_picture),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", read_picture),
    (lambda head: head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), read_tiff),
]

FORMATS = "PNG, JPEG, BMP, WebP, TIFF, NIfTI or DICOM"


def read_scan(
    path: str | Path,
    series: str | None = None,
    volume: int | None = None,
    channel: int | None = None,
) -> Scan:
    """The file, folder or zip at ``path`` as a Scan. InputError says what is wrong with it.

    ``series`` chooses one of several DICOM series by its number from 1, its instance UID or a
    part of its description; ``volume`` one of a 4-D NIfTI, ``channel`` one of a colour picture,
    both from 0.
    """
    path = Path(path)
    shown = path.name
    try:
        if path.is_dir():
            scan = _read_many(path, series, volume, channel)
        else:
            scan = _read_file(path, series, volume, channel)
    except OSError as error:
        raise InputError(f"{shown} cannot be opened: check that the file is there.") from error
    _check(scan, shown)
    return scan


def is_readable(path: str | Path) -> bool:
    """Whether the file at ``path`` begins like something that ``read_scan`` reads."""
    try:
        head = _head(Path(path))
    except OSError:
        return False
    return is_zip(head) or is_dicom(head) or _is_image(head)


def open_all(path: str | Path) -> Iterator[tuple[str, Callable[[], Scan]]]:
    """Every scan in the file or zip at ``path``, by what to call it, and how to read it.

    A zip gives each of its DICOM series, or each of its images, which must be read before the next
    is asked for. InputError for a zip that is damaged or holds none; what is wrong with a scan is
    said when it is read.
    """
    path = Path(path)
    if not is_readable(path) or not is_zip(_head(path)):
        yield path.name, partial(read_scan, path)
        return
    with open_folder_or_zip(path, path.name) as entries:
        heads = [entry.head() for entry in entries]
        if any(is_dicom(head) for head in heads):
            found, notices = _find_series(entries, path.name)
            scans = [
                (series.description, path.name, partial(_read_series, series, path.name, notices))
                for series in found
            ]
        else:
            images = [entry for entry, head in zip(entries, heads) if _is_image(head)]
            names = [entry.name.rpartition("/")[2] for entry in images]
            scans = [
                (name, name, partial(_read_entry, entry, name))
                for name, entry in zip(names, images)
            ]
        if not scans:
            raise InputError(f"{path.name} holds no image: give pictures, volumes or DICOM series.")
        for name, shown, read in scans:
            yield f"{path.name}: {name}", partial(_checked, shown, read)


def _checked(shown: str, read: Callable[[], Scan]) -> Scan:
    scan = read()
    _check(scan, shown)
    return scan


def _read_entry(entry: Entry, shown: str) -> Scan:
    return _read_bytes(entry.read(), shown, None, None, None)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)


def _read_file(path: Path, series: str | None, volume: int | None, channel: int | None) -> Scan:
    shown = path.name
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InputError(f"{shown} is larger than {MAX_FILE_BYTES >> 20} MB: give a smaller file.")
    if not size:
        raise InputError(f"{shown} is empty: give a file that holds a slice.")
    if is_zip(_head(path)):
        return _read_many(path, series, volume, channel)
    return _read_bytes(path.read_bytes(), shown, series, volume, channel)


def _read_bytes(
    data: bytes, shown: str, series: str | None, volume: int | None, channel: int | None
) -> Scan:
    head = data[:512]
    if is_dicom(head):  # first, since its preamble may look like another format
        return _read_dicom([Entry(shown, lambda: io.BytesIO(data))], shown, series)
    if is_nifti(head):
        return read_nifti(data, shown, volume)
    for matches, reader in SIGNATURES:
        if matches(head):
            return reader(data, shown, channel)
    raise InputError(f"{shown} is not an image that MetaSeg reads: give a {FORMATS} file.")


def _read_many(path: Path, series: str | None, volume: int | None, channel: int | None) -> Scan:
    """A folder or a zip: a DICOM series, or one image of another format."""
    shown = path.name
    with open_folder_or_zip(path, shown) as entries:
        heads = [entry.head() for entry in entries]
        if any(is_dicom(head) for head in heads):
            return _read_dicom(entries, shown, series)
        images = [entry for entry, head in zip(entries, heads) if _is_image(head)]
        if len(images) == 1:
            name = images[0].name.rpartition("/")[2]
            return _read_bytes(images[0].read(), name, series, volume, channel)
    found = f"{len(images)} images" if images else "no image"
    raise InputError(f"{shown} holds {found}: give one DICOM series or one image.")


def _read_dicom(entries: list[Entry], shown: str, series: str | None) -> Scan:
    found, notices = _find_series(entries, shown)
    return _read_series(choose_series(found, series, shown), shown, notices)


def _find_series(entries: list[Entry], shown: str) -> tuple[list[Series], list[str]]:
    with _parsing(shown):
        return find_series(entries, shown)


def _read_series(series: Series, shown: str, notices: list[str]) -> Scan:
    with _parsing(shown):
        return read_series(series, shown, notices)


@contextmanager
def _parsing(shown: str) -> Iterator[None]:
    """Turns what goes wrong inside into words: pydicom parses a value when it is looked at."""
    try:
        yield
    except (InputError, OSError):
        raise
    except Exception as error:
        raise damaged(shown) from error


def _is_image(head: bytes) -> bool:
    return is_nifti(head) or any(matches(head) for matches, _ in SIGNATURES)


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


def read_mask(path: str | Path, scan: Scan, labels: tuple[int, ...] | None = None) -> np.ndarray:
    """A ground truth for ``scan`` as a boolean array (D, H, W): where it has one of ``labels``,
    or, without labels, where it is white.

    A DICOM-SEG is laid where it belongs in the patient; everything else has the scan's own grid.
    InputError where its size differs from the scan's and, without labels, where it has
    more than two values (0 and one of 1, 255 and 65535).
    """
    if is_dicom_seg(path):
        return read_dicom_seg(path, scan)
    mask = read_scan(path)
    shown = Path(path).name
    if mask.voxels.shape != scan.voxels.shape:
        raise InputError(
            f"The ground truth {shown} is {_size(mask)} and the scan is {_size(scan)}: "
            "give a mask of the same size."
        )
    if not _same_place(mask, scan):
        raise InputError(
            f"The ground truth {shown} is turned another way than the scan: "
            "save it with the header of the scan."
        )
    if labels is not None:
        return np.isin(mask.voxels, labels)
    values = np.unique(mask.voxels)
    if len(values) > 2 or not set(values.tolist()) <= {0.0, 1.0, 255.0, 65535.0}:
        raise InputError(
            f"The ground truth {shown} has grey values: give a mask that is black (0) "
            "and white (255, or 1) only, saved without lossy compression."
        )
    if len(values) == 2 and values[0] != 0:
        raise InputError(f"The ground truth {shown} has no black background: give a 0/255 mask.")
    return mask.voxels > 0


def _same_place(mask: Scan, scan: Scan) -> bool:
    """Whether the two agree on where their corners lie, or at least on how their axes run.

    Masks whose origin alone is off are common, and harmless: their voxels are those of the scan.
    """
    if mask.affine is None or scan.affine is None or mask.orientation == scan.orientation:
        return True
    depth, height, width = scan.voxels.shape
    corners = np.array([[0, 0, 0, 1], [width, height, depth, 1]]).T
    apart = np.abs((mask.affine - scan.affine) @ corners).max()
    return bool(apart <= max(scan.spacing))


def _size(scan: Scan) -> str:
    depth, height, width = scan.voxels.shape
    return f"{width} x {height}" + (f" x {depth}" if depth > 1 else "")
