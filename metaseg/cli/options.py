"""What several commands share."""

import argparse

from metaseg.data.dataset import FILE, MODALITIES


def add_modality(parser: argparse.ArgumentParser) -> None:
    """The option for data folders that do not describe themselves."""
    parser.add_argument(
        "--modality",
        choices=MODALITIES,
        help=f"of the images in data folders without a {FILE} that are of no published layout",
    )
