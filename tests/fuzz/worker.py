"""A process that handles files one after the other and measures each: python -m tests.fuzz.worker

Lines of JSON come in (a path, and the path of a scan where the file is its ground truth), and the
Results go out. Linux only, as what it measures comes from /proc.
"""

import json
import os
import resource
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ADDRESS_SPACE = 6 << 30
"""Enough to see a defect as memory taken, and not so much that the machine suffers."""


@dataclass(frozen=True)
class Result:
    """What became of one file."""

    kind: str
    """success, sentence, foreign (any other exception, or a crash) or stopped."""
    words: str = ""
    """The sentence; the type and place of a foreign exception."""
    seconds: float = 0.0
    """Processor time, that of the decoder's process included."""
    megabytes: float = 0.0
    """Most memory beyond what was held before, that of the decoder's process included."""


class Worker:
    """The process, started anew where a file has ended it."""

    def __init__(self, patience: float = 60):
        self.patience = patience
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_) -> None:
        self._end()

    def handle(self, path: Path, scan: Path | None = None) -> Result:
        """What became of the file at ``path``, as a ground truth where there is a ``scan``."""
        if self.process is None:
            self._start()
        process, overdue = self.process, threading.Event()
        timer = threading.Timer(self.patience, lambda: (overdue.set(), process.kill()))
        timer.start()
        try:
            process.stdin.write(json.dumps([str(path), scan and str(scan)]).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            timer.cancel()
        if line:
            return Result(**json.loads(line))
        status = process.wait()
        self._end()
        if overdue.is_set():
            return Result("stopped", f"after {self.patience:g} s", self.patience)
        return Result("foreign", f"the process ended with status {status}")

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker"],
            bufsize=0,  # nothing is left to write where the process is gone
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.process.stdout.readline()  # everything is imported

    def _end(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def serve() -> None:
    import warnings

    from metaseg.scan import read_scan
    from tests.fuzz.handle import handle

    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    scans: dict[str, object] = {}
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # codecs print
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        path, scan_path = json.loads(line)
        if scan_path and scan_path not in scans:
            scans[scan_path] = read_scan(scan_path)
        before, started = _start_measuring(), _seconds()
        try:
            sentence = handle(Path(path), scans.get(scan_path))
            kind, words = ("sentence", sentence) if sentence else ("success", "")
        except Exception as error:  # what is looked for
            place = traceback.extract_tb(error.__traceback__)[-1]
            kind = "foreign"
            words = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        result = Result(kind, words, _seconds() - started, max(0, _peak() - before))
        print(json.dumps(asdict(result)), file=out, flush=True)


def _processes() -> list[int | str]:
    from metaseg.scan.decoder import _decoder

    process = _decoder.process
    return ["self", process.pid] if process is not None and process.poll() is None else ["self"]


def _seconds() -> float:
    """Processor time of this process and of all it has started."""
    times = os.times()
    total = time.process_time() + times.children_user + times.children_system
    for process in _processes()[1:]:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def _start_measuring() -> float:
    """Megabytes that are held now, from which on the most is kept."""
    for process in _processes():
        Path(f"/proc/{process}/clear_refs").write_text("5")
    return _peak()


def _peak() -> float:
    total = 0
    for process in _processes():
        status = Path(f"/proc/{process}/status").read_text()
        total += int(status.partition("VmHWM:")[2].split()[0]) / 1024
    return total


if __name__ == "__main__":
    serve()
