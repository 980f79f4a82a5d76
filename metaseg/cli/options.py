"""Options that several commands share."""

import argparse

from metaseg.data.dataset import FILE, MODALITIES


def add_modality(parser: argparse.ArgumentParser) -> None:
    """Add the option for data folders without a description."""
    parser.add_argument(
        "--modality",
        choices=MODALITIES,
        help=f"modality of data folders that have no {FILE} and no published layout",
    )
