"""Read TIFF: 8, 16 and 32 bit, grey, colour or palette, one page or many."""

import io

import numpy as np
import tifffile

from metaseg.limits import MAX_SCAN_VOXELS, MAX_SLICES
from metaseg.scan.code_stream import size_of
from metaseg.scan.errors import DAMAGED, FileError, decoding
from metaseg.scan.pictures import (
    COLOUR,
    ORIENTATION,
    check_pixels,
    is_coloured,
    to_grey,
    upright,
)
from metaseg.scan.types import FIRST_READ, Scan

PLAIN_CODECS = (
    tifffile.COMPRESSION.NONE,
    tifffile.COMPRESSION.LZW,
    tifffile.COMPRESSION.ADOBE_DEFLATE,
    tifffile.COMPRESSION.DEFLATE,
    tifffile.COMPRESSION.PACKBITS,
    tifffile.COMPRESSION.CCITTRLE,
    tifffile.COMPRESSION.CCITT_T4,
    tifffile.COMPRESSION.CCITT_T6,
    tifffile.COMPRESSION.LZMA,
    tifffile.COMPRESSION.ZSTD,
)
SIZED_CODECS = (
    tifffile.COMPRESSION.OJPEG,
    tifffile.COMPRESSION.JPEG,
    tifffile.COMPRESSION.JPEG2000,
    tifffile.COMPRESSION.APERIO_JP2000_RGB,
    tifffile.COMPRESSION.APERIO_JP2000_YCBC,
)
"""Codecs whose segments state their own size."""
READ = (
    tifffile.PHOTOMETRIC.MINISBLACK,
    tifffile.PHOTOMETRIC.MINISWHITE,
    tifffile.PHOTOMETRIC.RGB,
    tifffile.PHOTOMETRIC.PALETTE,
    tifffile.PHOTOMETRIC.YCBCR,
)
"""Kinds of colour, YCbCr as JPEG, which the codec converts."""
SLACK = 4
"""How many times the expected pixels a segment may state: those at an edge are padded."""


@decoding()
def read_tiff(data: bytes, channel: int | None = None) -> Scan:
    """The first series of pages as a Scan, one slice per page. Raises FileError.

    Pillow would silently cast 16-bit colour to 8 bits; tifffile with imagecodecs does not.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        _check_pages(file.pages)
        series = next((one for one in file.series if not _reduced(one)), file.series[0])
        page = series.keyframe
        check_pixels(page.imagewidth, page.imagelength)
        whole = [one for one in file.series if not _reduced(one)]
        # Pages written one by one are a series each.
        alike = [one for one in whole if _alike(one, series)] if len(series) == 1 else [series]
        if len(alike) * series.size > MAX_SCAN_VOXELS * page.samplesperpixel:
            raise FileError("contains too many pages: use fewer slices.")
        for one in alike:
            for part in one.pages:
                _check_segments(part, one.keyframe, data)
        pixels, axes = series.asarray(), series.axes
        if len(alike) > 1:
            pixels, axes = np.stack([one.asarray() for one in alike]), "Z" + axes
        photometric, bits = page.photometric, page.bitspersample
        palette, extra = page.colormap, page.extrasamples
        orientation = page.tags.valueof(ORIENTATION, 1)
        left_out = sum(map(len, whole)) - sum(map(len, alike))
    if photometric not in READ:
        raise FileError("is in colours that MetaSeg does not read: save it as grey or RGB.")
    if pixels.dtype.kind == "c":
        raise FileError("has complex numbers: use their magnitude instead.")
    eight_bit = pixels.dtype in (np.uint8, np.bool_)
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * 255
    elif bits in (2, 4) and photometric != tifffile.PHOTOMETRIC.PALETTE:
        pixels = pixels * np.uint8(255 // (2**bits - 1))
    if photometric == tifffile.PHOTOMETRIC.PALETTE and palette is not None:
        pixels, axes = np.moveaxis(palette[:, pixels], 0, -1), axes + "S"
        # A TIFF palette has 16-bit entries; most hold 8-bit colours times 257, or 256.
        for unit in (257, 256):
            if pixels.dtype != np.uint8 and not (pixels % unit).any():
                pixels = (pixels // unit).astype(np.uint8)
        eight_bit = pixels.dtype == np.uint8
    elif photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind == "u":
        pixels = np.iinfo(pixels.dtype).max - pixels
    notices: tuple[str, ...] = ()
    if "C" in axes:
        at = axes.index("C")
        count, taken = pixels.shape[at], channel or 0
        if taken >= count:
            raise FileError(f"has no channel {taken}: choose one from 0 to {count - 1}.")
        pixels, axes = np.moveaxis(pixels, at, 0)[taken], axes.replace("C", "")
        if channel is None and count > 1:
            notices = (f"The file has {count} channels: {FIRST_READ}",)
    if "T" in axes and "Z" in axes:
        at = axes.index("T")
        if (count := pixels.shape[at]) > 1:
            notices += (f"The file has {count} time points: {FIRST_READ}",)
        pixels, axes = np.moveaxis(pixels, at, 0)[0], axes.replace("T", "")
    if "S" in axes:
        pixels = np.moveaxis(pixels, axes.index("S"), -1)
        if extra and extra[0] != tifffile.EXTRASAMPLE.UNASSALPHA:
            pixels = pixels[..., : -len(extra)]  # no transparency, or one already applied
        notices += (COLOUR,) if channel is None and is_coloured(pixels) else ()
        height, width, channels = pixels.shape[-3:]
        voxels = to_grey(pixels.reshape(-1, width, channels), channel).reshape(-1, height, width)
    else:
        height, width = pixels.shape[-2:]
        voxels = pixels.reshape(-1, height, width).astype(np.float32)
    if left_out:
        notices += (f"Pages of another size or kind were not read: {left_out}.",)
    voxels = np.moveaxis(upright(np.moveaxis(voxels, 0, -1), orientation), -1, 0)
    return Scan(voxels, eight_bit=eight_bit, notices=notices)


def _check_pages(pages: tifffile.TiffPages) -> None:
    try:
        pages[MAX_SLICES]
    except IndexError:
        return
    raise FileError(f"contains more than {MAX_SLICES} pages: use fewer slices.")


def _check_segments(
    page: tifffile.TiffPage | tifffile.TiffFrame, first: tifffile.TiffPage, data: bytes
) -> None:
    """Raise FileError for segments (strips or tiles) of unsupported codecs, and for those that
    state more pixels than the page has: a codec would allocate memory for all of them. ``first``
    is the page that states how the series is stored."""
    if first.compression not in (*PLAIN_CODECS, *SIZED_CODECS):
        raise FileError("uses an unsupported compression: save it with LZW or uncompressed.")
    if first.compression in SIZED_CODECS:
        height, width = first.imagelength, first.imagewidth
        if first.is_tiled:
            height, width = first.tilelength, first.tilewidth
        for offset, count in zip(page.dataoffsets, page.databytecounts):
            stated = size_of(data[offset : offset + count])
            if stated is not None and stated[0] * stated[1] > SLACK * height * width:
                raise FileError(DAMAGED)


def _alike(one: tifffile.TiffPageSeries, other: tifffile.TiffPageSeries) -> bool:
    """Whether these could be slices of one stack."""
    first, second = one.keyframe, other.keyframe
    kinds = (first.photometric, first.bitspersample), (second.photometric, second.bitspersample)
    return (one.shape, one.dtype, kinds[0]) == (other.shape, other.dtype, kinds[1])


def _reduced(series: tifffile.TiffPageSeries) -> bool:
    """Whether these pages are thumbnails of others."""
    return bool(series.keyframe.is_reduced)
