"""Every variation keeps slice and mask together, and the same dice give the same slice."""

from dataclasses import fields

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaseg.preprocess import prepare
from metaseg.training.config import TrainingConfig
from metaseg.training.robustness import Variation, vary
from tests.phantom import BRAIN_SHARE, ellipse, head_slice

SIZE = 160
SETTINGS = TrainingConfig(size=SIZE).preprocessing
GREY = head_slice(SIZE)
BRAIN = ellipse(SIZE, BRAIN_SHARE)
TUMOUR = np.zeros((SIZE, SIZE), bool)
TUMOUR[60:80, 90:104] = True
NEVER = Variation(*[0] * len(fields(Variation)))
ALWAYS = Variation(*[1] * len(fields(Variation)))
seeds = st.integers(0, 2**32 - 1)
modalities = st.sampled_from(["t1ce", "flair"])


def change(
    grey: np.ndarray,
    variation: Variation,
    seed: int,
    mask: np.ndarray = TUMOUR,
    brain: np.ndarray = BRAIN,
    modality: str = "t1ce",
) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return vary(grey, mask, brain, modality, float("nan"), random, variation, SETTINGS)


def grey_with_tumour() -> np.ndarray:
    return np.where(TUMOUR, 230, GREY).astype(np.uint8)


@given(seeds, modalities)
@settings(max_examples=40, deadline=None)
def test_kinds_and_shapes_are_kept(seed: int, modality: str) -> None:
    before = GREY.copy(), TUMOUR.copy()
    levels, mask = change(before[0], ALWAYS, seed, before[1], modality=modality)
    assert levels.dtype == np.uint8 and levels.shape == GREY.shape
    assert mask.dtype == bool and mask.shape == GREY.shape and mask.any()
    assert np.array_equal(before[0], GREY) and np.array_equal(before[1], TUMOUR)


@given(seeds, modalities)
@settings(max_examples=20, deadline=None)
def test_the_same_dice_give_the_same_slice(seed: int, modality: str) -> None:
    first, second = (change(GREY, Variation(), seed, modality=modality) for _ in range(2))
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


def test_nothing_changes_without_variation() -> None:
    levels, mask = change(GREY, NEVER, 0)
    assert np.array_equal(levels, GREY) and np.array_equal(mask, TUMOUR)


@pytest.mark.parametrize("name", ["metastases", "bare_brain"])
def test_an_unknown_brain_leaves_the_slice_alone(name: str) -> None:
    only = Variation(**{**vars(NEVER), name: 1.0})
    unknown = np.zeros_like(BRAIN)
    levels, mask = change(GREY, only, 0, brain=unknown)
    assert np.array_equal(levels, GREY) and np.array_equal(mask, TUMOUR)


@pytest.mark.parametrize(
    "name", ["bare_brain", "quarter_turn", "frame", "noise", "tight_view", "blur"]
)
@pytest.mark.parametrize("seed", range(5))
def test_the_mask_moves_with_the_tumour(name: str, seed: int) -> None:
    only = Variation(**{**vars(NEVER), name: 1.0})
    levels, mask = change(grey_with_tumour(), only, seed)
    inside = levels[mask].astype(float)
    assert mask.any() and np.median(inside) > 215 and np.percentile(inside, 10) > 150


@pytest.mark.parametrize("seed", range(5))
def test_the_scalp_goes_with_the_skull(seed: int) -> None:
    only = Variation(**{**vars(NEVER), "bare_brain": 1.0})
    nothing = np.zeros_like(TUMOUR)
    levels, _ = change(GREY, only, seed, nothing)
    assert np.mean(levels > 180) < 0.01 and np.mean(GREY > 180) > 0.05
    rows = np.flatnonzero((levels > 40).any(axis=1))
    assert np.ptp(rows) > 0.8 * SIZE  # cropped to the brain, as preprocessing would


def test_a_tumour_of_the_skull_keeps_its_skull() -> None:
    only = Variation(**{**vars(NEVER), "bare_brain": 1.0})
    outside = ellipse(SIZE, 0.95) & ~BRAIN
    levels, mask = change(GREY, only, 0, outside)
    assert np.array_equal(levels, GREY) and np.array_equal(mask, outside)


@pytest.mark.parametrize("seed", range(5))
def test_a_tight_view_cuts_the_head_and_keeps_the_lesion(seed: int) -> None:
    only = Variation(**{**vars(NEVER), "tight_view": 1.0})
    levels, mask = change(GREY, only, seed)
    assert mask.sum() >= TUMOUR.sum() and (levels[0] > 40).any() and (levels[-1] > 40).any()
    at_edge = np.zeros_like(TUMOUR)
    at_edge[np.flatnonzero((GREY > 40).any(axis=1))[0], 70:90] = True
    assert change(GREY, only, seed, at_edge)[1].any()


def test_noise_brightens_air_as_a_magnitude_picture_does() -> None:
    only = Variation(**{**vars(NEVER), "noise": 1.0})
    prepared, geometry = prepare(GREY, SETTINGS)
    levels, _ = change(prepared, only, 3, np.zeros_like(TUMOUR))
    air = cv2.blur(prepared, (9, 9)) < 12
    brain = geometry.forward_mask(BRAIN)
    assert levels[air].mean() > prepared[air].mean() + 1
    assert abs(levels[brain].mean() - prepared[brain].mean()) < 3


@pytest.mark.parametrize("seed", range(5))
def test_blur_takes_detail_and_no_brightness(seed: int) -> None:
    only = Variation(**{**vars(NEVER), "blur": 1.0})
    sharp = grey_with_tumour()
    levels, mask = change(sharp, only, seed)
    detail = [cv2.Laplacian(picture, cv2.CV_64F).std() for picture in (sharp, levels)]
    assert detail[1] < detail[0] and np.array_equal(mask, TUMOUR)
    assert abs(levels.mean() - sharp.mean()) < 0.5


@pytest.mark.parametrize("t2", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_bare_brain_is_what_serving_would_show(t2: float, seed: int) -> None:
    only = Variation(**{**vars(NEVER), "bare_brain": 1.0, "t2": t2})
    raw = grey_with_tumour()
    levels, mask = change(raw, only, seed)
    assert mask.sum() >= TUMOUR.sum() and levels[mask].min() > np.median(levels[levels > 0])
    _, geometry = prepare(levels, SETTINGS)
    box = (geometry.top, geometry.left, SIZE - geometry.bottom, SIZE - geometry.right)
    assert min(box) <= 2  # cropped to the brain already
    extent = max(np.ptp(axis) for axis in np.nonzero(levels > 8)) / SIZE
    # With the margin that serving leaves; the scalp that a wide mask keeps is bright on T1.
    assert 0.9 < extent < (0.92 if t2 else 0.95)


@pytest.mark.parametrize("seed", range(5))
def test_another_window_keeps_the_lesion_bright(seed: int) -> None:
    only = Variation(**{**vars(NEVER), "window": 1.0})
    raw = grey_with_tumour()
    (levels, mask), (darker, _) = (change(grey, only, seed) for grey in (raw, raw // 2))
    assert np.array_equal(mask, TUMOUR) and not np.array_equal(levels, raw)
    assert np.percentile(levels[mask], 10) > np.median(levels[BRAIN])
    assert np.median(darker[BRAIN]) < np.median(levels[BRAIN])


@pytest.mark.parametrize("modality", ["t1ce", "flair"])
def test_fluid_turns_bright_on_t2(modality: str) -> None:
    only = Variation(**{**vars(NEVER), "bare_brain": 1.0, "t2": 1.0})
    nothing = np.zeros_like(TUMOUR)
    plain = Variation(**{**vars(NEVER), "bare_brain": 1.0})
    t2, _ = change(GREY, only, 1, nothing, modality=modality)
    t1, _ = change(GREY, plain, 1, nothing, modality=modality)
    middle = np.s_[60:100, 50:110]
    tissue = [np.median(picture[middle]) for picture in (t1, t2)]
    assert t1[middle].min() < 0.6 * tissue[0]
    assert np.percentile(t1[middle], 95) < 1.2 * tissue[0]
    assert t2[middle].max() > max(150, 2 * tissue[1])


def test_no_metastasis_is_drawn_where_its_look_is_not_known() -> None:
    only = Variation(**{**vars(NEVER), "metastases": 1.0})
    drawn, native = (change(GREY, only, 0, modality=modality) for modality in ("t1ce", "t1"))
    assert drawn[1].sum() > TUMOUR.sum() and not np.array_equal(drawn[0], GREY)
    assert np.array_equal(native[0], GREY) and np.array_equal(native[1], TUMOUR)


def test_a_t2_slice_is_not_turned_into_t2_again() -> None:
    only = Variation(**{**vars(NEVER), "bare_brain": 1.0, "t2": 1.0})
    plain = Variation(**{**vars(NEVER), "bare_brain": 1.0})
    turned, kept = (change(GREY, variation, 0, modality="t2")[0] for variation in (only, plain))
    assert np.array_equal(turned, kept)
