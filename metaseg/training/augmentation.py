"""Random changes to a training slice, the same ones for the same seed, epoch and index."""

import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask the network on import

import albumentations as A
import cv2
import numpy as np


def build_augmentation() -> A.Compose:
    """Flips, zoom, shift and rotation of slice and mask; contrast, noise and blur of the slice."""
    return A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.VerticalFlip(p=0.15),
            A.Affine(
                scale=(0.7, 1.3),
                translate_percent=(-0.08, 0.08),
                rotate=(-30, 30),
                shear=(-6, 6),
                interpolation=cv2.INTER_LINEAR,
                mask_interpolation=cv2.INTER_NEAREST,
                p=0.9,
            ),
            A.ElasticTransform(alpha=40, sigma=8, p=0.2),
            A.RandomGamma(gamma_limit=(60, 160), p=0.5),
            A.RandomBrightnessContrast(brightness_limit=0.15, contrast_limit=0.3, p=0.5),
            A.OneOf(
                [
                    A.GaussianBlur(blur_limit=(3, 5)),
                    A.Downscale(scale_range=(0.5, 0.9)),
                    A.Sharpen(alpha=(0.1, 0.3)),
                ],
                p=0.2,
            ),
            A.GaussNoise(std_range=(0.01, 0.05), p=0.2),
        ]
    )


def augment(
    pipeline: A.Compose, levels: np.ndarray, mask: np.ndarray, seed: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """``levels`` (H, W) uint8 and ``mask`` (H, W) bool, changed as ``seed`` says.

    ``seed`` is (run, epoch, index). albumentations 2 keeps a random state of its own and
    ignores numpy's and Python's seeds.
    """
    pipeline.set_random_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    changed = pipeline(image=levels[..., None], mask=mask.astype(np.uint8))
    return changed["image"].reshape(levels.shape), changed["mask"] > 0
