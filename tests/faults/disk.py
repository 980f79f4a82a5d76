"""A small disk of one's own, which a test can fill or make read-only."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MEGABYTE = 1 << 20


class Disk:
    """A file system in memory, mounted at ``folder``."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.filler = folder / "filler"

    def fill(self, leave: int) -> None:
        """Take all space but ``leave`` bytes, to the page."""
        space = os.statvfs(self.folder)
        size = max(space.f_bavail * space.f_frsize - leave, 0)
        with self.filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size) if size else None

    def free(self) -> None:
        self.filler.unlink(missing_ok=True)

    def make_read_only(self, read_only: bool = True) -> None:
        options = "remount,ro" if read_only else "remount,rw"
        subprocess.run(["mount", "-o", options, self.folder], check=True)


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A Disk of ``megabytes`` at ``folder``; the test is skipped where nothing can be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
