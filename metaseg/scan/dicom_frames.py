"""DICOM headers, and the frames of a file with their position in the patient."""

# Functions that use positions are called with placed frames only.
# pyright: reportOptionalSubscript=false

import io
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.filereader import _read_file_meta_info as read_file_meta  # what dcmread itself uses
from pydicom.filereader import read_preamble
from pydicom.multival import MultiValue
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from metaseg.limits import (
    MAX_DEFLATED_BYTES,
    MAX_FILE_BYTES,
    MAX_HEADER_BYTES,
    MAX_HEADER_READS,
    MAX_SCAN_VOXELS,
    MAX_SLICES,
)
from metaseg.scan.archive import Entry
from metaseg.scan.errors import DAMAGED, CostError, FileError, decoding
from metaseg.scan.pictures import check_pixels

NO_PIXELS = "is a DICOM file without pixel data: use an image."

# Files older than the DICM marker begin with a tag of the group 0002 or 0008, little endian.
OLD_STARTS = tuple(
    group.to_bytes(2, "little") + element.to_bytes(2, "little")
    for group, elements in ((0x2, (0x0, 0x1)), (0x8, (0x0, 0x1, 0x5, 0x8, 0x12, 0x16, 0x18)))
    for element in elements
)


@dataclass(frozen=True)
class Frame:
    """One slice of a DICOM file. Coordinates are DICOM's own: mm, to the patient's left, back
    and head (PS3.3, C.7.6.2)."""

    entry: Entry
    index: int
    header: Dataset
    position: np.ndarray | None
    """(3,) centre of the first pixel."""
    orientation: np.ndarray | None
    """(6,) direction of increasing columns, then of increasing rows."""
    spacing: tuple[float, float] | None
    """Spacing of rows and of columns, in mm."""
    thickness: float | None
    """Slice spacing in mm as stated in the header."""

    @property
    def is_placed(self) -> bool:
        """Whether the file states the frame's position in the patient."""
        return all(x is not None for x in (self.position, self.orientation, self.spacing))

    @property
    def number(self) -> int:
        """The file's place in its series; 0 if it states none."""
        try:
            return int(self.header.get("InstanceNumber") or 0)
        except (TypeError, ValueError):
            return 0

    @property
    def distance(self) -> float:
        """Position along the normal of the slice, in mm."""
        return float(np.dot(np.cross(self.orientation[:3], self.orientation[3:]), self.position))


def is_dicom(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is DICOM."""
    return head[128:132] == b"DICM" or head.startswith(OLD_STARTS)


def read_header(entry: Entry) -> Dataset:
    """The header without the pixels. Raises FileError if the file is damaged."""
    return parse(entry, stop_before_pixels=True)


@decoding()
def frames_of(entry: Entry, header: Dataset) -> list[Frame]:
    """The frames of a file. Raises FileError if it has no image, or one of an unsupported size."""
    if "Rows" not in header or "Columns" not in header:
        raise FileError(NO_PIXELS)
    check_pixels(int(header.Columns), int(header.Rows))
    count = frame_count(header)
    if count > MAX_SLICES or count * int(header.Columns) * int(header.Rows) > MAX_SCAN_VOXELS:
        raise FileError("contains too many frames: use fewer slices.")
    # The file's own position is not that of each of several frames.
    placed = count == 1 or "PerFrameFunctionalGroupsSequence" in header
    return [
        Frame(
            entry,
            index,
            header,
            _position(header, index) if placed else None,
            _orientation(header, index),
            _spacing(header, index),
            _thickness(header, index),
        )
        for index in range(count)
    ]


def frame_count(header: Dataset) -> int:
    """Number of frames in a file; 1 if the header does not state it."""
    return max(1, int(header.get("NumberOfFrames") or 1))


@decoding()
def parse(entry: Entry, stop_before_pixels: bool = False) -> Dataset:
    """Parse the file, within the limits on size. Raises FileError if it is damaged."""
    with entry.open() as stream:
        most = MAX_HEADER_BYTES if stop_before_pixels else MAX_FILE_BYTES
        counted = _Counted(_plain(stream), most)
        data = dcmread(counted, stop_before_pixels=stop_before_pixels, force=True)
    if not hasattr(data.file_meta, "TransferSyntaxUID"):
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return data


def _plain(stream: BinaryIO) -> BinaryIO:
    """``stream``, inflated within the limits if it is deflated (PS3.5, A.5): pydicom has none."""
    read_preamble(stream, force=True)
    syntax = read_file_meta(stream).get("TransferSyntaxUID")
    start = stream.tell()
    stream.seek(0)
    if syntax != DeflatedExplicitVRLittleEndian:
        return stream
    data = stream.read(MAX_FILE_BYTES)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    whole = inflater.decompress(data[start:], MAX_DEFLATED_BYTES)
    if not inflater.eof:
        if inflater.unconsumed_tail:
            raise FileError(
                f"unpacks to more than {MAX_DEFLATED_BYTES >> 20} MB: use fewer images."
            )
        raise FileError(DAMAGED)
    deflated = DeflatedExplicitVRLittleEndian.encode()
    explicit = ExplicitVRLittleEndian.encode().ljust(len(deflated), b"\0")
    return io.BytesIO(data[:start].replace(deflated, explicit) + whole)


class _Counted:
    """A stream limited to ``MAX_HEADER_READS`` reads and ``most`` bytes.

    A file of nothing but empty elements would keep pydicom busy for minutes.
    """

    def __init__(self, stream: BinaryIO, most: int):
        self.seek, self.tell = stream.seek, stream.tell
        self._read, self._left, self._bytes = stream.read, MAX_HEADER_READS, most

    def read(self, size: int = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise CostError("contains too many elements: export it again.")
        data = self._read(self._bytes + 1 if size < 0 else min(size, self._bytes + 1))
        self._bytes -= len(data)
        if self._bytes < 0:
            raise CostError("contains too much besides its image: export it again.")
        return data


def macro(header: Dataset, index: int, sequence: str, attribute: str) -> Any:
    """An attribute from the frame's own functional group, the shared one, or the file itself
    (PS3.3, C.7.6.16)."""
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or []
    shared = header.get("SharedFunctionalGroupsSequence") or []
    for group in [*per_frame[index : index + 1], *shared[:1]]:
        items = group.get(sequence) or []
        if items and items[0].get(attribute) is not None:
            return items[0].get(attribute)
    return header.get(attribute)


def _vector(value: Any, length: int) -> np.ndarray | None:
    if not isinstance(value, list | tuple | MultiValue) or len(value) != length:
        return None
    vector = np.array([float(number) for number in value])
    return vector if np.isfinite(vector).all() else None


def _position(header: Dataset, index: int) -> np.ndarray | None:
    return _vector(macro(header, index, "PlanePositionSequence", "ImagePositionPatient"), 3)


def _orientation(header: Dataset, index: int) -> np.ndarray | None:
    sequence, attribute = "PlaneOrientationSequence", "ImageOrientationPatient"
    vector = _vector(macro(header, index, sequence, attribute), 6)
    if vector is None or np.linalg.norm(np.cross(vector[:3], vector[3:])) < 0.5:
        return None
    return vector


def _spacing(header: Dataset, index: int) -> tuple[float, float] | None:
    values = _vector(macro(header, index, "PixelMeasuresSequence", "PixelSpacing"), 2)
    if values is None:
        return None
    if (values <= 0).any():
        raise FileError("has a pixel spacing of zero: repair its header.")
    return float(values[0]), float(values[1])


def _thickness(header: Dataset, index: int) -> float | None:
    for attribute in ("SpacingBetweenSlices", "SliceThickness"):
        value = macro(header, index, "PixelMeasuresSequence", attribute)
        if value is not None and abs(float(value)) > 0:
            return abs(float(value))
    return None
