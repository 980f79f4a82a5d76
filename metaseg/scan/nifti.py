"""Read NIfTI volumes as slices in radiological convention, and write them back."""

import gzip
import io
import zlib
from pathlib import Path

import nibabel
import numpy as np
from nibabel import orientations

from metaseg.limits import MAX_SCAN_VOXELS, MAX_UNPACKED_BYTES, MEGABYTE
from metaseg.scan.errors import FileError, decoding
from metaseg.scan.planes import from_plane, natural_plane, spacing_of, to_plane
from metaseg.scan.types import FIRST_READ, Scan

NIFTI_1_SIDE = 32767
"""Longest side in NIfTI-1, which stores sizes as 16-bit integers."""

GZIP = b"\x1f\x8b"
HEADER_BYTES = 540
"""Size of a NIfTI-2 header; a NIfTI-1 header has 348 bytes."""

MM_PER_UNIT = {"meter": 1000.0, "micron": 0.001}
"""The units other than mm that a NIfTI header can name."""


def is_nifti(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is NIfTI, compressed or not."""
    if head.startswith(GZIP):
        return True  # read_nifti looks inside
    return head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] in (b"n+2\0", b"ni2\0")


def holds_nifti(path: Path) -> bool:
    """Whether the gzip file at ``path`` holds NIfTI, as far as it can be inflated."""
    try:
        with gzip.open(path) as file:
            return is_nifti(file.read(HEADER_BYTES))
    except (OSError, EOFError, zlib.error):
        return True  # damaged, which reading it will say


@decoding()
def read_nifti(data: bytes, volume: int | None = None) -> Scan:
    """A NIfTI-1 or NIfTI-2 file, plain or gzipped, of two to four dimensions, as a Scan.

    ``volume`` chooses one volume of a 4-D file, counted from 0; None takes the first and adds a
    notice. A 3-D file has volume 0 alone. The orientation is that of the header's sform, or of its
    qform if there is no sform (NIfTI-1 standard, methods 3 and 2). Raises FileError if the file
    cannot be read.
    """
    data = _whole_file(data)
    image = _kind(data).from_bytes(data)
    shape = (*image.shape, 1, 1)[:3]
    array = _voxels(image, volume).reshape(shape)
    affine = _affine(image)
    codes = orientations.aff2axcodes(affine)
    plane = natural_plane(shape, affine)
    voxels, turned = to_plane(array, affine, codes, plane)
    # Scaled values are not grey levels, even if they are stored in 8 bits.
    plain = (image.dataobj.slope, image.dataobj.inter) == (1, 0)  # pyright: ignore[reportAttributeAccessIssue]
    eight_bit = image.get_data_dtype() == np.uint8 and plain
    return Scan(
        voxels,
        eight_bit=eight_bit,
        spacing=spacing_of(turned),
        affine=turned,
        orientation=codes,
        plane=plane,
        notices=tuple(_notices(image, volume)),
    )


def write_nifti(path: str | Path, voxels: np.ndarray, scan: Scan) -> None:
    """Write ``voxels`` (D, H, W), in the grid of ``scan``, in the source's own orientation.

    Boolean masks are written as 0 and 1 in 8 bits. Without an affine, the spacing is the scan's, or
    1 mm if it has none.
    """
    if voxels.dtype == bool:
        voxels = voxels.astype(np.uint8)
    if scan.affine is None or scan.orientation is None:
        depth, height, width = scan.spacing or (1.0, 1.0, 1.0)
        array, affine = voxels.transpose(2, 1, 0), np.diag([-width, -height, depth, 1.0])
    else:
        array, affine = from_plane(voxels, scan.affine, scan.orientation, scan.plane)
    first = max(array.shape) <= NIFTI_1_SIDE
    image = (nibabel.Nifti1Image if first else nibabel.Nifti2Image)(array, affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def _kind(data: bytes) -> type[nibabel.Nifti1Image]:
    second = data[4:8] in (b"n+2\0", b"ni2\0")
    return nibabel.Nifti2Image if second else nibabel.Nifti1Image


def _whole_file(data: bytes) -> bytes:
    """The bytes of the file, inflated no further than the size in its checked header."""
    if not data.startswith(GZIP):
        _check_header(data[:HEADER_BYTES])
        return data
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        head = file.read(HEADER_BYTES)
        if not is_nifti(head) or head.startswith(GZIP):
            raise FileError("is a gzip file without a NIfTI volume: use a .nii or .nii.gz file.")
        whole, left = io.BytesIO(), max(0, _check_header(head) - len(head))
        whole.write(head)
        while left and (piece := file.read(min(left, MEGABYTE))):
            whole.write(piece)
            left -= len(piece)
        file.read(1)  # at the end of the stream, gzip verifies its checksum
        return whole.getvalue()


def _check_header(head: bytes) -> int:
    """Size of the file in bytes by its header. Raises FileError if it cannot be read."""
    if head[344:348] == b"ni1\0" or head[4:8] == b"ni2\0":
        raise FileError(
            "is the header of a pair of files (.hdr and .img): convert them to one .nii."
        )
    header = _kind(head).header_class.from_fileobj(io.BytesIO(head), check=False)
    shape, dtype = header.get_data_shape(), header.get_data_dtype()
    real = shape
    while len(real) > 3 and real[-1] == 1:
        real = real[:-1]
    if len(real) not in (2, 3, 4) or min(real) < 1:
        raise FileError(f"has the shape {shape}: use a volume of three dimensions.")
    if dtype.kind not in "iuf":
        raise FileError("has complex or colour voxels: use a grey volume.")
    zooms = zip(real, header["pixdim"][1:4])  # nibabel would turn a spacing of 0 into 1
    if any(size > 1 and (zoom == 0 or not np.isfinite(zoom)) for size, zoom in zooms):
        raise FileError("has a spacing of zero: repair its header.")
    if int(header["vox_offset"]) < len(header.binaryblock):
        raise FileError("states that its voxels begin inside its header: save it again.")
    count = int(np.prod([int(size) for size in shape], dtype=object))
    size = int(header["vox_offset"]) + count * dtype.itemsize
    if count > MAX_SCAN_VOXELS or size > MAX_UNPACKED_BYTES:
        raise FileError(f"has too many voxels {shape}: use a smaller volume.")
    return size


def _voxels(image: nibabel.Nifti1Image, volume: int | None) -> np.ndarray:
    """The voxels as float32, in two or three dimensions.

    They are scaled slice by slice: scaling the whole volume would take three times the memory.
    """
    chosen = ()
    count = image.shape[3] if len(image.shape) > 3 else 1
    if not 0 <= (volume or 0) < count:
        which = f"one from 0 to {count - 1}" if count > 1 else "0, its only one"
        raise FileError(f"has no volume {volume}: choose {which}.")
    if len(image.shape) > 3:
        chosen = (volume or 0, *[0] * (len(image.shape) - 4))
    if len(image.shape) == 2:
        return np.asarray(image.dataobj, np.float32)
    array = np.empty(image.shape[:3], np.float32, order="F")
    for index in range(image.shape[2]):
        with np.errstate(over="ignore"):  # infinite values are refused later
            array[..., index] = image.dataobj[(slice(None), slice(None), index, *chosen)]
    return array


def _affine(image: nibabel.Nifti1Image) -> np.ndarray:
    affine = image.affine * MM_PER_UNIT.get(image.header.get_xyzt_units()[0], 1.0)
    affine[3, 3] = 1
    finite = np.isfinite(affine).all()
    # Nearly parallel axes do not each get a code.
    if not finite or np.linalg.det(affine[:3, :3]) == 0 or None in orientations.aff2axcodes(affine):
        raise FileError("has a singular affine: repair its header.")
    return affine


def _notices(image: nibabel.Nifti1Image, volume: int | None) -> list[str]:
    notices = []
    if len(image.shape) > 3 and image.shape[3] > 1 and volume is None:
        notices.append(f"The file contains {image.shape[3]} volumes: {FIRST_READ}")
    if not (int(image.header["sform_code"]) or int(image.header["qform_code"])):
        notices.append("The file does not state its orientation: left and right are assumed.")
    return notices
