"""Where the fields of a format lie in a file: what a mutation had better change.

Each function gives (offset, size) pairs, as far as the file can be followed; it may be damaged.
"""

import struct
from collections.abc import Iterator

import nibabel

Span = tuple[int, int]

LONG_VR = (b"OB", b"OW", b"OF", b"SQ", b"UN", b"UT", b"UC", b"UR", b"OD", b"OL")


def fields(data: bytes) -> list[Span]:
    """The fields of ``data``, whose format its content tells."""
    try:
        return [span for span in _walk(data) if 0 <= span[0] < len(data)]
    except (struct.error, IndexError):
        return []


def _walk(data: bytes) -> Iterator[Span]:
    if data.startswith(b"\x89PNG"):
        return _png(data)
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data.startswith(b"BM"):
        return iter([(2, 4), (10, 4), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2), *_each(30, 54)])
    if data.startswith(b"RIFF"):
        return _riff(data)
    if data[:2] in (b"II", b"MM"):
        return _tiff(data)
    if data.startswith(b"PK"):
        return _zip(data)
    if data[128:132] == b"DICM":
        return _dicom(data)
    if data[4:8] == b"n+2\0":
        return _nifti(nibabel.Nifti2Header)
    return _nifti(nibabel.Nifti1Header)


def _each(start: int, stop: int) -> list[Span]:
    return [(offset, 4) for offset in range(start, stop, 4)]


def _png(data: bytes) -> Iterator[Span]:
    offset = 8
    while offset + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, offset)
        yield from ((offset, 4), (offset + 4, 4))
        if data[offset + 4 : offset + 8] == b"IHDR":
            yield from (
                (offset + 8, 4),
                (offset + 12, 4),
                *((offset + k, 1) for k in range(16, 21)),
            )
        elif length:
            yield offset + 8, min(length, 64)
        offset += 12 + length


def _jpeg(data: bytes) -> Iterator[Span]:
    offset = 2
    while offset + 4 <= len(data) and data[offset] == 0xFF:
        (length,) = struct.unpack_from(">H", data, offset + 2)
        yield from ((offset + 1, 1), (offset + 2, 2))
        yield from ((offset + k, 1) for k in range(4, min(length, 24)))
        offset += 2 + length
    yield offset, len(data) - offset


def _riff(data: bytes) -> Iterator[Span]:
    yield 4, 4
    offset = 12
    while offset + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, offset + 4)
        yield from ((offset, 4), (offset + 4, 4), (offset + 8, 4), (offset + 12, 4))
        offset += 8 + length + length % 2


def _tiff(data: bytes) -> Iterator[Span]:
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    pointer, count, entry, value = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    (offset,) = struct.unpack_from(order + pointer, data, 8 if big else 4)
    yield (8, 8) if big else (4, 4)
    for _ in range(20):
        if not 0 < offset < len(data):
            return
        (entries,) = struct.unpack_from(order + count, data, offset)
        yield offset, struct.calcsize(count)
        offset += struct.calcsize(count)
        for _ in range(min(entries, 40)):
            yield from ((offset, 2), (offset + 2, 2), (offset + 4, value))
            yield offset + 4 + value, value
            offset += entry
        yield offset, value
        (offset,) = struct.unpack_from(order + pointer, data, offset)


def _nifti(kind: type) -> Iterator[Span]:
    for dtype, offset in kind.template_dtype.fields.values():
        size = dtype.base.itemsize
        for number in range(dtype.itemsize // size):
            yield offset + number * size, size


def _zip(data: bytes) -> Iterator[Span]:
    heads = {b"PK\x03\x04": (4, 30, (26, 28)), b"PK\x01\x02": (4, 46, (28, 30, 32))}
    for signature, (first, size, lengths) in heads.items():
        offset = data.find(signature)
        while offset >= 0:
            yield from ((offset + k, 2) for k in range(first, size, 2))
            yield offset + size, sum(struct.unpack_from("<H", data, offset + k)[0] for k in lengths)
            offset = data.find(signature, offset + 4)
    end = data.rfind(b"PK\x05\x06")
    if end >= 0:
        yield from ((end + k, 2) for k in range(4, 22, 2))


def _dicom(data: bytes) -> Iterator[Span]:
    offset = 132
    while offset + 8 <= len(data):
        vr = data[offset + 4 : offset + 6]
        long = vr in LONG_VR
        at, size = (offset + 8, 4) if long else (offset + 6, 2)
        (length,) = struct.unpack_from("<I" if long else "<H", data, at)
        yield from ((offset, 2), (offset + 2, 2), (offset + 4, 2), (at, size))
        inside = vr == b"SQ" or length == 0xFFFFFFFF
        offset = at + size
        if inside:
            offset += 8  # into the first item
        else:
            if length:
                yield from ((offset, length),) * 3  # values matter more than tags
            offset += length
