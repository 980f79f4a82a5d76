"""The machine-readable record of a run, which also lets an interrupted run resume."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metaseg.files import files_in, write_json
from metaseg.version import __version__, git_commit, package_versions

MANIFEST = "metaseg_manifest.json"
SCHEMA = 1
PACKAGES = ("torch", "numpy", "nibabel", "pydicom", "highdicom", "opencv-python-headless", "scipy")
CHUNK = 1 << 20


class Manifest:
    """``metaseg_manifest.json`` of an output folder: what made the results, and each scan's state.

    Written whole after every scan. Entries of an earlier run are kept; ``is_done`` tells which are
    still valid.
    """

    def __init__(self, folder: Path, run: dict[str, Any], skipped: dict[str, str] | None = None):
        """``run`` holds everything the results depend on: model, revision, device and options;
        ``skipped`` names files that are no scan, and why."""
        self.path = folder / MANIFEST
        self.run = run
        self.skipped = skipped or {}
        self.made_by = {"metaseg": __version__, "commit": git_commit()}
        self.scans: dict[str, dict[str, Any]] = _read_scans(self.path)

    def is_done(self, name: str, digest: str) -> bool:
        """Whether ``name`` was finished from the same input with the same run."""
        entry = self.scans.get(name, {})
        same = entry.get("input_sha256") == digest and entry.get("run") == self.run
        files = [self.path.parent / file for file in entry.get("files", [])]
        return entry.get("status") == "done" and same and all(file.is_file() for file in files)

    def is_of_another(self, name: str, place: str, digest: str | None) -> bool:
        """Whether ``name`` holds the results of a scan of another ``place`` and content."""
        entry = self.scans.get(name, {})
        return entry.get("place", place) != place and entry.get("input_sha256") != digest

    def add(self, name: str, digest: str | None, status: str, **values: Any) -> None:
        """Record one scan as "done" or "failed" and write the file, with what other runs into the
        same folder have recorded in the meantime.

        Files of the entry it replaces go unless they are written anew; an input that failed this
        time keeps those it had.
        """
        with _locked(self.path.parent):
            self.scans |= _read_scans(self.path)
            self._add(name, digest, status, values)

    def _add(self, name: str, digest: str | None, status: str, values: dict[str, Any]) -> None:
        before = self.scans.get(name, {})
        if status == "failed" and digest in (None, before.get("input_sha256")):
            values["files"] = before.get("files", [])
        for file in set(before.get("files", [])) - set(values.get("files", [])):
            if Path(file).name == file:
                (self.path.parent / file).unlink(missing_ok=True)
        self.scans[name] = {
            "status": status,
            "input_sha256": digest,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            **values,
            "run": self.run,
        }
        content = {
            "schema": SCHEMA,
            **self.made_by,
            "versions": package_versions(PACKAGES),
            "run": self.run,
            "scans": self.scans,
            "skipped": self.skipped,
        }
        write_json(self.path, content)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files with their names in order."""
    digest = hashlib.sha256()
    files = [path]
    if path.is_dir():
        files = [file for file in files_in(path) if file.is_file()]
    for file in files:
        if path.is_dir():
            digest.update(os.fsencode(file.relative_to(path).as_posix()) + b"\0")
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone among all processes that write the manifest of ``folder``."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # which unlocks


def _read_scans(path: Path) -> dict[str, dict[str, Any]]:
    try:
        scans = json.loads(path.read_text(encoding="utf-8"))["scans"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # missing or unusable
    if not isinstance(scans, dict):
        return {}
    return {name: entry for name, entry in scans.items() if _is_usable(entry)}


def _is_usable(entry: Any) -> bool:
    files = entry.get("files", []) if isinstance(entry, dict) else None
    return isinstance(files, list) and all(isinstance(file, str) for file in files)
