"""Reading every image format into one Scan, and writing what comes back.

Nothing behind this door knows a format.
"""

from metaseg.scan.dicom_series import SeriesChoiceError
from metaseg.scan.reading import Scan, list_series, read_mask, read_scan

__all__ = ["Scan", "SeriesChoiceError", "list_series", "read_mask", "read_scan"]
