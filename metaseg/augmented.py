"""Test-time augmentation: which rotations of a slice are averaged, and the mean's calibration."""

import numpy as np
from scipy.special import expit, logit

from metaseg.config import Config


def rotations_of(config: Config) -> range:
    """Counter-clockwise rotations, in steps of 90 degrees, that ``config`` averages over."""
    return range(4 if config.rotations else 1)


def calibrate(probability: np.ndarray, temperature: float) -> np.ndarray:
    """``probability`` scaled by ``temperature``, fitted on the mean over all rotations."""
    if temperature == 1:
        return probability
    return expit(logit(probability.clip(1e-6, 1 - 1e-6)) / np.float32(temperature))
