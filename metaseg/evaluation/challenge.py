"""Lesion-wise scores of a volume as the BraTS-METS challenge of 2026 defines them.

Its package, github.com/BraTS/BraTS_evaluation, calls panoptica (Kofler et al. 2023,
arXiv:2312.02608). The tests hold what it gave for their volumes.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from metaseg.findings.lesions import TWENTY_SIX_CONNECTED

LARGE_MM3 = 20.0
"""From this volume on a lesion of the ground truth counts as large."""
FOUND = 0.1
"""The Dice from which a matched lesion counts as found."""


@dataclass(frozen=True)
class ChallengeScores:
    """NaN where the ground truth has no lesion of the size."""

    dice: float
    """Mean over the large lesions, a missed one being 0, and all false positives as further 0."""
    f1: float
    """Of finding the large lesions; false positives of any size count."""
    f1_small: float
    """Of finding the small ones; false positives of any size count here as well."""


def challenge_scores(
    prediction: np.ndarray, truth: np.ndarray, voxel_mm3: float
) -> ChallengeScores:
    """Both masks are (D, H, W) bool.

    Lesions are 26-connected. They are matched one to one, so that the sum of their Dice is highest
    (Kuhn 1955); a predicted one without a partner that it overlaps is a false positive.
    """
    # Most of a volume holds nothing: labels of the box alone are quicker.
    (box,) = ndimage.find_objects((prediction | truth).astype(np.uint8)) or [(slice(0, 1),) * 3]
    prediction, truth = prediction[box], truth[box]
    parts, part_count = ndimage.label(prediction, TWENTY_SIX_CONNECTED)
    lesions, count = ndimage.label(truth, TWENTY_SIX_CONNECTED)
    both = prediction & truth
    pairs = lesions[both].astype(np.int64) * (part_count + 1) + parts[both]
    overlap = np.bincount(pairs, minlength=(count + 1) * (part_count + 1))
    overlap = overlap.reshape(count + 1, part_count + 1)[1:, 1:]
    sizes = np.bincount(lesions[truth], minlength=count + 1)[1:]
    part_sizes = np.bincount(parts[prediction], minlength=part_count + 1)[1:]
    dice = 2 * overlap / (sizes[:, None] + part_sizes[None])
    reached = np.zeros(count)
    rows, columns = linear_sum_assignment(dice, maximize=True)
    reached[rows] = dice[rows, columns]
    false = part_count - np.count_nonzero(reached)
    large = sizes * voxel_mm3 >= LARGE_MM3
    return ChallengeScores(
        float(reached[large].sum() / (large.sum() + false)) if large.any() else math.nan,
        _f1(reached[large], false),
        _f1(reached[~large], false),
    )


def _f1(dice: np.ndarray, false: int) -> float:
    hits = np.count_nonzero(dice >= FOUND)
    return float(2 * hits / (hits + len(dice) + false)) if len(dice) else math.nan
