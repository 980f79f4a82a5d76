"""What a server keeps of a visitor's results: by which key, and how large it is."""

import hashlib
from functools import lru_cache
from pathlib import Path

import gradio.caching
import numpy as np

from metaseg.errors import InputError
from metaseg.findings.matching import Regions
from metaseg.findings.report import Findings
from metaseg.segmenter import Explanation


def _size_of(entry: object) -> int:
    """Bytes of the arrays of a stored result, of an array, or of anything else about as much as a
    short text."""
    if isinstance(entry, dict):
        return sum(map(_size_of, entry.values()))
    return entry.nbytes if isinstance(entry, np.ndarray) else 100


# gradio's own imports torch, to see whether a result is a tensor: seconds, and 0.5 GB.
gradio.caching._estimate_size = _size_of


def arrays_of(value: object) -> dict[str, np.ndarray]:
    """The arrays that ``value`` holds, by name."""
    if isinstance(value, Explanation):
        maps = [*value.attention, *value.supervised, value.mirror_difference]
        return {f"map{number}": array for number, array in enumerate(maps)}
    if isinstance(value, Regions):
        return {"labels": value.components.labels}
    if isinstance(value, Findings):
        return {"mask": value.mask, "labels": value.components.labels}
    names = ("voxels", "probability")
    held = {name: getattr(value, name) for name in names if hasattr(value, name)}
    return held or ({"array": value} if isinstance(value, np.ndarray) else {})


def file_key(path: str) -> tuple[str, str]:
    """The name and the SHA-256 of the content of the file at ``path``: the same file is the same
    scan, however often it is uploaded."""
    try:
        status = Path(path).stat()
        return Path(path).name, _digest_of(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise InputError(f"{Path(path).name} cannot be opened: upload it again.") from error


@lru_cache(1024)
def _digest_of(path: str, changed: int, size: int) -> str:
    """The SHA-256 of a file, read once as long as it does not change."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
