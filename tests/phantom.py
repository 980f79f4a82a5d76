"""A head that never was: scalp, skull, fluid, cortex, white matter and ventricles."""

import cv2
import numpy as np

BRAIN_SHARE = 0.8
"""Of the head's half axes."""


def head_slice(size: int = 160, skull: bool = True, seed: int = 0) -> np.ndarray:
    """An axial T1 slice (size, size) uint8 with noise."""
    layers = [(1.0, 220), (0.9, 15), (BRAIN_SHARE, 85), (0.7, 115)]
    picture = np.full((size, size), 4, np.float32)
    for share, level in layers if skull else layers[2:]:
        picture[ellipse(size, share)] = level
    middle = size // 2
    for side in (-1, 1):
        centre = (middle + side * size // 16, middle)
        cv2.ellipse(picture, centre, (size // 40, size // 9), 0, 0, 360, 30.0, cv2.FILLED)
    noise = np.random.default_rng(seed).normal(0, 3, picture.shape)
    smooth = cv2.GaussianBlur(picture, (0, 0), size / 200)
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)


def ellipse(size: int, share: float) -> np.ndarray:
    """The head of ``head_slice`` (size, size) bool, shrunk to ``share``."""
    filled = np.zeros((size, size), np.uint8)
    axes = round(0.36 * size * share), round(0.45 * size * share)
    return cv2.ellipse(filled, (size // 2, size // 2), axes, 0, 0, 360, 1, cv2.FILLED) > 0
