"""Our lesion-wise scores against those of brats-evaluation 0.0.10 with panoptica 2.1.7.

Run once, apart from this project: ``brats-evaluate --config mets`` on the volumes below as NIfTI
files with label 3, then ``brats-parse-metrics mets``; columns of the region ``et``.
"""

import math
from dataclasses import astuple

import numpy as np
import pytest
from scipy import ndimage

from metaseg.evaluation.challenge import challenge_scores

OFFICIAL = (
    (0.304182, 0.769231, 0.0),
    (0.418040, 0.909091, 0.5),
    (0.187996, 0.600000, 0.0),
    (0.239506, 0.625000, math.nan),
    (0.089827, 0.222222, math.nan),
    (0.0, 0.0, 0.0),
)
"""lesionwise_dsc_mean_et, large_instance_f1_et and small_instance_f1_et, by seed."""


def volumes(seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Lesions of many sizes and their voxels' mm3; in the prediction they are moved, grown, missed,
    split and joined, and there are false positives."""
    random = np.random.default_rng(seed)
    voxel = 1.0 if seed % 2 == 0 else 1.0 * 0.8 * 1.5
    truth, prediction = np.zeros((24, 40, 40), bool), np.zeros((24, 40, 40), bool)
    places = np.indices(truth.shape)
    for _ in range(9):
        centre = random.uniform(3, [21, 37, 37])
        radius = random.uniform(1.0, 5.0)
        truth |= (((places - centre[:, None, None, None]) ** 2).sum(0)) < radius**2
        if random.random() < 0.8:
            moved = centre + random.uniform(-2, 2, 3)
            radius *= random.uniform(0.6, 1.4)
            prediction |= (((places - moved[:, None, None, None]) ** 2).sum(0)) < radius**2
    prediction[:, random.integers(10, 30)] = False
    for _ in range(random.integers(0, 4)):
        a, b, c = random.integers(0, [22, 38, 38])
        prediction[a : a + 2, b : b + 2, c : c + 2] = True
    if seed == 4:
        truth &= ndimage.label(truth, np.ones((3, 3, 3)))[0] == 2
    if seed == 5:
        prediction[:] = False
    return prediction, truth, voxel


@pytest.mark.parametrize("seed", range(len(OFFICIAL)))
def test_scores_are_those_of_the_official_package(seed):
    scores = challenge_scores(*volumes(seed))
    assert astuple(scores) == pytest.approx(OFFICIAL[seed], abs=1e-6, nan_ok=True)


def test_one_to_one_matching_by_hand():
    """A prediction over two lesions belongs to one of them; the other one is missed."""
    truth, prediction = np.zeros((5, 12, 20), bool), np.zeros((5, 12, 20), bool)
    truth[:, 2:5, 2:5] = truth[:, 2:5, 7:11] = True  # 45 and 60 voxels
    prediction[:, 2:5, 2:11] = True  # 135
    prediction[0, 9, 18] = True  # and a false positive
    scores = challenge_scores(prediction, truth, 1.0)
    best = 2 * 60 / (60 + 135)
    assert scores.dice == pytest.approx(best / 3) and scores.f1 == 2 / (2 + 1 + 1)
    assert math.isnan(scores.f1_small)
    assert challenge_scores(prediction, truth, 0.4).f1_small == pytest.approx(0)  # 45 are 18 mm3
    nothing = np.zeros_like(truth)
    assert all(math.isnan(value) for value in astuple(challenge_scores(nothing, nothing, 1.0)))
    assert challenge_scores(truth, truth, 1.0).dice == 1 == challenge_scores(truth, truth, 1.0).f1
