"""Every picture format and depth that the door promises, and every damaged one."""

import io
import struct
import tracemalloc
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageOps

from metaseg.errors import InputError
from metaseg.scan import read_scan

GREY = (np.arange(40 * 50) % 251).astype(np.uint8).reshape(40, 50)
DEEP = (np.arange(40 * 50, dtype=np.uint32) * 31 % 65521).astype(np.uint16).reshape(40, 50)
BT601 = np.array([0.299, 0.587, 0.114], np.float32)


def colours(dtype: type, channels: int) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(1).integers(0, top, (40, 50, channels), dtype, endpoint=True)


def save(picture: Image.Image, path, kind: str, **options):
    picture.save(path, format=kind, **options)
    return path


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_8_bit_grey_keeps_its_values(tmp_path, kind):
    scan = read_scan(save(Image.fromarray(GREY), tmp_path / "a.bin", kind, lossless=True))
    assert scan.voxels.shape == (1, 40, 50)
    assert scan.voxels.dtype == np.float32
    assert scan.eight_bit
    np.testing.assert_array_equal(scan.voxels[0], GREY)


def test_jpeg_stays_close(tmp_path):
    smooth = np.linspace(0, 255, 50, dtype=np.uint8)[None].repeat(40, 0)
    scan = read_scan(save(Image.fromarray(smooth), tmp_path / "a.jpg", "JPEG", quality=95))
    assert scan.eight_bit
    assert np.abs(scan.voxels[0] - smooth).max() <= 3


def test_jpeg_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    path = save(Image.fromarray(GREY), tmp_path / "a.jpg", "JPEG", exif=exif)
    assert read_scan(path).voxels.shape == (1, 50, 40)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_every_orientation_is_turned_upright(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(GREY)
    scan = read_scan(save(picture, tmp_path / "a", kind, exif=exif))
    picture.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(scan.voxels[0], ImageOps.exif_transpose(picture))


def test_cmyk_jpeg_is_read(tmp_path):
    picture = Image.fromarray(GREY).convert("RGB").convert("CMYK")
    scan = read_scan(save(picture, tmp_path / "a.jpg", "JPEG", quality=100))
    assert scan.voxels.shape == (1, 40, 50)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_every_depth(tmp_path, dtype, channels):
    pixels = colours(dtype, channels)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels.squeeze()))
    scan = read_scan(tmp_path / "a.png")
    grey = pixels[..., 0].astype(np.float32)
    if channels >= 3:
        grey = pixels[..., :3].astype(np.float32) @ BT601
    if channels in (2, 4):
        grey = grey * (pixels[..., -1] / np.float32(np.iinfo(dtype).max))
    assert scan.eight_bit == (dtype == np.uint8)
    np.testing.assert_allclose(scan.voxels[0], grey, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_png_is_exact(tmp_path, channels):
    pixels = np.repeat(DEEP[..., None], channels, -1).squeeze()
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    np.testing.assert_array_equal(read_scan(tmp_path / "a.png").voxels[0], DEEP)


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_palette_becomes_its_colours(tmp_path, kind):
    picture = Image.fromarray(GREY % 4, mode="P")
    picture.putpalette([0, 0, 0, 90, 90, 90, 200, 200, 200, 255, 0, 0])
    scan = read_scan(save(picture, tmp_path / "a.png", kind))
    expected = np.array([0, 90, 200, 0.299 * 255], np.float32)[GREY % 4]
    assert scan.eight_bit
    np.testing.assert_allclose(scan.voxels[0], expected, rtol=1e-6)


def test_transparent_palette_lies_on_black(tmp_path):
    picture = Image.fromarray(GREY % 2, mode="P")
    picture.putpalette([255, 255, 255, 100, 100, 100])
    scan = read_scan(save(picture, tmp_path / "a.png", "PNG", transparency=0))
    np.testing.assert_array_equal(scan.voxels[0], np.where(GREY % 2, 100, 0))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_png_of_few_bits_spans_the_grey_levels(tmp_path, bits):
    top = 2**bits - 1
    values = GREY % (top + 1)
    rows = np.unpackbits(values[..., None], axis=-1)[..., -bits:].reshape(40, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in np.packbits(rows, axis=-1))
    (tmp_path / "a.png").write_bytes(png(50, 40, bits, zlib.compress(raw)))
    scan = read_scan(tmp_path / "a.png")
    assert scan.eight_bit
    np.testing.assert_array_equal(scan.voxels[0], values.astype(int) * 255 // top)


def test_webp_with_colour_and_transparency(tmp_path):
    pixels = colours(np.uint8, 4)
    pixels[..., 3] = 255
    picture = Image.fromarray(pixels)
    scan = read_scan(save(picture, tmp_path / "a.webp", "WEBP", lossless=True))
    np.testing.assert_allclose(scan.voxels[0], pixels[..., :3] @ BT601, rtol=1e-5)


def test_content_decides_and_not_the_ending(tmp_path):
    scan = read_scan(save(Image.fromarray(GREY), tmp_path / "slice.jpg", "PNG"))
    np.testing.assert_array_equal(scan.voxels[0], GREY)
    assert scan.name == "slice"


def png(width: int, height: int, bits: int, data: bytes) -> bytes:
    """A grey PNG put together by hand (PNG specification, chapters 5 and 11)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("side", [8001, 20_000, 2**31 - 1])
def test_huge_png_is_refused_from_its_header(tmp_path, side):
    (tmp_path / "huge.png").write_bytes(png(side, side, 16, b""))
    tracemalloc.start()
    with pytest.raises(InputError, match="64 megapixels"):
        read_scan(tmp_path / "huge.png")
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP"])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.7])
def test_truncated_picture(tmp_path, kind, share):
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)
    Image.fromarray(noise).save(buffer, format=kind)
    data = buffer.getvalue()
    (tmp_path / "cut.bin").write_bytes(data[: max(14, int(len(data) * share))])
    with pytest.raises(InputError, match=r"cut\.bin is damaged or cut off"):
        read_scan(tmp_path / "cut.bin")


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"", "is empty"),
        (b"Dear colleague, here is the slice.", "is not an image"),
        (b"\x89PNG\r\n\x1a\nnothing of the kind", "damaged"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (b"BM is how this letter begins", "damaged|not an image"),
        (b"\0" * 1000, "not an image"),
    ],
)
def test_what_only_pretends_to_be_a_picture(tmp_path, content, sentence):
    (tmp_path / "slice.png").write_bytes(content)
    with pytest.raises(InputError, match=sentence) as caught:
        read_scan(tmp_path / "slice.png")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("size", [(1, 1), (15, 200), (200, 15)])
def test_too_small(tmp_path, size):
    path = save(Image.new("L", size), tmp_path / "dot.png", "PNG")
    with pytest.raises(InputError, match=f"{size[0]} x {size[1]} pixels"):
        read_scan(path)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"gone\.png cannot be opened") as caught:
        read_scan(tmp_path / "gone.png")
    assert str(tmp_path) not in str(caught.value)


def test_animation_gives_its_first_picture(tmp_path):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    path = tmp_path / "a.webp"
    frames[0].save(path, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert read_scan(path).voxels.shape == (1, 40, 50)
