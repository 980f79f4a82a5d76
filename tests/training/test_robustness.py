"""Every variation keeps slice and mask together, and the same dice give the same slice."""

from dataclasses import fields

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaseg.preprocess import prepare
from metaseg.training.robustness import Variation, vary
from tests.conftest import preprocessing
from tests.phantom import BRAIN_SHARE, ellipse, head_slice

SIZE = 160
GREY = head_slice(SIZE)
BRAIN = ellipse(SIZE, BRAIN_SHARE)
TUMOUR = np.zeros((SIZE, SIZE), bool)
TUMOUR[60:80, 90:104] = True
NEVER = Variation(*[0] * len(fields(Variation)))
ALWAYS = Variation(*[1] * len(fields(Variation)))
SEEN = preprocessing(SIZE)
seeds = st.integers(0, 2**32 - 1)
modalities = st.sampled_from(["t1ce", "flair"])


def grey_with_tumour() -> np.ndarray:
    return np.where(TUMOUR, 230, GREY).astype(np.uint8)


@given(seeds, modalities)
@settings(max_examples=40, deadline=None)
def test_kinds_and_shapes_are_kept(seed: int, modality: str) -> None:
    before = GREY.copy(), TUMOUR.copy()
    levels, mask = vary(
        before[0], *before, BRAIN, modality, np.random.default_rng(seed), ALWAYS, SEEN
    )
    assert levels.dtype == np.uint8 and levels.shape == GREY.shape
    assert mask.dtype == bool and mask.shape == GREY.shape and mask.any()
    assert np.array_equal(before[0], GREY) and np.array_equal(before[1], TUMOUR)


@given(seeds, modalities)
@settings(max_examples=20, deadline=None)
def test_the_same_dice_give_the_same_slice(seed: int, modality: str) -> None:
    first, second = (
        vary(GREY, GREY, TUMOUR, BRAIN, modality, np.random.default_rng(seed), Variation(), SEEN)
        for _ in range(2)
    )
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


def test_nothing_changes_without_variation() -> None:
    levels, mask = vary(GREY, GREY, TUMOUR, BRAIN, "t1ce", np.random.default_rng(0), NEVER, SEEN)
    assert np.array_equal(levels, GREY) and np.array_equal(mask, TUMOUR)


@pytest.mark.parametrize("change", ["metastases", "bare_brain"])
def test_an_unknown_brain_leaves_the_slice_alone(change: str) -> None:
    only = Variation(**{**vars(NEVER), change: 1.0})
    unknown = np.zeros_like(BRAIN)
    levels, mask = vary(GREY, GREY, TUMOUR, unknown, "t1ce", np.random.default_rng(0), only, SEEN)
    assert np.array_equal(levels, GREY) and np.array_equal(mask, TUMOUR)


@pytest.mark.parametrize(
    "change", ["bare_brain", "quarter_turn", "frame", "noise", "tight_view", "blur"]
)
@pytest.mark.parametrize("seed", range(5))
def test_the_mask_moves_with_the_tumour(change: str, seed: int) -> None:
    only = Variation(**{**vars(NEVER), change: 1.0})
    random = np.random.default_rng(seed)
    levels, mask = vary(*[grey_with_tumour()] * 2, TUMOUR, BRAIN, "t1ce", random, only, SEEN)
    inside = levels[mask].astype(float)
    assert mask.any() and np.median(inside) > 215 and np.percentile(inside, 10) > 150


@pytest.mark.parametrize("seed", range(5))
def test_the_scalp_goes_with_the_skull(seed: int) -> None:
    only = Variation(**{**vars(NEVER), "bare_brain": 1.0})
    nothing = np.zeros_like(TUMOUR)
    levels, _ = vary(GREY, GREY, nothing, BRAIN, "t1ce", np.random.default_rng(seed), only, SEEN)
    assert np.mean(levels > 180) < 0.01 and np.mean(GREY > 180) > 0.05
    rows = np.flatnonzero((levels > 40).any(axis=1))
    assert np.ptp(rows) > 0.8 * SIZE  # cropped to the brain, as preprocessing would


def test_a_tumour_of_the_skull_keeps_its_skull() -> None:
    only = Variation(**{**vars(NEVER), "bare_brain": 1.0})
    outside = ellipse(SIZE, 0.95) & ~BRAIN
    levels, mask = vary(GREY, GREY, outside, BRAIN, "t1ce", np.random.default_rng(0), only, SEEN)
    assert np.array_equal(levels, GREY) and np.array_equal(mask, outside)


@pytest.mark.parametrize("seed", range(5))
def test_a_tight_view_cuts_the_head_and_keeps_the_lesion(seed: int) -> None:
    only = Variation(**{**vars(NEVER), "tight_view": 1.0})
    levels, mask = vary(GREY, GREY, TUMOUR, BRAIN, "t1ce", np.random.default_rng(seed), only, SEEN)
    assert mask.sum() >= TUMOUR.sum() and (levels[0] > 40).any() and (levels[-1] > 40).any()
    at_edge = np.zeros_like(TUMOUR)
    at_edge[np.flatnonzero((GREY > 40).any(axis=1))[0], 70:90] = True
    random = np.random.default_rng(seed)
    assert vary(GREY, GREY, at_edge, BRAIN, "t1ce", random, only, SEEN)[1].any()


def test_noise_brightens_air_as_a_magnitude_picture_does() -> None:
    only = Variation(**{**vars(NEVER), "noise": 1.0})
    levels, mask = vary(GREY, GREY, TUMOUR, BRAIN, "t1ce", np.random.default_rng(3), only, SEEN)
    air = GREY < 15
    assert levels[air].mean() > GREY[air].mean() + 1 and np.array_equal(mask, TUMOUR)
    assert abs(levels[BRAIN].mean() - GREY[BRAIN].mean()) < 2


@pytest.mark.parametrize("seed", range(5))
def test_blur_takes_detail_and_no_brightness(seed: int) -> None:
    only = Variation(**{**vars(NEVER), "blur": 1.0})
    sharp = grey_with_tumour()
    levels, mask = vary(
        sharp, sharp, TUMOUR, BRAIN, "t1ce", np.random.default_rng(seed), only, SEEN
    )
    detail = [cv2.Laplacian(picture, cv2.CV_64F).std() for picture in (sharp, levels)]
    assert detail[1] < detail[0] and np.array_equal(mask, TUMOUR)
    assert abs(levels.mean() - sharp.mean()) < 0.5


@pytest.mark.parametrize("t2", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_bare_brain_is_what_serving_would_show(t2: float, seed: int) -> None:
    only = Variation(**{**vars(NEVER), "bare_brain": 1.0, "t2": t2})
    raw = grey_with_tumour()
    first, second = (
        vary(after_clahe, raw, TUMOUR, BRAIN, "t1ce", np.random.default_rng(seed), only, SEEN)
        for after_clahe in (raw, 255 - raw)
    )
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])
    levels, mask = first
    assert mask.sum() >= TUMOUR.sum() and levels[mask].min() > np.median(levels[levels > 0])
    _, geometry = prepare(levels, SEEN)
    box = (geometry.top, geometry.left, SIZE - geometry.bottom, SIZE - geometry.right)
    assert min(box) <= 2  # cropped to the brain already
    extent = max(np.ptp(axis) for axis in np.nonzero(levels > 8)) / SIZE
    # With the margin that serving leaves; the scalp that a wide mask keeps is bright on T1.
    assert 0.9 < extent < (0.92 if t2 else 0.95)


@pytest.mark.parametrize("seed", range(5))
def test_another_window_comes_before_clahe(seed: int) -> None:
    only = Variation(**{**vars(NEVER), "window": 1.0})
    raw = grey_with_tumour()
    (levels, mask), (darker, _) = (
        vary(255 - raw, grey, TUMOUR, BRAIN, "t1ce", np.random.default_rng(seed), only, SEEN)
        for grey in (raw, raw // 2)
    )
    assert abs(int(mask.sum()) - int(TUMOUR.sum())) <= 0.05 * TUMOUR.sum()
    assert np.percentile(levels[mask], 10) > np.median(levels[BRAIN])
    served, _ = prepare(raw, SEEN)
    assert abs(float(np.median(levels[BRAIN])) - np.median(served[BRAIN])) > 1
    assert np.median(darker[BRAIN]) < np.median(levels[BRAIN])


@pytest.mark.parametrize("modality", ["t1ce", "flair"])
def test_fluid_turns_bright_on_t2(modality: str) -> None:
    only = Variation(**{**vars(NEVER), "bare_brain": 1.0, "t2": 1.0})
    nothing = np.zeros_like(TUMOUR)
    plain = Variation(**{**vars(NEVER), "bare_brain": 1.0})
    t2, _ = vary(GREY, GREY, nothing, BRAIN, modality, np.random.default_rng(1), only, SEEN)
    t1, _ = vary(GREY, GREY, nothing, BRAIN, modality, np.random.default_rng(1), plain, SEEN)
    middle = np.s_[60:100, 50:110]
    tissue = [np.median(picture[middle]) for picture in (t1, t2)]
    assert t1[middle].min() < 0.6 * tissue[0]
    assert np.percentile(t1[middle], 95) < 1.2 * tissue[0]
    assert t2[middle].max() > max(150, 2 * tissue[1])


def test_no_metastasis_is_drawn_where_its_look_is_not_known() -> None:
    only = Variation(**{**vars(NEVER), "metastases": 1.0})
    drawn, native = (
        vary(GREY, GREY, TUMOUR, BRAIN, modality, np.random.default_rng(0), only, SEEN)
        for modality in ("t1ce", "t1")
    )
    assert drawn[1].sum() > TUMOUR.sum() and not np.array_equal(drawn[0], GREY)
    assert np.array_equal(native[0], GREY) and np.array_equal(native[1], TUMOUR)


def test_a_t2_slice_is_not_turned_into_t2_again() -> None:
    only = Variation(**{**vars(NEVER), "bare_brain": 1.0, "t2": 1.0})
    plain = Variation(**{**vars(NEVER), "bare_brain": 1.0})
    turned, kept = (
        vary(GREY, GREY, TUMOUR, BRAIN, "t2", np.random.default_rng(0), settings, SEEN)[0]
        for settings in (only, plain)
    )
    assert np.array_equal(turned, kept)
