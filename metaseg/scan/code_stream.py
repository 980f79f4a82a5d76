"""Read the size stated in a compressed frame before a codec allocates memory for it."""

import struct

JPEG_START = b"\xff\xd8"
JPEG_SIZES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""Markers of a frame header: JPEG (ITU-T T.81, table B.1) and JPEG-LS (T.87, annex C)."""
JPEG_2000_SIZE = b"\xff\x4f\xff\x51"
"""Start of a code stream and its SIZ marker (ITU-T T.800, annex A.5.1)."""


def fits(frame: bytes, rows: int, columns: int, samples: int) -> bool:
    """Whether the size stated in a JPEG, JPEG-LS or JPEG 2000 ``frame`` matches the DICOM header.

    True for frames that state no size (run-length encoding).
    """
    states_size = frame.startswith(JPEG_START) or JPEG_2000_SIZE in frame
    return not states_size or size_of(frame) == (rows, columns, samples)


def size_of(frame: bytes) -> tuple[int, int, int] | None:
    """Rows, columns and samples stated in a frame; None if they cannot be found."""
    if frame.startswith(JPEG_START):
        return _jpeg(frame)
    start = frame.find(JPEG_2000_SIZE)
    return None if start < 0 else _jpeg_2000(frame[start + 4 : start + 42])


def _jpeg(frame: bytes) -> tuple[int, int, int] | None:
    place = 2
    while place + 10 <= len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker in JPEG_SIZES:
            return struct.unpack(">HHB", frame[place + 5 : place + 10])
        else:
            place += 2 + int.from_bytes(frame[place + 2 : place + 4], "big")
    return None


def _jpeg_2000(header: bytes) -> tuple[int, int, int] | None:
    if len(header) < 38:
        return None
    # Lsiz and Rsiz, then grid size, grid offset, tile size, tile offset, number of components.
    width, height, left, top, *_, components = struct.unpack(">4x8IH", header)
    return height - top, width - left, components
