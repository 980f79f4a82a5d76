"""Seconds of ``metaseg predict`` on an archive of drawn studies: by one process with one thread, by
one with all, and by two.

Prints JSON. An earlier version, which knows no ``--workers``, is timed once.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from drawn import write_volume

STUDIES = 32
SHAPE, THICKNESS = (40, 256, 256), 4.0
"""Thick slices, as most archives have: such volumes are not cut in three planes."""

PRODUCTS = """import numpy
a = numpy.ones((500, 500), numpy.float32)
for _ in range(600): a = a @ a / 500"""


def two_at_once() -> float:
    """How many times as much two processes of matrix products do as one: what is to be had here."""

    def seconds(count: int) -> float:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        started = time.perf_counter()
        command = [sys.executable, "-c", PRODUCTS]
        for one in [subprocess.Popen(command, env=environment) for _ in range(count)]:
            one.wait()
        return time.perf_counter() - started

    return float(np.median([2 * seconds(1) / seconds(2) for _ in range(3)]))


def main() -> None:
    """Time the command with one thread, one worker and two."""
    command = [sys.executable, "-m", "metaseg", "predict"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "studies").mkdir()
        for number in range(STUDIES):
            write_volume(folder / "studies" / f"study{number}.nii", SHAPE, THICKNESS)
        helped = subprocess.run([*command, "--help"], capture_output=True, text=True).stdout
        result = {"two_at_once": two_at_once()} if "--workers" in helped else {}
        ways = {
            "one thread": ["--workers", "1"], "1": ["--workers", "1"], "2": ["--workers", "2"],
        }  # fmt: skip
        for way, chosen in ways.items() if "--workers" in helped else [("1", [])]:
            single = {"OMP_NUM_THREADS": "1"} if way == "one thread" else {}
            started = time.perf_counter()
            subprocess.run(
                [*command, str(folder / "studies"), "--output", str(folder / way), *chosen],
                env={**os.environ, **single},
                check=True,
                capture_output=True,
            )
            result[way] = time.perf_counter() - started
    print(json.dumps(result))


if __name__ == "__main__":
    main()
