"""A network's output for a scan, and which pixels count as lesion."""

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pydantic
from pydantic import ConfigDict, Field
from scipy import ndimage

from metaseg.errors import InputError

ALONE = "each slice of a volume is judged alone"
STEPS = 200
"""Steps of the probabilities that the page shows; what lesions grow to is rounded up to one."""


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class VolumeSettings:
    """How a checkpoint judges volumes. A single slice has none of it."""

    all_planes: bool
    """Average the probability over axial, coronal and sagittal slices, where voxels are isotropic.
    Slices are then seen once, without their mirror images, and every third of the other planes."""
    growth: Annotated[float, Field(gt=0, le=1)]
    """Hysteresis (Canny 1986, IEEE PAMI 8:679) in three dimensions: a lesion holds every voxel that
    reaches this share of the threshold and is connected with one that reaches the threshold
    itself. 1 for none."""
    smallest_mm3: Annotated[float, Field(ge=0)]
    """Smaller lesions are left out, where the spacing is known."""

    @property
    def words(self) -> str:
        """What is done, for cards and reports."""
        parts = ["the mean over three planes where voxels are isotropic"] * self.all_planes
        if self.growth < 1:
            parts.append(f"lesions grow to {self.growth:g} of the threshold in three dimensions")
        if self.smallest_mm3:
            parts.append(f"lesions below {self.smallest_mm3:g} mm³ are left out")
        return "; ".join(parts) or ALONE


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
    volume: VolumeSettings | None = None
    """The checkpoint's settings for volumes; None for a single slice."""
    voxel_mm3: float | None = None
    """Volume of a voxel; None if the spacing is unknown."""

    @property
    def smallest(self) -> float:
        """The smallest lesion that the settings for volumes leave, in mm3; 0 if all are left."""
        if self.volume is None or self.voxel_mm3 is None:
            return 0.0
        return self.volume.smallest_mm3

    def lowest(self, threshold: float) -> float:
        """The lowest probability of a lesion's pixels: ``threshold``, or what hysteresis grows
        to."""
        if self.volume is None or self.volume.growth == 1:
            return threshold
        steps = math.ceil(threshold * self.volume.growth * STEPS - 1e-6)  # float noise is no step
        return min(threshold, steps / STEPS)

    def mask(self, threshold: float) -> np.ndarray:
        """(D, H, W) bool: where the probability reaches ``threshold`` and is not zero, with what
        the settings for volumes add and leave out."""
        lowest = self.lowest(threshold)
        mask = reaches(self.probability, lowest)
        if lowest == threshold and not self.smallest:
            return mask
        # Only the box is labelled: labels need four bytes a voxel.
        (box,) = ndimage.find_objects(mask.astype(np.uint8)) or [(slice(0, 1),) * 3]
        labels, count = ndimage.label(mask[box], np.ones((3, 3, 3), bool))
        seeds = labels[reaches(self.probability[box], threshold)]
        kept = np.bincount(seeds, minlength=count + 1) > 0
        if self.voxel_mm3 and self.smallest:
            sizes = np.bincount(labels.ravel(), minlength=count + 1)
            # A small tolerance keeps a lesion of exactly the smallest size despite rounding.
            kept &= sizes >= self.smallest / self.voxel_mm3 * (1 - 1e-6)
        mask[box] = kept[labels] & (labels > 0)
        return mask


def reaches(probability: np.ndarray, threshold: float) -> np.ndarray:
    """The lesion mask (bool): where ``probability`` reaches ``threshold`` and is not zero."""
    return (probability >= threshold) & (probability > 0)


SENSITIVE = "sensitive"
"""Stands for a checkpoint's sensitive threshold where a number may stand."""


def check_threshold(threshold: object) -> float:
    """``threshold`` as a float; InputError unless it is a number from 0 to 1."""
    number = isinstance(threshold, int | float | np.integer | np.floating)
    if not number or isinstance(threshold, bool):
        raise InputError("The threshold must be a number from 0 to 1.")
    if not 0 <= threshold <= 1:
        raise InputError(
            f"The threshold {float(threshold):g} is outside 0 to 1: choose one within."
        )
    return float(threshold)
