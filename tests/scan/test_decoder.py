"""The decoder's process: replaced when it dies or takes too much, and no one's hostage."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom.uid import JPEGLSLossless

from metaseg.errors import InputError
from metaseg.scan import decoder, read_scan
from metaseg.scan.errors import CostError, FileError

PIXELS = np.random.default_rng(0).integers(0, 4000, (40, 50)).astype(np.uint16)
FRAME = imagecodecs.jpegls_encode(PIXELS)
ENDLESS = Path(__file__).parents[1] / "fuzz/corpus/dicom/dicom_hang_05.dcm"
"""JPEG-LS on which the codec works for seconds."""
ATTRIBUTES = {
    "TransferSyntaxUID": JPEGLSLossless,
    "Rows": 40,
    "Columns": 50,
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16,
    "BitsStored": 16,
    "HighBit": 15,
    "PixelRepresentation": 0,
}


def decode() -> np.ndarray:
    return decoder.decode(ATTRIBUTES, FRAME)


def process() -> subprocess.Popen:
    return decoder._decoder.process


def test_one_process_serves_many_threads():
    np.testing.assert_array_equal(decode(), PIXELS)
    pid, results = process().pid, []
    threads = [threading.Thread(target=lambda: results.append(decode())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert process().pid == pid
    assert len(results) == 8
    for pixels in results:
        np.testing.assert_array_equal(pixels, PIXELS)


def test_a_dead_process_is_replaced():
    decode()
    os.kill(process().pid, signal.SIGKILL)
    process().wait()
    np.testing.assert_array_equal(decode(), PIXELS)


def stop_in(seconds: float) -> threading.Timer:
    """Stops the process as a codec without an end would, and kills it after that."""
    decode()
    os.kill(process().pid, signal.SIGSTOP)
    timer = threading.Timer(seconds, process().kill)
    timer.start()
    return timer


def test_a_process_that_dies_at_work_is_a_sentence():
    timer = stop_in(0.2)
    with pytest.raises(FileError, match="cannot be decoded"):
        decode()
    timer.join()
    np.testing.assert_array_equal(decode(), PIXELS)


def test_a_process_that_does_not_answer_is_ended(monkeypatch):
    monkeypatch.setattr(decoder, "PATIENCE", 0.1)
    timer = stop_in(60)
    with pytest.raises(CostError, match="takes too long"):
        decode()
    timer.cancel()
    monkeypatch.undo()
    np.testing.assert_array_equal(decode(), PIXELS)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of processes as Linux has them")
def test_memory_has_a_limit(monkeypatch):
    monkeypatch.setattr(decoder, "DECODING_BYTES", 0)
    with pytest.raises(CostError, match="too large for the memory"):
        decoder.decode(ATTRIBUTES, FRAME + bytes(64_000_000))
    monkeypatch.undo()
    np.testing.assert_array_equal(decode(), PIXELS)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of processes as Linux has them")
def test_processor_time_has_a_limit(monkeypatch):
    decode()
    monkeypatch.setattr(decoder, "DECODING_SECONDS", 0)
    with pytest.raises(InputError, match="takes too long"):
        read_scan(ENDLESS)
    monkeypatch.undo()
    np.testing.assert_array_equal(decode(), PIXELS)


def test_a_forked_process_starts_its_own():
    decode()
    pid = process().pid
    child = os.fork()
    if child == 0:
        own = (decode() == PIXELS).all() and process().pid != pid
        decoder._leave()
        os._exit(0 if own else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert process().pid == pid
    np.testing.assert_array_equal(decode(), PIXELS)


def test_it_goes_when_its_parent_goes(tmp_path):
    script = (
        "from tests.scan import test_decoder as t; import os, sys; t.decode();"
        "print(t.process().pid, flush=True); os._exit(0) if len(sys.argv) > 1 else None"
    )
    for arguments in ([], ["killed"]):
        command = [sys.executable, "-c", script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        for _ in range(100):
            if not is_running(int(done.stdout)):
                break
            threading.Event().wait(0.1)
        assert not is_running(int(done.stdout))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
