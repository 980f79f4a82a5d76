"""The JPEG kinds of DICOM that pydicom's freely licensed plugins leave out: lossless and 12 bit.

pydicom would decode them with pylibjpeg-libjpeg, which is under the GPL; libjpeg-turbo, which
imagecodecs carries, does the same under the BSD licence. Registered with pydicom on import.
"""

import imagecodecs
import numpy as np
from pydicom.pixels import get_decoder
from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.uid import JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

PLUGIN = "imagecodecs"

# The two names that pydicom's guide to decoding plugins asks for.
DECODER_DEPENDENCIES = {
    syntax: ("imagecodecs",) for syntax in (JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1)
}


def is_available(uid: str) -> bool:
    return uid in DECODER_DEPENDENCIES


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes:
    """One encoded grey frame as plain little-endian pixels."""
    pixels = imagecodecs.jpeg8_decode(source)
    if pixels.ndim != 2:
        raise NotImplementedError("colour in lossless JPEG")
    runner.set_option("bits_allocated", pixels.dtype.itemsize * 8)
    return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<")).tobytes()


for _syntax in DECODER_DEPENDENCIES:
    if PLUGIN not in get_decoder(_syntax).available_plugins:
        get_decoder(_syntax).add_plugin(PLUGIN, (__name__, "decode_frame"))
