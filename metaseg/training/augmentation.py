"""Random augmentation of a training slice, reproducible by seed, epoch and index."""

import os
from unittest.mock import patch

import cv2
import numpy as np

# albumentations would look for updates on import; the variable is unset again afterwards.
with patch.dict(os.environ, {"NO_ALBUMENTATIONS_UPDATE": "1"}):
    import albumentations as A


def build_augmentation(strength: float = 1.0) -> A.Compose:
    """Flips, stretching along each side, shear, shift, rotation and bending of slice and mask;
    contrast, noise and blur of the slice.

    ``strength`` scales their size and probability.
    """
    return A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.VerticalFlip(p=0.15 * strength),
            A.Affine(
                scale=(1 - 0.3 * strength, 1 + 0.3 * strength),
                translate_percent=(-0.08 * strength, 0.08 * strength),
                rotate=(-30 * strength, 30 * strength),
                shear=(-6 * strength, 6 * strength),
                interpolation=cv2.INTER_LINEAR,
                mask_interpolation=cv2.INTER_NEAREST,
                p=0.9,
            ),
            A.ElasticTransform(alpha=40, sigma=8, p=0.2 * strength),
            A.RandomGamma(gamma_limit=(70, 140), p=0.5 * strength),
            A.RandomBrightnessContrast(
                brightness_limit=0.15,
                contrast_limit=0.25,
                # Relative to the mean: relative to the maximum, a dark brain would become black.
                brightness_by_max=False,
                p=0.5 * strength,
            ),
            A.OneOf(
                [
                    A.GaussianBlur(blur_limit=(3, 5)),
                    A.Downscale(scale_range=(0.4, 0.9)),
                    A.Sharpen(alpha=(0.1, 0.3)),
                ],
                p=0.3 * strength,
            ),
            A.GaussNoise(std_range=(0.005, 0.02), p=0.2 * strength),
        ]
    )


def augment(
    pipeline: A.Compose, levels: np.ndarray, mask: np.ndarray, seed: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """``levels`` (H, W) uint8 and ``mask`` (H, W) bool, augmented by ``seed``.

    ``seed`` is (run, epoch, index). albumentations 2 has its own random state and ignores the seeds
    of numpy and Python.
    """
    pipeline.set_random_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    changed = pipeline(image=levels[..., None], mask=mask.astype(np.uint8))
    return changed["image"].reshape(levels.shape), changed["mask"] > 0
