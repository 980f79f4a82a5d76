"""TIFF in every depth, colour and number of pages."""

import struct

import numpy as np
import pytest
import tifffile

from metaseg.errors import InputError
from metaseg.scan import read_scan

BT601 = np.array([0.299, 0.587, 0.114], np.float32)


def values(dtype, *shape: int) -> np.ndarray:
    random = np.random.default_rng(2)
    if np.dtype(dtype).kind == "f":
        return random.normal(0, 300, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4", "f2"])
@pytest.mark.parametrize("shape", [(40, 50), (5, 40, 50)])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_grey_is_exact(tmp_path, dtype, shape, compression):
    pixels = values(dtype, *shape)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", compression=compression)
    scan = read_scan(path)
    assert scan.voxels.dtype == np.float32
    assert scan.eight_bit == (dtype == "u1")
    np.testing.assert_array_equal(scan.voxels, pixels.reshape(-1, 40, 50).astype(np.float32))


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_byte_orders_and_bigtiff(tmp_path, byteorder, bigtiff):
    pixels = values("u2", 40, 50)
    path = tmp_path / "a.png"  # the content decides
    tifffile.imwrite(path, pixels, byteorder=byteorder, bigtiff=bigtiff)
    np.testing.assert_array_equal(read_scan(path).voxels[0], pixels)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("pages", [1, 3])
def test_colour(tmp_path, dtype, channels, planar, pages):
    pixels = values(dtype, pages, 40, 50, channels)
    stored = pixels if planar == "contig" else np.moveaxis(pixels, -1, 1)
    path = tmp_path / "a.tif"
    extra = ["unassalpha"] if channels == 4 else None
    options = {"photometric": "rgb", "planarconfig": planar, "extrasamples": extra}
    tifffile.imwrite(path, stored[0] if pages == 1 else stored, **options)
    grey = pixels[..., :3].astype(np.float32) @ BT601
    if channels == 4:
        grey = grey * (pixels[..., 3] / np.float32(np.iinfo(dtype).max))
    scan = read_scan(path)
    assert scan.voxels.shape == (pages, 40, 50)
    assert scan.eight_bit == (dtype == "u1")
    np.testing.assert_allclose(scan.voxels, grey, rtol=1e-5, atol=1e-2)


def test_16_bit_grey_kept_as_colour_is_exact(tmp_path):
    grey = values("u2", 40, 50)
    tifffile.imwrite(tmp_path / "a.tif", np.stack([grey] * 3, -1), photometric="rgb")
    np.testing.assert_array_equal(read_scan(tmp_path / "a.tif").voxels[0], grey)


@pytest.mark.parametrize("unit", [256, 257])
@pytest.mark.parametrize("pages", [1, 2])
def test_palette(tmp_path, pages, unit):
    index = values("u1", pages, 40, 50)
    levels = np.arange(255, -1, -1, dtype=np.uint16) * unit
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, index, photometric="palette", colormap=np.stack([levels] * 3))
    scan = read_scan(path)
    assert scan.eight_bit
    np.testing.assert_array_equal(scan.voxels, 255 - index.astype(np.float32))


def test_white_is_zero(tmp_path):
    pixels = values("u2", 40, 50)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="miniswhite")
    np.testing.assert_array_equal(read_scan(tmp_path / "a.tif").voxels[0], 65535.0 - pixels)


def test_one_bit(tmp_path):
    mask = values("u1", 40, 50) > 100
    tifffile.imwrite(tmp_path / "a.tif", mask, photometric="minisblack")
    scan = read_scan(tmp_path / "a.tif")
    assert scan.eight_bit
    np.testing.assert_array_equal(scan.voxels[0], mask * 255.0)


def test_pages_written_one_by_one(tmp_path):
    pages = values("u2", 4, 40, 50)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in pages:
            writer.write(page, photometric="minisblack", metadata=None)
    np.testing.assert_array_equal(read_scan(tmp_path / "a.tif").voxels, pages)
    with tifffile.TiffWriter(tmp_path / "b.tif") as writer:
        for page in pages:
            writer.write(page, photometric="minisblack")  # each is described as a stack of its own
    scan = read_scan(tmp_path / "b.tif")
    np.testing.assert_array_equal(scan.voxels, pages)
    assert not scan.notices


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [2, 4])
def test_few_bits_fill_the_whole_range(tmp_path, bits, photometric):
    levels = values("u1", 40, 50) >> (8 - bits)
    tifffile.imwrite(tmp_path / "a.tif", levels, bitspersample=bits, photometric=photometric)
    scan = read_scan(tmp_path / "a.tif")
    shown = levels / (2**bits - 1) * 255
    np.testing.assert_array_equal(
        scan.voxels[0], 255 - shown if photometric == "miniswhite" else shown
    )
    assert scan.eight_bit


def test_only_what_says_so_is_transparency(tmp_path):
    grey = values("u1", 40, 50)
    half = np.full_like(grey, 51)
    for kind, expected in (("unspecified", 1), ("assocalpha", 1), ("unassalpha", 0.2)):
        pixels = np.dstack([grey, grey, grey, half])
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=[kind])
        voxels = read_scan(tmp_path / "a.tif").voxels[0]
        np.testing.assert_allclose(voxels, expected * grey.astype(np.float32), rtol=1e-5)


def test_colours_for_print_are_refused(tmp_path):
    pixels = values("u1", 40, 50, 4)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="separated")
    with pytest.raises(InputError, match="save it as grey or RGB"):
        read_scan(tmp_path / "a.tif")


def test_pages_of_another_size_are_left_out_with_a_notice(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for side in (40, 50):
            writer.write(values("u2", side, side), photometric="minisblack", metadata=None)
    scan = read_scan(tmp_path / "a.tif")
    assert scan.voxels.shape == (1, 40, 40)
    assert "another size" in scan.notices[0]


def test_one_kind_of_pages_gives_no_notice(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", values("u2", 3, 40, 50), photometric="minisblack")
    assert read_scan(tmp_path / "a.tif").notices == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite(tmp_path, bad):
    pixels = values("f4", 40, 50)
    pixels[3, 4] = bad
    tifffile.imwrite(tmp_path / "nan.tif", pixels)
    with pytest.raises(InputError, match="not finite numbers"):
        read_scan(tmp_path / "nan.tif")


def test_complex_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", values("f4", 40, 50).astype(np.complex64))
    with pytest.raises(InputError, match="complex numbers"):
        read_scan(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.9])
def test_truncated(tmp_path, compression, share):
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, values("u2", 200, 200), compression=compression)
    data = path.read_bytes()
    path.write_bytes(data[: max(6, int(len(data) * share))])
    with pytest.raises(InputError, match=r"cut\.tif is damaged or cut off"):
        read_scan(path)


def header_only(width: int, height: int) -> bytes:
    """An 8-bit grey TIFF of one strip that promises more than it holds (TIFF 6.0, section 2)."""
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 200, 278: height, 279: 100}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return (b"II*\0" + struct.pack("<I", 8) + directory).ljust(300, b"\0")


def test_huge_header(tmp_path):
    path = tmp_path / "huge.tif"
    path.write_bytes(header_only(20_000, 20_000))
    with pytest.raises(InputError, match="64 megapixels"):
        read_scan(path)


def test_a_tile_that_states_more_pixels_than_it_has(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values("u1", 40, 50), tile=(16, 16), compression="jpeg")
    whole = path.read_bytes()
    assert read_scan(path).voxels.shape == (1, 40, 50)
    path.write_bytes(whole.replace(b"\x08\x00\x10\x00\x10", b"\x08\x75\x30\x75\x30"))
    assert path.read_bytes() != whole
    with pytest.raises(InputError, match="damaged"):
        read_scan(path)


def test_odd_codec(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", values("u1", 40, 50, 3), compression="webp")
    with pytest.raises(InputError, match="unsupported compression: save it with LZW"):
        read_scan(tmp_path / "a.tif")


def test_a_thumbnail_before_the_page_is_not_the_slice(tmp_path):
    pixels = values("u2", 40, 50)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(pixels[::2, ::2], subfiletype=1)
        file.write(pixels)
    scan = read_scan(tmp_path / "a.tif")
    np.testing.assert_array_equal(scan.voxels[0], pixels)
    assert not scan.notices


def test_time_points_are_no_slices(tmp_path):
    pixels = values("u2", 3, 5, 40, 50)
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, metadata={"axes": "TZYX"})
    scan = read_scan(tmp_path / "a.tif")
    np.testing.assert_array_equal(scan.voxels, pixels[0])
    assert scan.notices == ("The file has 3 time points: the first was read.",)


def test_channels_are_no_slices(tmp_path):
    pixels = values("u2", 5, 2, 40, 50)
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata={"axes": "ZCYX"}, ome=True)
    scan = read_scan(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(scan.voxels, pixels[:, 0])
    assert scan.notices == ("The file has 2 channels: the first was read.",)
    second = read_scan(tmp_path / "a.ome.tif", channel=1)
    np.testing.assert_array_equal(second.voxels, pixels[:, 1])
    assert not second.notices
    with pytest.raises(InputError, match="has no channel 2: choose one from 0 to 1"):
        read_scan(tmp_path / "a.ome.tif", channel=2)
