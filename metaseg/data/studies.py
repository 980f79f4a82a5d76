"""Find the scans in the paths given by a user."""

from pathlib import Path

from metaseg.errors import InputError
from metaseg.scan import is_readable
from metaseg.scan.archive import HEAD_BYTES
from metaseg.scan.dicom_frames import is_dicom


def find_studies(paths: list[Path]) -> list[Path]:
    """Every scan in ``paths``.

    A file is a scan, and so is a folder with DICOM files directly in it. Of any other folder, each
    folder and each image in it is one. Raises InputError if a folder has none. Nothing is decoded:
    damaged files are found later.
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
