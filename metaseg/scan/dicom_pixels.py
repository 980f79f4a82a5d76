"""The pixels of DICOM frames, in the source's units; what is compressed is decoded elsewhere."""

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
"""What a codec must know of a frame."""


def read_pixels(frames: list[Frame]) -> Iterator[np.ndarray]:
    """The pixels of frames of one file, one by one: float32 (H, W), in the source's units.

    Rescale slope and intercept are applied (PS3.3, C.11.1), MONOCHROME1 is turned over so that
    more is brighter, and colour becomes grey.
    """
    with decoding():
        data = parse(frames[0].entry)
        for frame, pixels in zip(frames, stored_pixels(data, [frame.index for frame in frames])):
            yield _in_units(pixels, data, frame.index)


def stored_pixels(data: Dataset, indices: Iterable[int]) -> Iterator[np.ndarray]:
    """Frames of a file by number, which must increase. What a codec must decode is decoded in
    another process."""
    if "PixelData" not in data:
        raise FileError(NO_PIXELS)
    if data.file_meta.TransferSyntaxUID in UNCOMPRESSED:
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
    slope = macro(header, index, sequence, "RescaleSlope")
    intercept = macro(header, index, sequence, "RescaleIntercept")
    return float(1 if slope is None else slope), float(intercept or 0)
