"""Reading every image format into one Scan, and writing what comes back.

Nothing behind this door knows a format. DICOM will join here.
"""

from metaseg.scan.reading import Scan, read_mask, read_scan

__all__ = ["Scan", "read_mask", "read_scan"]
