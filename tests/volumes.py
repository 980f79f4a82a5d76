"""NIfTI volumes of every orientation for the tests."""

import itertools
from pathlib import Path

import nibabel
import numpy as np

PAIRS = [("R", "L"), ("A", "P"), ("S", "I")]
CODES = [
    tuple(axis) for order in itertools.permutations(PAIRS) for axis in itertools.product(*order)
]
SIZES = {"R": 20, "L": 20, "A": 24, "P": 24, "S": 18, "I": 18}


def affine_of(codes, zooms=(0.8, 1.1, 3.0), origin=(-40.0, 12.5, 7.0)) -> np.ndarray:
    """The affine of a volume whose axes run to ``codes``; zooms in mm belong to R, A and S."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, code in enumerate(codes):
        row = next(row for row, pair in enumerate(PAIRS) if code in pair)
        affine[row, column] = zooms[row] * (1 if code in "RAS" else -1)
    affine[:3, 3] = origin
    return affine


def volume_of(codes, dtype=np.int16) -> np.ndarray:
    """A volume whose sizes differ, so that no mixed-up axis goes unnoticed."""
    shape = [SIZES[code] for code in codes]
    return np.random.default_rng(3).integers(0, 1000, shape).astype(dtype)


def save(path: Path, array: np.ndarray, affine: np.ndarray, kind=nibabel.Nifti1Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(kind(array, affine), path)
    return path


def patient_coordinates(affine: np.ndarray, index) -> np.ndarray:
    return affine[:3, :3] @ np.asarray(index, float) + affine[:3, 3]
