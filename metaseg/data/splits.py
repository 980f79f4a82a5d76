"""The lists in ``splits/`` assign slices of published data sets to training and testing, so that
everyone who converts the same files gets the same split."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Listed:
    """A slice in a list."""

    number: int
    """The publisher's number of the file or, within a patient's volume, of the slice."""
    group: str
    split: str
    plane: str
    """Axial, coronal or sagittal; empty if the list does not state it."""


def read_split(name: str) -> list[Listed]:
    """The slices in ``splits/<name>.csv``; a row lists the numbers of a group, as in ``1-9 12``."""
    text = (files(__package__) / "splits" / f"{name}.csv").read_text("utf-8")
    return [
        Listed(number, row["group"], row["split"], row.get("plane", ""))
        for row in csv.DictReader(text.splitlines())
        for number in _numbers(row["cases"])
    ]


def _numbers(ranges: str) -> Iterator[int]:
    for part in ranges.split():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
