"""A training and a batch run bear kill -9 at twenty random moments."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
@pytest.mark.parametrize("what", ["training", "predict"])
def test_kill_at_twenty_random_moments(what, tmp_path):
    seed = str(secrets.randbelow(10**6))
    done = subprocess.run(
        [sys.executable, "-m", f"tests.faults.kill_{what}", str(tmp_path), seed],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, f"seed {seed}:\n{done.stderr[-3000:]}"
    print(done.stdout)
    found = json.loads(done.stdout)
    (between,) = [number for name, number in found.items() if name.startswith("kills with")]
    assert found["kills"] == 20 and between >= 5
