"""The calibration of a network's mean probability."""

import numpy as np
from scipy.special import expit, logit


def calibrate(probability: np.ndarray, temperature: float) -> np.ndarray:
    """``probability`` scaled by ``temperature``, fitted on the mean over slice and mirror image."""
    if temperature == 1:
        return probability
    return expit(logit(probability.clip(1e-6, 1 - 1e-6)) / np.float32(temperature))
