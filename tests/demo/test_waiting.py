"""Nobody waits for somebody else's volume, and a volume that nobody waits for stops. Real clients
of the real server, which is a process of its own."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import cv2
import httpx
import nibabel
import numpy as np
import psutil
import pytest
from gradio_client import Client, handle_file

from tests.conftest import EXAMPLES

ROOT = Path(__file__).parent.parent.parent
PORT = 7987

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """The demo as ``python app.py`` starts it."""
    chosen = {
        "GRADIO_TEMP_DIR": str(tmp_path_factory.mktemp("served")),
        "GRADIO_SERVER_PORT": str(PORT),
        "METASEG_RUNTIME": "openvino",
    }
    started = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **chosen})
    try:
        end = time.monotonic() + 120
        while time.monotonic() < end and started.poll() is None:
            try:
                httpx.get(f"http://127.0.0.1:{PORT}/", timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield psutil.Process(started.pid)
    finally:
        started.terminate()
        started.wait(30)


@pytest.fixture(scope="module")
def volume(tmp_path_factory) -> Path:
    """400 slices of one head, each a little brighter than the one before."""
    grey = cv2.imread(str(EXAMPLES / "meningioma_axial.jpg"), cv2.IMREAD_GRAYSCALE)
    grey = cv2.resize(grey, (256, 256), interpolation=cv2.INTER_AREA).astype(np.int16)
    voxels = np.stack([grey * 4 + depth for depth in range(400)])
    path = tmp_path_factory.mktemp("volume") / "long.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels.transpose(2, 1, 0), np.diag([-1, -1, 1, 1])), path)
    return path


def client() -> Client:
    made = Client(f"http://127.0.0.1:{PORT}/", verbose=False)
    made.predict(api_name="/models")  # waits until the networks are loaded
    return made


def seconds_of_slices(visitor: Client, folder: Path, count: int) -> list[float]:
    """How long /segment takes for each of ``count`` slices that the server has not seen."""
    grey = cv2.imread(str(EXAMPLES / "pituitary_coronal.jpg"), cv2.IMREAD_GRAYSCALE)
    taken = []
    for _ in range(count):
        grey[0, 0] = len(list(folder.iterdir()))
        path = folder / f"{grey[0, 0]}.png"
        cv2.imwrite(str(path), grey)
        started = time.perf_counter()
        visitor.predict(scan=handle_file(str(path)), api_name="/segment")
        taken.append(time.perf_counter() - started)
    return taken


def busy(process: psutil.Process, seconds: float = 1.0) -> float:
    """The share of one processor that ``process`` uses in ``seconds``."""
    process.cpu_percent()
    time.sleep(seconds)
    return process.cpu_percent() / 100


def wait_until(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_a_slice_asked_for_during_a_volume_takes_at_most_twice_its_lone_time(
    process, volume, tmp_path
):
    first, second = client(), client()
    seconds_of_slices(second, tmp_path, 2)
    alone = statistics.median(seconds_of_slices(second, tmp_path, 7))
    job = first.submit(scan=handle_file(str(volume)), api_name="/segment_volume")
    wait_until(lambda: busy(process, 0.3) > 0.5, 20)
    time.sleep(1)  # read, and under way
    during = statistics.median(seconds_of_slices(second, tmp_path, 7))
    assert not job.done()
    print(f"alone {alone:.3f} s, during a volume {during:.3f} s")
    assert during <= 2 * alone
    # What a page's cancel sends; the Python client's own reaches generators alone.
    call = {"session_hash": first.session_hash, "event_id": job.communicator.event_id}
    httpx.post(f"http://127.0.0.1:{PORT}/gradio_api/cancel", json={**call, "fn_index": 0})
    wait_until(lambda: busy(process, 0.5) < 0.2, 5)


WAITING = """
import sys
from gradio_client import Client, handle_file
visitor = Client(sys.argv[1], verbose=False)
visitor.predict(scan=handle_file(sys.argv[2]), api_name="/segment_volume")
"""


def test_a_visitor_who_vanishes_frees_the_processor(process, volume):
    address = f"http://127.0.0.1:{PORT}/"
    visitor = subprocess.Popen([sys.executable, "-c", WAITING, address, str(volume)])
    wait_until(lambda: busy(process, 0.3) > 0.5, 30)
    time.sleep(1)
    assert visitor.poll() is None and busy(process, 0.5) > 0.5
    visitor.kill()
    visitor.wait()
    wait_until(lambda: busy(process, 0.5) < 0.2, 5)
