"""Seconds of ``metaseg predict`` on an archive of drawn studies, by one and by two processes.

Prints JSON. An earlier version, which knows no ``--workers``, is timed once.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from drawn import write_volume

STUDIES = 8
SHAPE = (40, 256, 256)


def main() -> None:
    """Time the command with one worker and with two."""
    command = [sys.executable, "-m", "metaseg", "predict"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "studies").mkdir()
        for number in range(STUDIES):
            write_volume(folder / "studies" / f"study{number}.nii", SHAPE)
        helped = subprocess.run([*command, "--help"], capture_output=True, text=True).stdout
        result = {}
        for workers in (1, 2) if "--workers" in helped else (1,):
            chosen = ["--workers", str(workers)] if "--workers" in helped else []
            output = ["--output", str(folder / f"out{workers}")]
            started = time.perf_counter()
            subprocess.run(
                [*command, str(folder / "studies"), *output, *chosen],
                check=True,
                capture_output=True,
            )
            result[str(workers)] = time.perf_counter() - started
    print(json.dumps(result))


if __name__ == "__main__":
    main()
