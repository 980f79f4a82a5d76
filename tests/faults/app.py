"""The real demo, ``app.py``, in a process of its own, with a list of whom it speaks to."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent.parent
WATCH = """
import runpy, sys
spoken = open(sys.argv[1], "a", buffering=1)
def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        print(repr(arguments[1]), file=spoken)
    elif event == "socket.getaddrinfo":
        print(repr((arguments[0], arguments[1])), file=spoken)
sys.addaudithook(watch)
sys.argv = ["app.py"]
runpy.run_path("app.py", run_name="__main__")
"""


@dataclass(frozen=True)
class App:
    process: subprocess.Popen
    url: str
    log: Path
    spoken: Path
    """A line for every address that a socket of the server was to reach."""


@contextmanager
def running(folder: Path, cache: Path) -> Iterator[App]:
    """The demo with its uploads in ``cache`` and what it says in ``folder``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ours = ("METASEG", "GRADIO", "HF_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    variables = {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(cache)}
    log, spoken = folder / "log.txt", folder / "spoken.txt"
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", WATCH, str(spoken)],
            cwd=ROOT,
            env={**kept, **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}/"
    try:
        end = time.monotonic() + 300
        while not _answers(url):
            assert process.poll() is None and time.monotonic() < end, log.read_text()[-2000:]
            time.sleep(0.5)
        yield App(process, url, log, spoken)
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=10).status_code == 200
    except httpx.TransportError:
        return False
