"""Files that once stopped, filled or crashed MetaSeg: now each is a result or a sentence.

A file that fuzzing finds joins them in ``corpus``.
"""

import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.fuzz.campaign import MEGABYTES, SECONDS
from tests.fuzz.seeds import CORPUS

FILES = sorted(CORPUS.glob("*/*"))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures by /proc")


@pytest.fixture(scope="module")
def scan(tmp_path_factory) -> Path:
    """The grid of the masks among the files."""
    path = tmp_path_factory.mktemp("scan") / "scan.nii"
    nibabel.save(
        nibabel.Nifti1Image(np.zeros((40, 48, 8), np.int16), np.diag([-1, -1, 3, 1])), path
    )
    return path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("role", ["scan", "truth"])
def test_a_result_or_a_sentence_at_little_cost(worker, scan, path, role):
    result = worker.handle(path, scan if role == "truth" else None)
    assert result.kind in ("success", "sentence"), result
    assert result.seconds < SECONDS and result.megabytes < MEGABYTES, result
    assert str(path.parent) not in result.words
