"""The demo as a process of its own, and what it holds in memory and on the disk."""

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
import psutil

ROOT = Path(__file__).parent.parent
KEPT = "metaseg-*/*/**/*"
STILL = 45
"""Seconds: what a visitor sent outlives the tab by 30."""


@dataclass(frozen=True)
class State:
    """What the server holds."""

    when: str
    memory: int
    descriptors: int
    files: int
    bytes: int

    def row(self) -> str:
        """A row of the table."""
        size = f"{self.files} | {self.bytes / 1e6:.1f}"
        return f"| {self.when} | {self.memory >> 20} | {self.descriptors} | {size} |"


@contextmanager
def running_server(cache: Path, root: Path = ROOT) -> Iterator[tuple[str, psutil.Process]]:
    """The address of the demo whose code lies in ``root``, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chosen = {"GRADIO_TEMP_DIR": str(cache), "GRADIO_SERVER_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=root, env={**os.environ, **chosen}, stdout=sys.stderr
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        while True:
            try:
                httpx.get(url).raise_for_status()
                break
            except httpx.HTTPError:
                if process.poll() is not None:
                    sys.exit("The server did not start.")
                time.sleep(0.1)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def state_of(when: str, server: psutil.Process, cache: Path, kept: int = 0) -> State:
    """What is left when no more than ``kept`` files are, or none has gone for STILL seconds."""
    files, since = _files(cache), time.monotonic()
    while len(files) > kept and time.monotonic() < since + STILL:
        time.sleep(1)
        fewer = _files(cache)
        if len(fewer) < len(files):
            since = time.monotonic()
        files = fewer
    family = [server, *server.children(recursive=True)]
    return State(
        when,
        memory=sum(process.memory_info().rss for process in family),
        descriptors=sum(process.num_fds() for process in family),
        files=len(files),
        bytes=sum(path.stat().st_size for path in files),
    )


def _files(cache: Path) -> list[Path]:
    return [path for path in cache.glob(KEPT) if path.is_file()]
