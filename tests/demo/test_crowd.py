"""The load program, shortened."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_a_small_crowd_gets_what_is_its_own_and_leaves_nothing():
    command = "benchmarks/crowd.py --clients 6 --volumes 1 --slices 6 --minutes 0.2 --rate 0.5"
    run = subprocess.run(
        [sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, timeout=1500
    )
    assert run.returncode == 0, run.stdout + run.stderr[-3000:]
    assert "| 6 at once, mixed | 6 | 0 " in run.stdout
    assert "Folders left when the server had ended: 0" in run.stdout
