"""A server that runs short of memory or disk says so in a sentence, and lives."""

import time

import nibabel
import numpy as np
import pytest

from metaseg.demo.api import NO_SPACE
from metaseg.demo.store import Store, store
from metaseg.segmenter import Segmenter
from tests.demo.raw_client import call, named, upload
from tests.faults.disk import Disk

TOO_LARGE = "The scan is too large for the memory of this machine: use a smaller one."


@pytest.fixture
def volume(quick, tmp_path) -> dict:
    """A new volume, as the server knows it."""
    voxels = np.random.default_rng().integers(0, 900, (40, 40, 3)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / "scan.nii.gz")
    return named(upload(quick, tmp_path / "scan.nii.gz")[0])


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 4 GB")]
)
def test_memory_that_is_short_during_a_volume(quick, volume, monkeypatch, error):
    def run_short(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Segmenter, "predict_each", run_short)
        assert call(quick, "segment_volume", scan=volume) == ("error", TOO_LARGE)
    assert call(quick, "segment_volume", scan=volume)[0] == "complete"


def test_a_disk_that_is_full_when_results_are_written(
    quick, volume, disk: Disk, monkeypatch, caplog
):
    with monkeypatch.context() as patch:
        patch.setattr(store(), "results", disk.folder)
        disk.fill(0)
        assert call(quick, "segment_volume", scan=volume) == ("error", NO_SPACE)
    assert "ENOSPC while results were written" in caplog.text and "Traceback" not in caplog.text
    assert call(quick, "segment_volume", scan=volume)[0] == "complete"


def test_a_clock_that_is_set_back_keeps_no_file_for_ever(tmp_path, monkeypatch):
    place = Store(tmp_path)
    file = place.new_upload() / "scan.nii"
    file.write_text("x")
    now = time.time()
    for back, stays in ((60, True), (3600, False)):
        monkeypatch.setattr(time, "time", lambda back=back: now - back)
        place.sweep(age=600)
        assert file.exists() is stays
    place.remove()
