"""Find the scans in the paths given by a user, and the files that are not scans."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from metaseg.errors import InputError
from metaseg.files import files_in, readable_name
from metaseg.scan import is_readable
from metaseg.scan.archive import HEAD_BYTES, is_wanted
from metaseg.scan.dicom_frames import is_dicom
from metaseg.scan.types import display_name


@dataclass(frozen=True)
class Study:
    """One scan to read: a file, or a folder of DICOM files."""

    path: Path
    name: str
    """Name of its results."""
    label: str
    """Its path for people, relative to the given folder."""


@dataclass(frozen=True)
class Skipped:
    """A file in a folder that is not a scan, or a scan that was found before."""

    label: str
    reason: str


def find_studies(paths: Sequence[Path]) -> tuple[list[Study], list[Skipped]]:
    """Every scan in ``paths``, and every file in their folders that is not one.

    A given file always counts as a scan. In a folder with DICOM files directly in it, these and
    those of its subfolders are one scan, and every other image is a scan of its own. Any other
    folder contains studies: each file and each folder in it is searched in the same way. A scan
    that is given twice, or linked to, counts once. Raises InputError if a folder has no scan.
    Nothing is decoded: damaged files are found later.
    """
    studies: list[Study] = []
    skipped: list[Skipped] = []
    for path in paths:
        if not path.is_dir():
            studies.append(Study(path, display_name(path), readable_name(path.name)))
            continue
        before = len(studies)
        try:
            own = sorted(path.iterdir())
        except OSError as error:
            raise InputError(f"{path.name} cannot be opened: check its permissions.") from error
        if any(_kind(file) == "DICOM" for file in own if file.is_file()):
            _look_into(path, "", studies, skipped)
        else:
            for child in own:
                if child.is_dir() and not is_wanted(child.name):
                    skipped.append(Skipped(readable_name(child.name), "a folder of the system"))
                    continue
                _look_into(child, readable_name(child.name), studies, skipped)
        if len(studies) == before:
            raise InputError(f"{path.name} contains no scan: use a folder of studies.")
    return _once(studies, skipped), skipped


def _once(studies: list[Study], skipped: list[Skipped]) -> list[Study]:
    """``studies`` without those that are another's file or folder, which ``skipped`` names."""
    once: dict[str, Study] = {}
    for study in studies:
        first = once.setdefault(os.path.realpath(study.path), study)
        if first is not study:
            skipped.append(Skipped(study.label, f"the same as {first.label}"))
    return list(once.values())


def _look_into(path: Path, label: str, studies: list[Study], skipped: list[Skipped]) -> None:
    """Add the scans in ``path`` to ``studies`` and other files to ``skipped``.

    ``label`` is its path relative to the given folder, empty for that folder itself.
    """
    files = files_in(path) if path.is_dir() else [path]
    kinds = {file: _kind(file) for file in files}
    dicom = [file for file in files if kinds[file] == "DICOM"]
    images = [file for file in files if kinds[file] == "image"]
    if path.is_dir() and dicom:
        count = f"{len(dicom)} DICOM file{'s' if len(dicom) > 1 else ''}"
        name = readable_name(path.name)
        studies.append(Study(path, name, f"{label or name} ({count})"))
    elif dicom:
        images = dicom
    # A folder of one image often has the patient's name, and the image a common one.
    alone = path.is_dir() and not dicom and len(images) == 1
    for file in images:
        name = readable_name(path.name) if alone else display_name(file)
        studies.append(Study(file, name, _label(file, path, label)))
    for file, kind in kinds.items():
        if kind not in ("DICOM", "image"):
            skipped.append(Skipped(_label(file, path, label), kind))
    if not files:
        skipped.append(Skipped(label, "an empty folder"))


def _label(file: Path, path: Path, label: str) -> str:
    inner = readable_name(file.relative_to(path).as_posix())
    return label if inner == "." else f"{label}/{inner}".lstrip("/")


def _kind(file: Path) -> str:
    """The kind of ``file``: "DICOM", "image" (also for a zip), or why it is skipped."""
    if not is_wanted(file.name):
        return "a file of the system"
    if file.exists() and not file.is_file():  # a pipe would wait for a writer
        return "not a file"
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError:
        return "cannot be opened"
    if not head:
        return "empty"
    if is_dicom(head):
        return "DICOM"
    return "image" if is_readable(file) else "not an image that MetaSeg reads"
