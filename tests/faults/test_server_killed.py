"""kill -9 of the server while it writes: the next one finds nothing left and serves."""

import os
import signal
import threading
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.conftest import EXAMPLES
from tests.demo.raw_client import call, named, upload
from tests.faults.app import running


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]


@pytest.mark.slow
def test_kill_during_a_write(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    voxels = np.random.default_rng(0).integers(0, 900, (256, 256, 6)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / "volume.nii.gz")
    with running(tmp_path, cache) as app:
        scan = named(upload(app.url, tmp_path / "volume.nii.gz")[0])

        def ask() -> None:
            try:
                call(app.url, "segment_volume", scan=scan)
            except Exception:  # the server dies under it
                pass

        asked = threading.Thread(target=ask)
        asked.start()
        end = time.monotonic() + 240
        while not list(cache.glob("*/results/*/*")):
            assert time.monotonic() < end, app.log.read_text()[-2000:]
            time.sleep(0.001)
        os.kill(app.process.pid, signal.SIGKILL)
        asked.join(60)
    assert files_in(cache), "nothing was there to be left"
    with running(tmp_path, cache) as app:
        assert not list(cache.rglob("volume.nii.gz")) and not list(cache.glob("*/results/*/*"))
        done = call(
            app.url, "segment", scan=named(upload(app.url, EXAMPLES / "meningioma_axial.jpg")[0])
        )
        assert done[0] == "complete"
