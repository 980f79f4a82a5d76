"""Read the pixels of DICOM frames in the source's units."""

from collections.abc import Iterable, Iterator

import numpy as np
from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_color_lut, pixel_array
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from metaseg.scan.code_stream import fits
from metaseg.scan.decoder import decode
from metaseg.scan.dicom_frames import NO_PIXELS, Frame, frame_count, macro, parse
from metaseg.scan.errors import DAMAGED, FileError, decoding
from metaseg.scan.pictures import to_grey

UNCOMPRESSED = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
PIXEL_ATTRIBUTES = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)
"""The attributes that a codec needs."""


def read_pixels(frames: list[Frame]) -> Iterator[np.ndarray]:
    """The pixels of frames of one file, one by one: float32 (H, W), in the source's units.

    Applies rescale slope and intercept (PS3.3, C.11.1), inverts MONOCHROME1, so that higher is
    brighter, and converts colour to grey. Raises FileError if the pixels cannot be decoded.
    """
    with decoding():
        data = parse(frames[0].entry)
        for frame, pixels in zip(frames, stored_pixels(data, [frame.index for frame in frames])):
            yield _in_units(pixels, data, frame.index)


def stored_pixels(data: Dataset, indices: Iterable[int]) -> Iterator[np.ndarray]:
    """Stored pixels of the frames numbered ``indices``, in increasing order.

    Compressed frames are decoded in another process. Raises FileError if that fails.
    """
    if "PixelData" not in data:
        raise FileError(NO_PIXELS)
    if data.file_meta.TransferSyntaxUID in UNCOMPRESSED:
        if int(data.BitsAllocated) == 1:
            # A frame may begin within a byte, which pydicom reads only as part of the whole.
            frames = pixel_array(data).reshape(-1, int(data.Rows), int(data.Columns))
            yield from (frames[index] for index in indices)
            return
        for index in indices:
            yield pixel_array(data, index=index)
        return
    attributes = {name: data[name].value for name in PIXEL_ATTRIBUTES if name in data}
    attributes["TransferSyntaxUID"] = data.file_meta.TransferSyntaxUID
    rows, columns, samples = int(data.Rows), int(data.Columns), int(data.SamplesPerPixel)
    wanted = iter(indices)
    index = next(wanted)
    for number, frame in enumerate(_encoded_frames(data)):
        if number != index:
            continue
        if not fits(frame, rows, columns, samples):
            raise FileError(DAMAGED)
        yield decode(attributes, frame)
        index = next(wanted, None)
        if index is None:
            return
    raise FileError(DAMAGED)


def _encoded_frames(data: Dataset) -> Iterator[bytes]:
    offsets = None
    if "ExtendedOffsetTable" in data and "ExtendedOffsetTableLengths" in data:
        offsets = data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths
    return generate_frames(
        data.PixelData, number_of_frames=frame_count(data), extended_offsets=offsets
    )


def is_eight_bit(frame: Frame) -> bool:
    """Whether the frame has plain 8-bit grey levels."""
    plain = _rescale(frame.header, frame.index) == (1.0, 0.0)
    return plain and int(frame.header.get("BitsAllocated", 16)) == 8


def _in_units(pixels: np.ndarray, data: Dataset, index: int) -> np.ndarray:
    kind = str(data.get("PhotometricInterpretation", "MONOCHROME2"))
    if kind == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, data)
        if pixels.dtype == np.uint16 and pixels.max() > 255:
            pixels = (pixels >> 8).astype(np.uint8)  # tables have 16 bits for colours of 8
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
    slope = macro(header, index, sequence, "RescaleSlope")
    intercept = macro(header, index, sequence, "RescaleIntercept")
    return float(1 if slope is None else slope), float(intercept or 0)
