"""Read every image format as a Scan, and write results back.

Code outside this package never deals with file formats.
"""

from metaseg.scan.parts import SeriesChoiceError
from metaseg.scan.reading import is_readable, read_mask, read_scan
from metaseg.scan.types import Scan, take_slice

__all__ = ["Scan", "SeriesChoiceError", "is_readable", "read_mask", "read_scan", "take_slice"]
