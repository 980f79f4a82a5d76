"""Decode compressed DICOM frames in one long-lived subprocess, restarted when it dies."""

# The process is started with both pipes, so they are never None.
# pyright: reportOptionalMemberAccess=false

import atexit
import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np

from metaseg.errors import TOO_LARGE, InputError
from metaseg.limits import DECODED_PIXELS_PER_SECOND, DECODING_BYTES, DECODING_SECONDS
from metaseg.scan import dicom_codecs
from metaseg.scan.dicom_codecs import FAULT, NO_MEMORY, REPLY, REQUEST
from metaseg.scan.errors import TOO_SLOW, CostError, FileError, logger

UNKNOWN = "is compressed in a way that cannot be decoded, or is damaged: export it uncompressed."
PATIENCE = 10
"""Wall-clock limit as a multiple of the processor-time limit: the machine may be busy."""


class _Decoder:
    """The subprocess, and the lock of the thread that uses it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.process: subprocess.Popen | None = None

    def running(self) -> subprocess.Popen:
        if self.process is None or self.process.poll() is not None:
            # A plain program: multiprocessing would import the main module again, which may be
            # app.py with its networks, and does not work well in notebooks.
            self.process = subprocess.Popen(
                [sys.executable, "-P", dicom_codecs.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                    "OPENBLAS_NUM_THREADS": "1",
                },
            )
        return self.process

    def stop(self) -> int:
        """End the process and return its exit status, negative for a signal."""
        process, self.process = self.process, None
        if process is None:
            return 0
        try:
            process.wait(0.5)  # a crashed process reports its own status
        except subprocess.TimeoutExpired:
            process.kill()
        for pipe in (process.stdin, process.stdout):
            try:
                pipe.close()
            except OSError:
                pass  # the unsent rest of a request
        return process.wait()


_decoder = _Decoder()


def _forget() -> None:
    """Give a forked process its own decoder: it must not share the pipes, or a held lock."""
    global _decoder
    _decoder = _Decoder()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@atexit.register
def _leave() -> None:
    if _decoder.process is not None:
        _decoder.process.kill()
        _decoder.process.wait()


def decode(attributes: dict, frame: bytes) -> np.ndarray:
    """The pixels of one compressed ``frame``: (Rows, Columns) or (Rows, Columns, 3).

    ``attributes`` are the frame's transfer syntax and its Image Pixel module (PS3.3, C.7.6.3) by
    keyword, without patient data. Raises CostError if decoding takes too much time or memory, and
    FileError if it fails.
    """
    pixels = attributes["Rows"] * attributes["Columns"]
    seconds = DECODING_SECONDS + pixels // DECODED_PIXELS_PER_SECOND
    request = json.dumps({**attributes, "seconds": seconds, "bytes": DECODING_BYTES}).encode()
    decoder = _decoder
    with decoder.lock:
        process = decoder.running()
        overdue = threading.Event()

        def end() -> None:
            overdue.set()
            process.kill()

        timer = threading.Timer(seconds * PATIENCE, end)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(REQUEST.pack(len(request), len(frame)) + request)
            process.stdin.write(frame)
            process.stdin.flush()
            kind, length = REPLY.unpack(process.stdout.read(REPLY.size))
            more = process.stdout.read(length).decode()
            if kind == NO_MEMORY:
                raise CostError(TOO_LARGE)
            if kind == FAULT:
                logger.warning("%s in a codec", more)
                raise FileError(UNKNOWN)
            dtype, *shape = json.loads(more)
            data = process.stdout.read(np.dtype(dtype).itemsize * int(np.prod(shape)))
            return np.frombuffer(data, dtype).reshape(shape)
        except InputError:
            raise
        except Exception as error:  # the process died before it answered
            status = decoder.stop()
            logger.warning("the decoder ended with status %d", status)
            if overdue.is_set() or status == -getattr(signal, "SIGXCPU", 0):
                raise CostError(TOO_SLOW) from error
            raise FileError(UNKNOWN) from error
        except BaseException:  # an interrupt leaves half an answer in the pipe
            decoder.stop()
            raise
        finally:
            timer.cancel()
