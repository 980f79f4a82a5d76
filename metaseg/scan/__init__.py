"""Reading every image format into one Scan, and writing what comes back.

Nothing behind this door knows a format.
"""

from metaseg.scan.dicom_series import SeriesChoiceError
from metaseg.scan.reading import is_readable, read_mask, read_scan
from metaseg.scan.types import Scan, take_slice

__all__ = ["Scan", "SeriesChoiceError", "is_readable", "read_mask", "read_scan", "take_slice"]
