"""What a network says of a scan, and what counts as lesion in it."""

from dataclasses import dataclass

import numpy as np

from metaseg.errors import InputError


@dataclass(frozen=True)
class Prediction:
    """What a network says of a scan. Everything else is a function of it; none runs it again."""

    probability: np.ndarray
    """(D, H, W) float32 in [0, 1], in the scan's own grid."""
    model: str
    """The checkpoint's name, for example ``attention_unet``."""
    title: str
    """What people read, for example «Attention U-Net»."""
    revision: str
    seconds: float
    notices: tuple[str, ...] = ()

    def mask(self, threshold: float) -> np.ndarray:
        """(D, H, W) bool: where the probability reaches ``threshold`` and is not zero."""
        return reaches(self.probability, threshold)


def reaches(probability: np.ndarray, threshold: float) -> np.ndarray:
    """Where ``probability``, of any shape, reaches ``threshold`` and is not zero: what counts as
    lesion, bool."""
    return (probability >= threshold) & (probability > 0)


def check_threshold(threshold: object) -> float:
    """``threshold`` as a float; InputError unless it is a number from 0 to 1."""
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise InputError("The threshold must be a number from 0 to 1.")
    if not 0 <= threshold <= 1:
        raise InputError(f"The threshold {threshold:g} is outside 0 to 1: choose one between.")
    return float(threshold)
