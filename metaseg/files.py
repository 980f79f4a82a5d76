"""Files written whole, and the JSON that goes into them."""

import hashlib
import json
import math
import os
import re
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

from metaseg.errors import InputError

MAX_NAME_BYTES = 200
ROW = re.compile(r"\[\n\s+(-?\d[-+.,eE\d\s]*?)\n\s+\]")
"""Numbers alone, which JSON with indents would give a line each. No text has a newline."""


def path_of(path: str | PathLike) -> Path:
    """``path`` from the root, so that "." and ".." have a name; a link keeps its own.

    Raises InputError if it is empty, as a variable that is not set: it would be the current folder.
    """
    if path == "":
        raise InputError("The name of a file or folder is empty: state it.")
    whole = Path(path).absolute()
    return whole.resolve() if whole.name == ".." else whole


def files_in(folder: Path) -> list[Path]:
    """All that is no folder in ``folder`` and its subfolders, sorted. Links to folders are
    followed, each folder once; hidden folders are left out."""
    found, seen = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [name for name in folders if not name.startswith(".") and real not in seen]
        found += [Path(place, name) for name in names if real not in seen]
        seen.add(real)
    return sorted(found)


def readable_name(name: str) -> str:
    """``name`` with an underscore for each byte that is not UTF-8, so that it can be written."""
    return re.sub("[\ud800-\udfff]", "_", name)


def shortened(name: str) -> str:
    """``name``, readable, and so short that every file which begins with it can be written: names
    have 255 bytes at most, and a letter may take four."""
    return readable_name(name).encode()[:MAX_NAME_BYTES].decode(errors="ignore")


def check_no_folder(path: Path) -> None:
    """Raise InputError if a folder has the place of the file ``path``."""
    if path.is_dir():
        raise InputError(f"{path.name} is a folder, where a file is to be written: rename it.")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a killed process, never sees half of it.

    Raises InputError if a folder has its place.
    """
    check_no_folder(path)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)  # leave no partial file on a full disk
        raise


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, whole or not at all; every NaN becomes null."""
    text = json.dumps(to_json(value), indent=2, allow_nan=False)  # infinity is not JSON
    write_whole(path, (ROW.sub(_on_one_line, text) + "\n").encode())


def _on_one_line(row: re.Match) -> str:
    return f"[{' '.join(row[1].split())}]"


def to_json(value: Any) -> Any:
    """``value`` with every NaN as None, at any depth, for ``json.dumps``."""
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def short_digest(value: Any) -> str:
    """Sixteen hexadecimal digits that change with ``value``, which JSON can hold."""
    return hashlib.sha256(json.dumps(to_json(value)).encode()).hexdigest()[:16]


def output_folder(path: Path) -> Path:
    """``path`` as an existing folder; raises InputError if it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The output folder {path} cannot be created: choose another.") from error
    return path
