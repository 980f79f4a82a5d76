"""Lesion-wise measures by hand and against plain implementations of their definitions."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from metaseg.evaluation.lesionwise import (
    Froc,
    Matched,
    brats_lesion_dice,
    match_lesions,
    summarise_lesions,
)
from metaseg.evaluation.surface import TOLERANCE, surface_measures
from metaseg.prediction import Prediction


def blobs(shape: tuple[int, ...], seed: int, share: float = 0.12) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < share


def components(mask: np.ndarray) -> list[set[tuple[int, ...]]]:
    """All fully connected parts, by flooding: slow and plain."""
    left, parts = set(zip(*(axis.tolist() for axis in np.nonzero(mask)))), []
    steps = list(itertools.product((-1, 0, 1), repeat=mask.ndim))
    while left:
        edge, part = [left.pop()], set()
        while edge:
            place = edge.pop()
            part.add(place)
            near = {tuple(a + b for a, b in zip(place, step)) for step in steps} & left
            left -= near
            edge += near
        parts.append(part)
    return parts


@pytest.mark.parametrize("seed", range(8))
def test_matching_agrees_with_flooding(seed: int) -> None:
    prediction, truth = blobs((14, 15), seed), blobs((14, 15), seed + 100)
    matched = match_lesions(prediction, truth)
    lesions, parts = components(truth), components(prediction)
    said = set().union(*parts)
    assert matched.found.sum() == sum(bool(lesion & said) for lesion in lesions)
    assert len(matched.found) == len(lesions)
    real = set().union(*lesions)
    assert matched.false_positives == sum(not part & real for part in parts)
    assert sorted(np.rint(np.pi / 4 * matched.diameters**2)) == sorted(map(len, lesions))


def test_what_touches_the_ignored_is_left_out() -> None:
    prediction, truth, own = (np.zeros((10, 20), bool) for _ in range(3))
    truth[2:4, 2:4] = prediction[3, 3] = True
    prediction[7:9, 7:9] = own[8:, 8:] = True
    prediction[1, 18] = True
    assert match_lesions(prediction, truth).false_positives == 2
    assert match_lesions(prediction, truth, own).false_positives == 1


def test_summary_by_hand() -> None:
    slices = [
        ("a", Matched(np.array([True, False]), np.array([3.0, 12.0]), 1)),
        ("a", Matched(np.zeros(0, bool), np.zeros(0), 2)),
        ("b", Matched(np.array([True]), np.array([50.0]), 0)),
    ]
    summary = summarise_lesions(slices)
    assert summary["lesions"] == 3 and summary["sensitivity"] == pytest.approx(2 / 3)
    assert summary["false_positives_per_slice"] == 1 and summary["false_positives_per_group"] == 1.5
    assert summary["f1"] == pytest.approx(4 / (4 + 3 + 1))
    by_size = summary["sensitivity_by_size"]
    assert by_size["0-5"] == {"lesions": 1, "sensitivity": 1}
    assert by_size["10-20"]["sensitivity"] == 0 and np.isnan(by_size["5-10"]["sensitivity"])
    assert by_size["40+"]["lesions"] == 1
    assert np.isnan(summarise_lesions([])["f1"])


def test_froc_is_matching_at_each_threshold() -> None:
    random, froc, matched = np.random.default_rng(0), Froc(), []
    for seed in range(4):
        probability, truth = random.random((12, 12)), blobs((12, 12), seed)
        froc.add(Prediction(probability[None], "n", "N", "0", 0.0), truth[None])
        matched.append(match_lesions(probability >= 0.8, truth))
    point = next(point for point in froc.curve() if point["threshold"] == 0.8)
    found = np.concatenate([m.found for m in matched])
    assert point["sensitivity"] == pytest.approx(found.mean())
    false = sum(m.false_positives for m in matched)
    assert point["false_positives_per_slice"] == false / 4


def plain_brats(prediction: np.ndarray, truth: np.ndarray, voxel_mm3: float) -> float:
    """The definition, voxel by voxel."""
    steps = [s for s in itertools.product((-1, 0, 1), repeat=3) if np.abs(s).sum() <= 2]

    def dilate(part):
        grown = {tuple(a + b for a, b in zip(place, step)) for place in part for step in steps}
        return {p for p in grown if all(0 <= a < n for a, n in zip(p, truth.shape))}

    wide = np.zeros_like(truth)
    real = set(zip(*(axis.tolist() for axis in np.nonzero(truth))))
    for place in dilate(real):
        wide[place] = True
    lesions = [part & real for part in components(wide)]
    parts = components(prediction)
    matched, scores = set(), []
    for lesion in lesions:
        own = [k for k, part in enumerate(parts) if part & dilate(lesion)]
        matched |= set(own)
        said = set().union(*(parts[k] for k in own))
        if len(lesion) * voxel_mm3 > 2:
            scores.append(2 * len(said & lesion) / (len(said) + len(lesion)))
    whole = len(scores) + len(parts) - len(matched)
    return sum(scores) / whole if whole else 1.0


@pytest.mark.parametrize("seed", range(8))
def test_brats_agrees_with_its_definition(seed: int) -> None:
    prediction, truth = blobs((7, 12, 13), seed, 0.02), blobs((7, 12, 13), seed + 50, 0.012)
    for voxel in (1.0, 2.5):
        expected = plain_brats(prediction, truth, voxel)
        assert brats_lesion_dice(prediction, truth, voxel) == pytest.approx(expected)


def test_brats_on_nothing_is_one() -> None:
    empty = np.zeros((3, 4, 5), bool)
    assert brats_lesion_dice(empty, empty, 1.0) == 1
    assert brats_lesion_dice(~empty, empty, 1.0) == 0 == brats_lesion_dice(empty, ~empty, 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_surfaces_agree_with_all_distances(seed: int) -> None:
    prediction, truth = blobs((18, 20), seed, 0.3), blobs((18, 20), seed + 9, 0.1)

    def outline(mask):
        padded = np.pad(mask, 1)
        inner = padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
        return np.argwhere(mask & ~inner)

    apart = cdist(outline(prediction), outline(truth))
    there, back = apart.min(axis=1), apart.min(axis=0)
    measured = surface_measures(prediction, truth)
    assert measured["hd95"] == pytest.approx(max(np.percentile(d, 95) for d in (there, back)))
    near = (there <= TOLERANCE).sum() + (back <= TOLERANCE).sum()
    assert measured["surface_dice"] == pytest.approx(near / (len(there) + len(back)))


def test_empty_outlines() -> None:
    empty = np.zeros((30, 40), bool)
    assert surface_measures(empty, ~empty) == {"hd95": 50.0, "surface_dice": 0.0}
    assert all(np.isnan(value) for value in surface_measures(~empty, empty).values())
