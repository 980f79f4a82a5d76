"""DICOM files as frames: where each lies in the patient, and its pixels in the source's units."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom import Dataset, config, dcmread
from pydicom.pixels import apply_color_lut, pixel_array
from pydicom.uid import ImplicitVRLittleEndian

import metaseg.scan.dicom_codecs  # noqa: F401  # makes pydicom know more kinds of JPEG
from metaseg.errors import InputError
from metaseg.limits import MAX_SCAN_VOXELS
from metaseg.scan.archive import Entry
from metaseg.scan.pictures import check_pixels, damaged, to_grey

# Odd values are common and harmless, and they may be a patient's: pydicom must not log them.
config.settings.reading_validation_mode = config.IGNORE

# Files from before the DICM mark begin with a tag of the group 0002 or 0008, little endian.
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
    """Distance of rows, distance of columns in mm."""
    thickness: float | None
    """Distance of neighbouring slices in mm as the header states it."""

    @property
    def is_placed(self) -> bool:
        return all(x is not None for x in (self.position, self.orientation, self.spacing))

    @property
    def distance(self) -> float:
        """Along the normal of the slice, in mm."""
        return float(np.dot(np.cross(self.orientation[:3], self.orientation[3:]), self.position))


def is_dicom(head: bytes) -> bool:
    return head[128:132] == b"DICM" or head.startswith(OLD_STARTS)


def read_header(entry: Entry, shown: str) -> Dataset:
    """The header without the pixels. InputError for a damaged file."""
    try:
        with entry.open() as stream:
            header = dcmread(stream, stop_before_pixels=True, force=True)
        if not hasattr(header.file_meta, "TransferSyntaxUID"):
            header.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    except InputError:
        raise
    except Exception as error:  # pydicom has many for damaged data
        raise damaged(shown) from error
    return header


def frames_of(entry: Entry, header: Dataset, shown: str) -> list[Frame]:
    """The frames of a file; InputError for one without an image or of impossible size."""
    try:
        if "Rows" not in header or "Columns" not in header:
            raise InputError(f"{shown} is a DICOM file without pixel data: give an image.")
        count = int(header.get("NumberOfFrames") or 1)
        check_pixels(int(header.Columns), int(header.Rows), shown)
        if count * int(header.Columns) * int(header.Rows) > MAX_SCAN_VOXELS:
            raise InputError(f"{shown} holds too many frames: give fewer slices.")
        return [
            Frame(
                entry,
                index,
                header,
                _vector(_macro(header, index, "PlanePositionSequence", "ImagePositionPatient"), 3),
                _orientation(header, index),
                _spacing(header, index, shown),
                _thickness(header, index),
            )
            for index in range(count)
        ]
    except InputError:
        raise
    except Exception as error:  # pydicom parses a value when it is first looked at
        raise damaged(shown) from error


def read_pixels(frames: list[Frame], shown: str) -> Iterator[np.ndarray]:
    """The pixels of frames of one file, one by one: float32 (H, W), in the source's units.

    Rescale slope and intercept are applied (PS3.3, C.11.1), MONOCHROME1 is turned over so that
    more is brighter, and colour becomes grey.
    """
    try:
        with frames[0].entry.open() as stream:
            data = dcmread(stream, force=True)
        if "PixelData" not in data:
            raise InputError(f"{shown} is a DICOM file without pixel data: give an image.")
        if not hasattr(data.file_meta, "TransferSyntaxUID"):
            data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        for frame in frames:
            yield _in_units(pixel_array(data, index=frame.index), data, frame.index)
    except InputError:
        raise
    except (NotImplementedError, RuntimeError) as error:
        raise InputError(
            f"{shown} is compressed in a way that cannot be decoded, or is damaged: "
            "export it uncompressed."
        ) from error
    except Exception as error:  # every decoder has its own
        raise damaged(shown) from error


def is_eight_bit(frame: Frame) -> bool:
    """Whether the frame holds plain 8-bit grey levels."""
    plain = _rescale(frame.header, frame.index) == (1.0, 0.0)
    return plain and int(frame.header.get("BitsAllocated", 16)) == 8


def _in_units(pixels: np.ndarray, data: Dataset, index: int) -> np.ndarray:
    kind = str(data.get("PhotometricInterpretation", "MONOCHROME2"))
    if kind == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, data)
    if pixels.ndim == 3:
        return to_grey(pixels)
    values = pixels.astype(np.float32)
    if kind == "MONOCHROME1":
        signed = int(data.get("PixelRepresentation", 0))
        values = (-1 if signed else 2 ** int(data.BitsStored) - 1) - values
    slope, intercept = _rescale(data, index)
    if (slope, intercept) != (1.0, 0.0):
        values = values * np.float32(slope) + np.float32(intercept)
    return values


def _rescale(header: Dataset, index: int) -> tuple[float, float]:
    sequence = "PixelValueTransformationSequence"
    slope = _macro(header, index, sequence, "RescaleSlope")
    intercept = _macro(header, index, sequence, "RescaleIntercept")
    return float(1 if slope is None else slope), float(intercept or 0)


def _macro(header: Dataset, index: int, sequence: str, attribute: str) -> Any:
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
    if value is None or value == "" or len(value) != length:
        return None
    vector = np.array([float(number) for number in value])
    return vector if np.isfinite(vector).all() else None


def _orientation(header: Dataset, index: int) -> np.ndarray | None:
    sequence, attribute = "PlaneOrientationSequence", "ImageOrientationPatient"
    vector = _vector(_macro(header, index, sequence, attribute), 6)
    if vector is None or np.linalg.norm(np.cross(vector[:3], vector[3:])) < 0.5:
        return None
    return vector


def _spacing(header: Dataset, index: int, shown: str) -> tuple[float, float] | None:
    values = _vector(_macro(header, index, "PixelMeasuresSequence", "PixelSpacing"), 2)
    if values is None:
        return None
    if (values <= 0).any():
        raise InputError(f"{shown} has a pixel spacing of zero: repair its header.")
    return float(values[0]), float(values[1])


def _thickness(header: Dataset, index: int) -> float | None:
    for attribute in ("SpacingBetweenSlices", "SliceThickness"):
        value = _macro(header, index, "PixelMeasuresSequence", attribute)
        if value is not None and abs(float(value)) > 0:
            return abs(float(value))
    return None
