"""A network's output for a scan, and which pixels count as lesion."""

from dataclasses import dataclass

import numpy as np

from metaseg.errors import InputError


@dataclass(frozen=True)
class Prediction:
    """A network's output for a scan. Masks, lesions and files are computed from it alone."""

    probability: np.ndarray
    """(D, H, W) float32 in [0, 1], in the scan's own grid."""
    model: str
    """The checkpoint's name, for example ``attention_unet``."""
    title: str
    """Displayed name, for example "Attention U-Net"."""
    revision: str
    seconds: float
    notices: tuple[str, ...] = ()

    def mask(self, threshold: float) -> np.ndarray:
        """(D, H, W) bool: where the probability reaches ``threshold`` and is not zero."""
        return reaches(self.probability, threshold)


def reaches(probability: np.ndarray, threshold: float) -> np.ndarray:
    """The lesion mask (bool): where ``probability`` reaches ``threshold`` and is not zero."""
    return (probability >= threshold) & (probability > 0)


SENSITIVE = "sensitive"
"""Stands for a checkpoint's sensitive threshold where a number may stand."""


def check_threshold(threshold: object) -> float:
    """``threshold`` as a float; InputError unless it is a number from 0 to 1."""
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise InputError("The threshold must be a number from 0 to 1.")
    if not 0 <= threshold <= 1:
        raise InputError(f"The threshold {threshold:g} is outside 0 to 1: choose one within.")
    return float(threshold)
