"""Read files of Figshare 1512427 (Cheng): MATLAB v7.3 (HDF5) with a structure ``cjdata``."""

from pathlib import Path

import h5py
import numpy as np

from metaseg.errors import InputError
from metaseg.limits import MAX_SLICE_PIXELS

TUMOURS = {1: "meningioma", 2: "glioma", 3: "pituitary"}
"""Meaning of ``cjdata/label``."""


def read_figshare(path: Path, tumour: str) -> tuple[np.ndarray, np.ndarray]:
    """The slice in ``path`` as grey levels (H, W) uint8 and its mask (H, W) bool.

    ``tumour`` is the tumour that the publisher's file of this number shows. Raises InputError if
    the file shows another one, because it was renumbered, or cannot be read.
    """
    try:
        with h5py.File(path) as file:
            data = file["cjdata"]
            parts = {name: data[name] for name in ("image", "tumorMask", "label")}
            if any(part.nbytes > 8 * MAX_SLICE_PIXELS for part in parts.values()):  # pyright: ignore[reportAttributeAccessIssue]
                raise InputError(f"{path.name} is too large for a slice: download it again.")
            # MATLAB stores columns first.
            image, mask, label = (np.asarray(part[()]).T for part in parts.values())
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path.name} is not a MATLAB v7.3 file with cjdata/image, tumorMask and label: "
            "download it again."
        ) from error
    if image.ndim != 2 or image.shape != mask.shape or not image.size:
        raise InputError(
            f"{path.name} has an image and a mask of different sizes: download it again."
        )
    if image.dtype.kind not in "iu" or not np.isin(mask, (0, 1)).all():
        raise InputError(
            f"{path.name} has an image or a mask of the wrong type: download it again."
        )
    found = (
        TUMOURS.get(float(label.flat[0])) if label.size == 1 and label.dtype.kind in "fiu" else None
    )
    if found != tumour:
        raise InputError(
            f"{path.name} shows {found or 'no known tumour'} where the publisher's file of this "
            f"number shows {tumour}: keep the publisher's file names."
        )
    return to_eight_bit(image), mask > 0


def to_eight_bit(image: np.ndarray) -> np.ndarray:
    """``image`` (H, W) of integers as uint8: its lowest value becomes 0, its highest 255."""
    values = image.astype(np.float64)
    span = values.max() - values.min()
    return np.rint((values - values.min()) * (255 / span if span else 0)).astype(np.uint8)
