from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaseg.metrics import Counts
from metaseg.preprocess import (
    Geometry,
    find_tissue,
    prepare,
    standardise,
    to_grey_levels,
)
from metaseg.preprocess.intensity import equalise
from metaseg.scan import read_scan
from tests.conftest import EXAMPLES, draw_head, preprocessing

SETTINGS = preprocessing(96)
sides = st.integers(16, 400)


@given(height=sides, width=sides, data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_mask_goes_there_and_back(height, width, data):
    """Nothing is lost but what resampling to the network's grid loses: less than a pixel of it."""
    top = data.draw(st.integers(0, height - 16))
    left = data.draw(st.integers(0, width - 16))
    bottom = data.draw(st.integers(top + 16, height))
    right = data.draw(st.integers(left + 16, width))
    geometry = Geometry.fit((height, width), (top, bottom, left, right), SETTINGS.size)
    mask = np.zeros((height, width), bool)
    middle_row, middle_column = (top + bottom) // 2, (left + right) // 2
    mask[top : middle_row + 1, left : middle_column + 1] = True
    inside = geometry.forward_mask(mask)
    assert inside.shape == (SETTINGS.size, SETTINGS.size)
    back = geometry.inverse(inside.astype(np.float32)) >= 0.5
    assert back.shape == (height, width)
    # A border may move by one pixel of the coarser grid, along each of the rectangle's sides.
    coarse = max(1.0, (bottom - top) / geometry.height, (right - left) / geometry.width)
    perimeter = 2 * (middle_row + 1 - top + middle_column + 1 - left) + 4
    assert np.count_nonzero(back ^ mask) <= perimeter * (coarse + 1)
    outside = np.ones((height, width), bool)
    outside[top:bottom, left:right] = False
    assert not back[outside].any()


@given(height=sides, width=sides)
@settings(max_examples=40, deadline=None)
def test_the_crop_of_the_networks_own_size_is_exact(height, width):
    side = min(height, width)
    geometry = Geometry.fit((height, width), (0, side, 0, side), side)
    mask = np.random.default_rng(0).random((height, width)) > 0.5
    back = geometry.inverse(geometry.forward_mask(mask).astype(np.float32)) >= 0.5
    assert np.array_equal(back[:side, :side], mask[:side, :side])


@given(height=sides, width=sides, aspect=st.floats(0.3, 3), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_view_beyond_the_box_shows_it_smaller_and_where_it_lies(height, width, aspect, data):
    around = data.draw(st.tuples(*[st.integers(0, 60)] * 4))
    view = (-around[0], height + around[1], -around[2], width + around[3])
    geometry = Geometry.fit((height, width), (0, height, 0, width), SETTINGS.size, aspect, view)
    tall, wide = (view[1] - view[0]) * aspect, view[3] - view[2]
    scale = SETTINGS.size / max(tall, wide)
    assert abs(geometry.height - height * aspect * scale) <= 1
    assert abs(geometry.width - width * scale) <= 1
    # The view lies in the middle, and the box in it where it was.
    top = (SETTINGS.size - tall * scale) / 2 + around[0] * aspect * scale
    left = (SETTINGS.size - wide * scale) / 2 + around[2] * scale
    assert abs(geometry.pad_top - top) <= 1.5 and abs(geometry.pad_left - left) <= 1.5
    seen = geometry.forward(np.full((height, width), 200, np.uint8))
    assert np.count_nonzero(seen) == geometry.height * geometry.width
    assert geometry.inverse(seen.astype(np.float32)).min() > 199


@pytest.mark.parametrize("shape", [(128, 120), (97, 181), (400, 300)])
def test_a_lesion_survives_the_letterbox(shape):
    grey, mask = draw_head(shape)
    _, geometry = prepare(grey, SETTINGS)
    back = geometry.inverse(geometry.forward_mask(mask).astype(np.float32)) >= 0.5
    assert Counts.of(back, mask).dice > 0.8


def test_eight_bit_values_stay_and_others_are_mapped_by_percentiles():
    grey, _ = draw_head()
    assert np.array_equal(to_grey_levels(grey.astype(np.float32), True, SETTINGS), grey)
    wide = grey.astype(np.float32) * 13 + 500
    mapped = to_grey_levels(wide, False, SETTINGS)
    low, high = np.percentile(wide, [0.5, 99.5])
    expected = np.clip(np.rint((wide - low) / (high - low) * 255), 0, 255)
    assert np.abs(mapped - expected).max() <= 1
    assert mapped.min() == 0 and mapped.max() == 255


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_constant_slice_holds_no_tissue(value):
    assert find_tissue(np.full((100, 100), value, np.uint8), SETTINGS) is None
    constant = to_grey_levels(np.full((100, 100), 1e6 + value, np.float32), False, SETTINGS)
    assert prepare(constant, SETTINGS) is None


@given(seed=st.integers(0, 2**32 - 1), side=st.integers(64, 512), amplitude=st.floats(1, 127))
@settings(max_examples=25, deadline=None)
def test_noise_holds_no_tissue(seed, side, amplitude):
    noise = np.random.default_rng(seed).normal(128, amplitude, (side, side))
    assert find_tissue(np.clip(noise, 0, 255).astype(np.uint8), SETTINGS) is None
    # A scanner's own air, stretched to the full range as a 16-bit slice would be.
    rician = np.hypot(
        noise - 128, np.random.default_rng(seed + 1).normal(0, amplitude, noise.shape)
    )
    assert find_tissue(to_grey_levels(rician, False, SETTINGS), SETTINGS) is None


@pytest.mark.parametrize("shape", [(256, 256), (512, 300), (1000, 1200)])
def test_the_box_holds_the_head_and_little_else(shape):
    head, _ = draw_head((128, 120))
    canvas = np.zeros(shape, np.uint8)
    top, left = shape[0] // 4, shape[1] // 5
    canvas[top : top + 128, left : left + 120] = head
    box = find_tissue(canvas, SETTINGS)
    rows, columns = np.nonzero(canvas > 60)
    assert box[0] <= rows.min() and rows.max() < box[1]
    assert box[2] <= columns.min() and columns.max() < box[3]
    assert box[1] - box[0] <= max(128, max(shape) / 3) + 40


def test_a_head_cut_at_the_edge_is_seen_as_large_as_a_whole_one():
    whole = np.pad(draw_head((128, 120))[0], 30)
    top, bottom, left, right = find_tissue(whole, SETTINGS)
    cut = whole[top + 8 : bottom - 8, left + 8 : right - 8]
    assert find_tissue(cut, SETTINGS) == (0, *cut.shape[:1], 0, *cut.shape[1:])
    (_, plain), (_, close) = prepare(whole, SETTINGS), prepare(cut, SETTINGS)
    scale, closer = (g.height / (g.bottom - g.top) for g in (plain, close))
    assert closer / scale < 1.08
    assert close.pad_top > 0 and close.pad_left > 0


def test_noise_that_the_network_would_see_is_smoothed_and_a_clean_slice_is_not():
    clean = read_scan(EXAMPLES / "meningioma_axial.jpg").voxels[0].astype(np.uint8)
    random = np.random.default_rng(0)
    noisy, cleaner = (
        np.clip(clean + random.normal(0, deviation, clean.shape), 0, 255).astype(np.uint8)
        for deviation in (8, 1)
    )
    # On a coarse grid several pixels are averaged, and their noise with them.
    for grey, size, smoothed in (
        (clean, 256, False), (cleaner, 256, False), (noisy, 256, True), (noisy, 64, False),
    ):  # fmt: skip
        usual = replace(SETTINGS, size=size)
        without_care = replace(usual, noise_limit=255.0)
        (seen, _), (raw, _) = (prepare(grey, settings) for settings in (usual, without_care))
        assert np.array_equal(seen, raw) != smoothed
        if smoothed:
            wanted = prepare(clean, without_care)[0].astype(int)
            errors = [np.abs(levels - wanted).mean() for levels in (seen, raw)]
            assert errors[0] < 0.7 * errors[1]


def test_the_network_sees_the_same_contrast_in_a_wide_field_of_view():
    head = draw_head((128, 120))[0]
    air = int(head[0, 0])
    (near, _), (far, _) = (
        prepare(np.pad(head, n, constant_values=air), SETTINGS) for n in (10, 60)
    )
    assert np.array_equal(near, far)
    assert near.max() > 100


def test_standardisation_ignores_the_field_of_view():
    grey, _ = draw_head()
    narrow, _ = prepare(grey, SETTINGS)
    tissue = standardise(narrow[None], SETTINGS)[0][narrow > 60]
    assert abs(tissue.mean()) < 0.2 and abs(tissue.std() - 1) < 0.2
    faint = np.full((96, 96), 100, np.uint8)
    faint[20:70, 20:70] = 102
    assert np.abs(standardise(faint[None], SETTINGS)).max() < 1
    assert not standardise(np.zeros((1, 96, 96), np.uint8), SETTINGS).any()


def test_clahe_is_opencvs():
    import cv2

    grey, _ = draw_head()
    reference = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(6, 6)).apply(grey)
    assert np.array_equal(equalise(grey, SETTINGS), reference)
