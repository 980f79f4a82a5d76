"""What several commands share."""

import argparse
from pathlib import Path

from metaseg.data.dataset import FILE, MODALITIES
from metaseg.errors import InputError


def add_modality(parser: argparse.ArgumentParser) -> None:
    """The option for data folders that do not describe themselves."""
    parser.add_argument(
        "--modality",
        choices=MODALITIES,
        help=f"of the images in data folders without a {FILE} that are of no published layout",
    )


def output_folder(path: Path) -> Path:
    """``path`` as an existing folder; InputError where it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The output folder {path} cannot be made: choose another.") from error
    return path
