"""Reading every image format into one Scan, and writing what comes back.

Nothing behind this door knows a format.
"""

from metaseg.scan.dicom_series import SeriesChoiceError
from metaseg.scan.reading import Scan, is_readable, read_mask, read_scan

__all__ = ["Scan", "SeriesChoiceError", "is_readable", "read_mask", "read_scan"]
