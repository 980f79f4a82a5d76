"""Seconds of ``metaseg predict`` on an archive of drawn studies: by one process on one core, by one
on all, and by two.

A further study is what each adds once the processes run: the difference between FEW and STUDIES of
them. Prints JSON. An earlier version, which knows no ``--workers``, is timed once.
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

FEW, STUDIES = 4, 32
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
    """Time the command on one core, with one worker and with two."""
    command = [sys.executable, "-m", "metaseg", "predict"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "studies").mkdir()
        paths = [folder / "studies" / f"study{number}.nii" for number in range(STUDIES)]
        for path in paths:
            write_volume(path, SHAPE, THICKNESS)

        cores = os.sched_getaffinity(0)

        def seconds(count: int, chosen: list[str], on: set[int] = cores) -> float:
            with tempfile.TemporaryDirectory() as output:
                os.sched_setaffinity(0, on)  # the command inherits it
                started = time.perf_counter()
                subprocess.run(
                    [*command, *map(str, paths[:count]), "--output", output, *chosen],
                    check=True,
                    capture_output=True,
                )
                os.sched_setaffinity(0, cores)
                return time.perf_counter() - started

        helped = subprocess.run([*command, "--help"], capture_output=True, text=True).stdout
        if "--workers" not in helped:
            print(json.dumps({"1": seconds(STUDIES, [])}))
            return
        result: dict[str, float] = {"two_at_once": two_at_once()}
        for way, workers, on in (
            ("one core", "1", {min(cores)}),
            ("1", "1", cores),
            ("2", "2", cores),
        ):
            few, all_ = (seconds(n, ["--workers", workers], on) for n in (FEW, STUDIES))
            result |= {way: all_, f"further, {way}": (all_ - few) / (STUDIES - FEW)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
