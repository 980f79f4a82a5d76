"""One case, and how to read it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from metaseg.data.dataset import Dataset
from metaseg.errors import InputError
from metaseg.files import readable_name
from metaseg.scan import Scan, read_mask, read_scan


@dataclass(frozen=True)
class Case:
    """A scan, its mask, its group (patient) and its split.

    Raises InputError if a name is not UTF-8: it is written into tables.
    """

    name: str
    group: str
    image: Path
    mask: Path
    split: str
    source: str
    """The name of the data folder."""
    dataset: Dataset
    """The description of the data folder."""
    labels: tuple[int, ...] | None = None
    """The values of the mask that count as lesion; None for a mask of 0 and 1 or 255."""
    channel: int | None = None
    """The colour channel of the scan; None for a grey image."""
    row: int = 0
    """Its line in ``cases.csv``, from 2, after the header; 0 if it does not come from a table."""

    def __post_init__(self) -> None:
        for name in (self.name, self.group, self.source):
            if name != (readable := readable_name(name)):
                raise InputError(f"The name {readable} is not UTF-8: rename the file or folder.")

    @property
    def place(self) -> str:
        """Where to find it, for messages."""
        return f"row {self.row}" if self.row else f"case {self.name}"


def read_case(case: Case) -> tuple[Scan, np.ndarray]:
    """The scan of ``case`` and its mask (D, H, W) bool. Raises InputError if one cannot be read.

    If the data set declares the spacing in its headers wrong, a single slice gets its ``pixel_mm``
    and a thickness of 1 mm. A volume gets no spacing, since the distance of its slices is unknown.
    """
    scan = read_scan(case.image, channel=case.channel)
    truth = read_mask(case.mask, scan, case.labels)
    if case.dataset.header_spacing_is_wrong:
        pixel = case.dataset.pixel_mm
        known = pixel is not None and not scan.is_volume
        scan = replace(scan, spacing=(1.0, pixel, pixel) if known else None)
    return scan, truth
