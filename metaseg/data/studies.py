"""Which scans there are in the paths that a person names."""

from pathlib import Path

from metaseg.errors import InputError
from metaseg.scan import is_readable
from metaseg.scan.archive import HEAD_BYTES
from metaseg.scan.dicom_frames import is_dicom


def find_studies(paths: list[Path]) -> list[Path]:
    """Every scan in ``paths``: files as they are, and of a folder either itself, where it holds
    the slices of a DICOM series, or each folder and each image in it.

    InputError for a folder without any of them. Nothing is decoded: a bad file shows later.
    """
    studies: list[Path] = []
    for path in paths:
        if not path.is_dir() or _holds_dicom(path):
            studies.append(path)
            continue
        found = [
            child
            for child in sorted(path.iterdir())
            if not child.name.startswith(".") and (child.is_dir() or is_readable(child))
        ]
        if not found:
            raise InputError(f"{path.name} holds no scan: give a folder of studies.")
        studies += found
    return studies


def _holds_dicom(folder: Path) -> bool:
    for file in folder.iterdir():
        if file.is_file() and file.name != "DICOMDIR":
            with file.open("rb") as stream:
                if is_dicom(stream.read(HEAD_BYTES)):
                    return True
    return False
