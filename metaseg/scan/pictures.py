"""Read PNG, JPEG, BMP and WebP; write PNG."""

import io
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
from PIL import Image, ImageOps

from metaseg.limits import MAX_SIDE, MAX_SLICE_PIXELS, MIN_SIDE
from metaseg.scan.errors import FileError, decoding
from metaseg.scan.types import Scan

TOO_MANY_PIXELS = (
    f"has more than {MAX_SLICE_PIXELS // 1_000_000} megapixels{{}}: use a smaller slice."
)

COLOUR = "It is a colour image, and MR slices are grey: it was converted to grey."
ORIENTATION = 0x0112
"""The tag of Exif and TIFF."""
SPREAD, COLOURED = 0.1, 0.01
"""A pixel is coloured if its channels differ by this share of the largest value, and an image if
this share of its pixels is: compression and a viewer's marks colour fewer."""


@decoding()
def read_picture(data: bytes, channel: int | None = None) -> Scan:
    """An image as a Scan of one slice. Raises FileError if it cannot be decoded or is too large.

    Colour is converted to grey, or ``channel`` (from 0) is taken; transparency is shown on black.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "BMP", "WEBP"]) as picture:
            check_pixels(*picture.size)
            if picture.format == "PNG":
                # Pillow silently clips 16-bit colour to 8 bits; libpng keeps the values.
                pixels = upright(imagecodecs.png_decode(data), _orientation(picture))
            else:
                pixels = _decode(picture)
    except Image.DecompressionBombError as error:
        raise FileError(TOO_MANY_PIXELS.format("")) from error
    notices = (COLOUR,) if channel is None and is_coloured(pixels) else ()
    return Scan(to_grey(pixels, channel)[None], "", pixels.dtype == np.uint8, notices=notices)


def _orientation(picture: Image.Image) -> int:
    # Pillow decodes the whole PNG to look for one behind the pixels, where none writes it.
    return picture.getexif().get(ORIENTATION, 1) if "exif" in picture.info else 1


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """``pixels`` (H, W, ...) as the Exif or TIFF ``orientation`` (1 to 8) wants them shown."""
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    return pixels.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else pixels


def _decode(picture: Image.Image) -> np.ndarray:
    upright = ImageOps.exif_transpose(picture)
    if upright.mode not in ("L", "RGB", "RGBA"):
        transparent = upright.mode in ("LA", "PA") or "transparency" in upright.info
        upright = upright.convert("RGBA" if transparent else "RGB")
    return np.asarray(upright)


def to_grey(pixels: np.ndarray, channel: int | None = None) -> np.ndarray:
    """(H, W) or (H, W, 1..4) of any depth as float32 (H, W), in the source's units.

    Colour is weighted by ITU-R BT.601; an image with equal channels keeps its values exactly.
    """
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    if channel is not None and channel < pixels.shape[-1]:
        return pixels[..., channel].astype(np.float32)
    channels = pixels.shape[-1]
    grey = pixels[..., 0].astype(np.float32)
    if channels >= 3:
        red, green, blue = (pixels[..., c].astype(np.float32) for c in range(3))
        if not (np.array_equal(red, green) and np.array_equal(green, blue)):
            grey = 0.299 * red + 0.587 * green + 0.114 * blue
    if channels in (2, 4):
        full = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1.0
        grey = grey * (pixels[..., -1].astype(np.float32) / np.float32(full))
    return grey


def is_coloured(pixels: np.ndarray) -> bool:
    """Whether ``pixels`` (..., 1 to 4 channels), or (H, W) without channels, show colours."""
    if pixels.ndim < 3 or pixels.shape[-1] < 3:
        return False
    colours = pixels[..., :3].astype(np.float32)
    return float(np.mean(np.ptp(colours, axis=-1) > SPREAD * colours.max())) > COLOURED


def check_pixels(width: int, height: int) -> None:
    """Raise FileError unless a slice of this size can be read."""
    if min(width, height) < MIN_SIDE:
        raise FileError(
            f"is {width} x {height} pixels: a slice needs at least {MIN_SIDE} on each side."
        )
    if width * height > MAX_SLICE_PIXELS:
        raise FileError(TOO_MANY_PIXELS.format(f" ({width} x {height})"))
    if max(width, height) > MAX_SIDE:
        raise FileError(
            f"is {width} x {height} pixels: a slice has at most {MAX_SIDE} on each side."
        )


def write_png(path: str | Path, pixels: np.ndarray) -> None:
    """Write ``pixels`` (H, W) bool (as 0/255) or uint8, or (H, W, 3) uint8 RGB, as a PNG."""
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".png", pixels)
    Path(path).write_bytes(data.tobytes())
