"""Every limit on what people may hand in, in one place.

Whoever runs a server sets those that are a ``setting`` by an environment variable of that name.
"""

import os

from metaseg.errors import InputError


def setting(name: str, default: int, least: int = 1) -> int:
    """The whole number that the environment variable ``name`` holds. InputError if it is none."""
    text = os.environ.get(name, "").strip() or str(default)
    if not text.isdecimal() or int(text) < least:
        raise InputError(f'{name} is "{text}": set it to a whole number of at least {least}.')
    return int(text)


MEGABYTE = 1024 * 1024

MAX_FILE_BYTES = 512 * MEGABYTE
"""Largest file that is opened."""

MAX_SLICE_PIXELS = 64_000_000
"""Largest slice, read from the header before anything is decoded."""

MAX_SIDE = 16_384
"""Largest height and width. No slice is so long, and some steps take longer for one that is."""

MAX_SCAN_VOXELS = 256_000_000
"""Largest scan over all its slices: 1 GB of float32."""

MAX_SLICES = 4000
"""Most slices of a scan, and most frames of a DICOM file: eight times a head in steps of 0.5 mm."""

MIN_SIDE = 16
"""Smallest height and width that can show a brain."""

MAX_UNPACKED_BYTES = 2048 * MEGABYTE
"""Largest sum of what a compressed file or an archive unpacks to."""

MAX_DEFLATED_BYTES = 256 * MEGABYTE
"""Largest DICOM file that comes out of the deflated transfer syntax."""

MAX_HEADER_BYTES = 64 * MEGABYTE
"""Largest DICOM header, all that is not pixels included."""

MAX_HEADER_READS = 500_000
"""Most pieces in which a DICOM header is read: about two an element."""

MAX_ARCHIVE_FILES = 20_000
"""Most files in a folder or a zip that are looked at."""

KEEP_MINUTES = setting("METASEG_KEEP_MINUTES", 60)
"""How long a server keeps an upload or a result at most. Most go earlier, with their visitor."""

SWEEP_MINUTES = 1
"""How often a server removes old files."""

SPACING_MM = (0.01, 100.0)
"""Distances of voxels that can be true of a head; others are ignored."""

MAX_ASPECT = 20.0
"""Largest ratio of a pixel's sides that can be true, and that a picture is stretched by."""

DECODING_SECONDS = 2
"""Processor time that a frame of compressed pixels may take, and a second more for each"""
DECODED_PIXELS_PER_SECOND = 4_000_000
"""of these that it holds."""

DECODING_BYTES = 1024 * MEGABYTE
"""Memory that decoding a frame may take."""

PROXIES = setting("METASEG_PROXIES", 1 if "SPACE_ID" in os.environ else 0, least=0)
"""How many proxies stand before the server: as many entries of X-Forwarded-For are believed."""

MAX_JSON_BYTES = setting("METASEG_MAX_JSON_MB", 1) * MEGABYTE
"""Largest body of a request that is no upload."""

MAX_TOOL_BYTES = setting("METASEG_MAX_TOOL_MB", 64) * MEGABYTE
"""Largest request of an MCP client, which may carry a scan in its text."""

SILENT_SECONDS = setting("METASEG_SILENT_SECONDS", 60)
"""How long a server waits for the next part of a request that has begun."""

MAX_QUEUE = setting("METASEG_MAX_QUEUE", 100)
"""Most calls that wait; later ones are told to come again."""

MAX_UPLOADS = setting("METASEG_MAX_UPLOADS", 2000)
"""Most uploads that a server keeps of one visitor at a time."""

MAX_UPLOADED_BYTES = setting("METASEG_MAX_UPLOADED_MB", 4096) * MEGABYTE
"""Largest sum of the uploads that a server keeps of one visitor at a time."""

MAX_SERVED_SLICES = setting("METASEG_MAX_SLICES", 1000)
"""Most slices of a volume that a server segments. The command line knows no such limit."""

MAX_MINUTES = setting("METASEG_MAX_MINUTES", 30)
"""How long a server segments one scan with one network."""
