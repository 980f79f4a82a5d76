"""Every limit on what people may hand in, in one place."""

MEGABYTE = 1024 * 1024

MAX_FILE_BYTES = 512 * MEGABYTE
"""Largest file that is opened."""

MAX_SLICE_PIXELS = 64_000_000
"""Largest slice, read from the header before anything is decoded."""

MAX_SCAN_VOXELS = 256_000_000
"""Largest scan over all its slices: 1 GB of float32."""

MIN_SIDE = 16
"""Smallest height and width in which anything of a brain could be seen."""

MAX_UNPACKED_BYTES = 2048 * MEGABYTE
"""Largest sum of what a compressed file or an archive unpacks to."""

MAX_ARCHIVE_FILES = 20_000
"""Most files in a folder or a zip that are looked at."""
