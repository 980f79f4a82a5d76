"""The subprocess that decodes compressed DICOM frames.

C codecs may hold the interpreter lock for seconds, allocate gigabytes, or crash. In a process of
their own, each frame has a limit on processor time and memory, and nothing else has to wait.
``decoder`` runs this file as a script and sends the frames, so it must not import MetaSeg.

It also adds lossless and 12-bit JPEG, which pydicom's permissively licensed plugins lack. pydicom
decodes them with pylibjpeg-libjpeg, under the GPL; imagecodecs bundles libjpeg-turbo, under a BSD
licence.
"""

import json
import os
import signal
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

import imagecodecs
import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder, pixel_array
from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.uid import JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

PLUGIN = "imagecodecs"

REQUEST = struct.Struct("<QQ")
"""Head of a request: the lengths of the attributes (JSON) and of the frame that follow."""
REPLY = struct.Struct("<cQ")
"""Head of a reply: one of the kinds below, and the length of its details."""
PIXELS, NO_MEMORY, FAULT = b"P", b"M", b"F"
"""Details of each kind: data type and shape as JSON, before the pixels; none; the exception's
name."""

# pydicom's guide to decoding plugins requires this name and the next.
DECODER_DEPENDENCIES = {
    syntax: ("imagecodecs",) for syntax in (JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1)
}


def is_available(uid: str) -> bool:
    """Whether the transfer syntax ``uid`` can be decoded here."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes:
    """One encoded grey frame as plain little-endian pixels."""
    pixels = imagecodecs.jpeg8_decode(source)
    if pixels.ndim != 2:
        raise NotImplementedError("colour in lossless JPEG")
    runner.set_option("bits_allocated", pixels.dtype.itemsize * 8)
    return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<")).tobytes()


def register() -> None:
    """Register ``decode_frame`` with pydicom, in this process, for the JPEG kinds above."""
    for syntax in DECODER_DEPENDENCIES:
        get_decoder(syntax).add_plugin(PLUGIN, (__name__, "decode_frame"))


def serve() -> None:
    """Decode the requests on standard input until it ends."""
    register()
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    for stream in (1, 2):  # some codecs print there
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while head := requests.read(REQUEST.size):
        lengths = REQUEST.unpack(head)
        attributes, frame = (requests.read(length) for length in lengths)
        try:
            pixels = _decode(json.loads(attributes), frame)
            kind = json.dumps([pixels.dtype.str, *pixels.shape]).encode()
            replies.write(REPLY.pack(PIXELS, len(kind)) + kind)
            replies.write(pixels)
        except MemoryError:
            replies.write(REPLY.pack(NO_MEMORY, 0))
        except Exception as error:  # every codec raises its own types
            kind = type(error).__name__.encode()
            replies.write(REPLY.pack(FAULT, len(kind)) + kind)
        replies.flush()


def _decode(attributes: dict, frame: bytes) -> np.ndarray:
    _limit(attributes.pop("seconds"), attributes.pop("bytes"))
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = attributes.pop("TransferSyntaxUID")
    for name, value in attributes.items():
        setattr(data, name, value)
    data.PixelData = encapsulate([frame])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    return np.ascontiguousarray(pixel_array(data, index=0))


def _limit(seconds: int, memory: int) -> None:
    """Limit processor time (exceeding it ends this process) and memory (exceeding it raises
    MemoryError, if the codec checks). Without such limits, the timeout of ``decoder`` remains."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold a patient's image
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + seconds, hard))
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (used + memory, hard))


if __name__ == "__main__":
    serve()
