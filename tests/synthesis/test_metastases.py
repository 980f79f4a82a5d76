"""What must hold of every synthetic metastasis, whatever the dice say."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaseg.synthesis.canvas import MODALITIES
from metaseg.synthesis.metastases import (
    COUNTS,
    LARGEST,
    SMALLEST,
    add_metastases,
    draw_count,
    draw_diameter,
    place_metastases,
)
from metaseg.synthesis.shapes import collect_donors, draw_copy
from tests.phantom import BRAIN_SHARE, ellipse, head_slice

SIZE, PIXEL_MM = 160, 1.25
GREY = head_slice(SIZE)
BRAIN = ellipse(SIZE, BRAIN_SHARE)
NOTHING = np.zeros((SIZE, SIZE), bool)
seeds = st.integers(0, 2**32 - 1)
modalities = st.sampled_from(MODALITIES)


@given(seeds, modalities)
@settings(max_examples=60, deadline=None)
def test_lesions_lie_in_the_brain_and_off_the_old_ones(seed: int, modality: str) -> None:
    old = np.zeros_like(NOTHING)
    old[60:80, 50:65] = True
    random = np.random.default_rng(seed)
    levels, mask = add_metastases(GREY, old, BRAIN, PIXEL_MM, random, modality)
    assert levels.dtype == np.uint8 and levels.shape == GREY.shape
    assert mask.dtype == bool and mask.shape == GREY.shape
    assert (mask & old).sum() == old.sum()
    assert not (mask & ~old & ~BRAIN).any()
    assert np.array_equal(levels[~BRAIN | old], GREY[~BRAIN | old])


@given(seeds, modalities)
@settings(max_examples=20, deadline=None)
def test_the_same_seed_gives_the_same_slice(seed: int, modality: str) -> None:
    first, second = (
        add_metastases(GREY, NOTHING, BRAIN, PIXEL_MM, np.random.default_rng(seed), modality)
        for _ in range(2)
    )
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


@given(seeds, st.floats(3, 25))
@settings(max_examples=60, deadline=None)
def test_diameters_come_out_as_asked_for(seed: int, diameter: float) -> None:
    pixel_mm = 0.625
    grey, brain = head_slice(2 * SIZE), ellipse(2 * SIZE, BRAIN_SHARE)
    nothing = np.zeros(brain.shape, bool)
    random = np.random.default_rng(seed)
    _, labels, lesions = place_metastases(grey, nothing, brain, pixel_mm, random, [diameter])
    assert len(lesions) == 1
    # An uneven outline and the brain's edge take some away; small ones consist of few pixels.
    assert 0.7 * diameter - pixel_mm < lesions[0].diameter < 1.25 * diameter + pixel_mm
    area = np.pi * (lesions[0].diameter / pixel_mm / 2) ** 2
    assert area == pytest.approx(np.count_nonzero(labels == 1))


@given(seeds, modalities)
@settings(max_examples=40, deadline=None)
def test_each_label_is_one_piece_apart_from_the_others(seed: int, modality: str) -> None:
    random = np.random.default_rng(seed)
    wanted = [18, 12, 9, 6, 6, 4]
    _, labels, lesions = place_metastases(GREY, NOTHING, BRAIN, PIXEL_MM, random, wanted, modality)
    assert sorted(np.unique(labels[labels > 0])) == list(range(1, len(lesions) + 1))
    for number, lesion in enumerate(lesions, start=1):
        assert SMALLEST / 2 < lesion.diameter < 1.3 * max(wanted)
        assert cv2.connectedComponents((labels == number).astype(np.uint8))[0] == 2


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_lesions_enhance_on_t1(seed: int) -> None:
    random = np.random.default_rng(seed)
    levels, labels, lesions = place_metastases(GREY, NOTHING, BRAIN, PIXEL_MM, random, [12.0])
    changed = levels[labels > 0]
    assert len(lesions) == 1 and np.percentile(changed, 95) > 1.2 * np.median(GREY[BRAIN])


def test_numbers_and_sizes_keep_their_bounds() -> None:
    random = np.random.default_rng(0)
    counts = [draw_count(random) for _ in range(4000)]
    diameters = np.array([draw_diameter(random) for _ in range(4000)])
    assert min(counts) == 1 and max(counts) == 12
    assert COUNTS.sum() == pytest.approx(1)
    assert np.mean(np.array(counts) == 1) == pytest.approx(0.49, abs=0.03)
    assert diameters.min() >= SMALLEST and diameters.max() <= LARGEST
    assert np.median(diameters) == pytest.approx(7, abs=0.5)


def test_nothing_is_drawn_where_there_is_no_brain() -> None:
    random = np.random.default_rng(0)
    levels, mask = add_metastases(GREY, NOTHING, NOTHING, PIXEL_MM, random)
    assert np.array_equal(levels, GREY) and not mask.any()


def test_an_unknown_modality_is_refused() -> None:
    with pytest.raises(ValueError, match="modality"):
        add_metastases(GREY, NOTHING, BRAIN, PIXEL_MM, np.random.default_rng(0), "ct")


def test_enhancing_tumours_become_donors_and_dark_ones_do_not() -> None:
    tumour = np.zeros_like(NOTHING)
    tumour[70:90, 95:112] = True
    bright, dark = GREY.copy(), GREY.copy()
    bright[tumour], dark[tumour] = 220, 60
    donors = collect_donors(np.stack([bright, dark]), np.stack([tumour, tumour]))
    assert len(donors) == 1
    look = draw_copy(donors[0], 8.0, 0.7, np.random.default_rng(0))
    assert 2 * np.sqrt(look.coverage.sum() / np.pi) == pytest.approx(8, rel=0.15)
    assert look.pattern[look.coverage > 0.9].mean() > 0.5
