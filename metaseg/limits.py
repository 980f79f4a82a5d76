"""Every limit on inputs, in one place.

Operators of a server set those defined by ``setting`` with the environment variable of that name.
"""

import os

from metaseg.errors import InputError


def setting(name: str, default: int, least: int = 1) -> int:
    """The whole number in the environment variable ``name``. Raises InputError if it is not one."""
    text = os.environ.get(name, "").strip() or str(default)
    if not text.isdecimal() or int(text) < least:
        raise InputError(f'{name} is "{text}": set it to a whole number of at least {least}.')
    return int(text)


MEGABYTE = 1024 * 1024

MAX_FILE_BYTES = 512 * MEGABYTE
"""Largest file that is opened."""

MAX_SLICE_PIXELS = 64_000_000
"""Largest slice in pixels, checked in the header before anything is decoded."""

MAX_SIDE = 16_384
"""Largest height and width: no slice is larger, and some steps would take too long."""

MAX_SCAN_VOXELS = 256_000_000
"""Largest scan over all its slices: 1 GB of float32."""

MAX_SLICES = 4000
"""Most slices of a scan, and most frames of a DICOM file: eight heads in steps of 0.5 mm."""

MIN_SIDE = 16
"""Smallest height and width that can show a brain."""

MAX_UNPACKED_BYTES = 2048 * MEGABYTE
"""Largest uncompressed size of a compressed file or of an archive."""

MAX_DEFLATED_BYTES = 256 * MEGABYTE
"""Largest uncompressed size of a DICOM file in the deflated transfer syntax."""

MAX_HEADER_BYTES = 64 * MEGABYTE
"""Largest DICOM header: everything but the pixels."""

MAX_HEADER_READS = 500_000
"""Most reads for a DICOM header, at about two per element."""

MAX_ARCHIVE_FILES = 20_000
"""Most files in a folder or a zip."""

KEEP_MINUTES = setting("METASEG_KEEP_MINUTES", 60)
"""Longest time that a server keeps an upload or a result. Most are removed earlier, when their
visitor leaves."""

SWEEP_MINUTES = 1
"""How often a server removes old files."""

SPACING_MM = (0.01, 100.0)
"""Plausible voxel spacings of a head; others are ignored."""

MAX_ASPECT = 20.0
"""Largest plausible ratio of a pixel's sides, and largest stretch of an image."""

DECODING_SECONDS = 2
"""Processor time to decode a frame of compressed pixels, plus one second for every"""
DECODED_PIXELS_PER_SECOND = 4_000_000
"""pixels."""

DECODING_BYTES = 1024 * MEGABYTE
"""Memory to decode a frame."""

PROXIES = setting("METASEG_PROXIES", 1 if "SPACE_ID" in os.environ else 0, least=0)
"""Number of proxies in front of the server: so many entries of X-Forwarded-For are trusted."""

MAX_JSON_BYTES = setting("METASEG_MAX_JSON_MB", 1) * MEGABYTE
"""Largest body of a request other than an upload."""

MAX_TOOL_BYTES = setting("METASEG_MAX_TOOL_MB", 64) * MEGABYTE
"""Largest request of an MCP client, which may contain a scan."""

SILENT_SECONDS = setting("METASEG_SILENT_SECONDS", 60)
"""Longest wait of a server for the next part of a request."""

MAX_QUEUE = setting("METASEG_MAX_QUEUE", 100)
"""Most waiting calls; further ones are asked to try again later."""

MAX_UPLOADS = setting("METASEG_MAX_UPLOADS", 2000)
"""Most uploads that a server keeps per visitor at a time."""

MAX_UPLOADED_BYTES = setting("METASEG_MAX_UPLOADED_MB", 4096) * MEGABYTE
"""Largest sum of the uploads that a server keeps per visitor at a time."""

MAX_SERVED_SLICES = setting("METASEG_MAX_SLICES", 1000)
"""Most slices of a volume that a server segments. The command line has no such limit."""

MAX_MINUTES = setting("METASEG_MAX_MINUTES", 30)
"""Longest time that a server segments one scan with one network."""
