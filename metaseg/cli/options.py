"""What several commands share."""

from pathlib import Path

from metaseg.errors import InputError


def output_folder(path: Path) -> Path:
    """``path`` as an existing folder; InputError where it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The output folder {path} cannot be made: choose another.") from error
    return path
