"""Regions of several networks: every lesion in exactly one row, whatever the order."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from metaseg.findings.lesions import TWENTY_SIX_CONNECTED, label_lesions
from metaseg.findings.matching import EXTRA, FOUND, MISSED, Regions, match_regions
from metaseg.findings.report import find
from metaseg.findings.sizes import area_text, two_digits, volume_text
from metaseg.findings.verdict import verdict
from metaseg.prediction import Prediction
from metaseg.scan import Scan

NETWORKS = {"attention_unet": "Attention U-Net", "nested_unet": "Nested U-Net", "unet": "U-Net"}
SPACING = (3.0, 1.0, 1.0)


def regions_of(*masks, truth=None, spacing=None, names=None, minimum=0.0) -> Regions:
    """The regions of ``masks`` (D, H, W), bool or probabilities, at threshold 0.5."""
    scan = Scan(np.zeros(masks[0].shape, np.float32), spacing=spacing)
    predictions = [
        Prediction(np.asarray(mask, np.float32), name, NETWORKS[name], "0" * 64, 1.0)
        for name, mask in zip(names or NETWORKS, masks)
    ]
    found = [find(scan, prediction, 0.5, minimum) for prediction in predictions]
    return match_regions(scan, predictions, found, truth)


def squares(*corners: tuple[int, int, int], depth: int = 4, side: int = 4) -> np.ndarray:
    """Squares of 4 x 4 voxels, each at (slice, row, column)."""
    mask = np.zeros((depth, 32, 32), bool)
    for slice_, row, column in corners:
        mask[slice_, row : row + side, column : column + side] = True
    return mask


def test_measures_of_a_row_by_hand():
    first, second = squares((1, 5, 5)) * 0.8, squares((1, 5, 7), (2, 20, 20)) * 0.6
    both, alone = regions_of(first, second, spacing=SPACING).rows
    assert (both.number, alone.number) == (1, 2)
    assert both.seen_by == ("Attention U-Net", "Nested U-Net")
    assert both.agreement == pytest.approx(8 / 24)
    assert both.box == (5, 9, 5, 11) and both.lesion.volume_mm3 == 72
    assert both.lesion.diameter_mm == pytest.approx(np.hypot(4, 6))
    assert [o.probability for o in both.opinions] == pytest.approx([0.8, 0.6])
    assert [o.lesions for o in both.opinions] == [(1,), (1,)]
    assert alone.seen_by == ("Nested U-Net",) and alone.agreement == 0
    assert alone.opinions[0].probability == 0 and alone.opinions[0].lesions == ()
    assert (alone.lesion.first_slice, alone.lesion.last_slice) == (2, 2)
    values = both.to_json()
    assert values["number"] == 1 and values["opinions"][1]["title"] == "Nested U-Net"


def test_a_lesion_that_bridges_two_joins_them():
    bridge = squares((0, 5, 5), (0, 5, 9), (0, 5, 13))
    (row,) = regions_of(squares((0, 5, 5), (0, 5, 13)), bridge).rows
    assert [opinion.lesions for opinion in row.opinions] == [(1, 2), (1,)]


def test_lesions_that_only_touch_stay_apart():
    rows = regions_of(squares((0, 5, 5)), squares((0, 5, 9))).rows
    assert [row.seen_by for row in rows] == [("Attention U-Net",), ("Nested U-Net",)]


def test_ground_truth():
    found = squares((0, 5, 5), (2, 20, 20))
    truth = squares((0, 5, 5), (0, 5, 20), (3, 20, 5))
    regions = regions_of(found, found & False, truth=truth, spacing=SPACING)
    assert [row.truth for row in regions.rows] == [FOUND, EXTRA, MISSED, MISSED]
    assert [row.truth_lesions for row in regions.rows] == [(1,), (), (2,), (3,)]
    assert len(regions.outlined) == 2 and regions.rows[3].agreement is None
    assert verdict(regions).endswith("Of 3 lesions in the ground truth, 1 found; 1 extra.")


masks = arrays(bool, (3, 6, 5))


@settings(max_examples=30)
@given(st.lists(masks, min_size=1, max_size=3), st.none() | masks, st.integers(0, 4))
def test_every_component_is_in_exactly_one_row(drawn, truth, minimum):
    regions = regions_of(*drawn, truth=truth, minimum=minimum)
    for place, mask in enumerate(drawn):
        components = label_lesions(mask, minimum)
        numbers = [n for row in regions.rows for n in row.opinions[place].lesions]
        assert sorted(numbers) == list(range(1, int(components.labels.max(initial=0)) + 1))
        for voxel in np.argwhere(components.mask):
            row = regions.rows[regions.components.at(*voxel) - 1]
            assert components.at(*voxel) in row.opinions[place].lesions
    kept = np.any([label_lesions(mask, minimum).mask for mask in drawn], axis=0)
    assert [row.number for row in regions.rows] == list(range(1, len(regions.rows) + 1))
    if truth is None:
        np.testing.assert_array_equal(regions.components.mask, kept)
        assert all(row.truth is None for row in regions.rows)
        return
    labels, count = ndimage.label(truth, TWENTY_SIX_CONNECTED)
    missed = count - len(np.unique(labels[kept & truth]))
    assert sum(row.truth == MISSED for row in regions.rows) == missed
    for row in regions.rows:
        voxels = regions.components.mask & (row_mask(regions, row.number))
        assert (row.truth == EXTRA) == (not (voxels & truth).any())
        assert (row.truth == MISSED) == (not (voxels & kept).any())
    assert {n for row in regions.rows for n in row.truth_lesions} == set(range(1, count + 1))


def row_mask(regions: Regions, number: int) -> np.ndarray:
    """The voxels (D, H, W) bool of a row."""
    mask = np.zeros(regions.components.shape, bool)
    window, voxels = list(regions.components)[number - 1]
    mask[window] = voxels
    return mask


@settings(max_examples=30)
@given(st.tuples(masks, masks, masks), st.none() | masks)
def test_the_order_of_the_networks_changes_nothing(drawn, truth):
    named = dict(zip(NETWORKS, drawn))
    expected = regions_of(*drawn, truth=truth)
    for order in permutations(NETWORKS):
        regions = regions_of(*(named[name] for name in order), truth=truth, names=order)
        np.testing.assert_array_equal(regions.components.labels, expected.components.labels)
        for row, same in zip(regions.rows, expected.rows, strict=True):
            assert row.agreement == same.agreement and row.truth_lesions == same.truth_lesions
            assert {o.model: o for o in row.opinions} == {o.model: o for o in same.opinions}
            assert row.lesion.mean_probability == pytest.approx(same.lesion.mean_probability)
            assert replace(row.lesion, mean_probability=0) == replace(
                same.lesion, mean_probability=0
            )


@settings(max_examples=30)
@given(masks)
def test_a_network_agrees_with_itself(mask):
    for row in regions_of(mask, mask).rows:
        assert row.agreement == 1 and row.opinions[0].lesions == row.opinions[1].lesions


@pytest.mark.parametrize(
    "corners, expected",
    [
        (([], []), "Neither network outlines a region at this threshold."),
        (([(0, 5, 5)], [(0, 5, 5)]), "1 region; both networks agree on it."),
        (
            ([(0, 5, 5), (1, 20, 20)], [(0, 5, 5), (1, 20, 20)]),
            "2 regions; both networks agree on all 2.",
        ),
        (
            ([(0, 5, 5)], [(0, 5, 5), (2, 20, 20)]),
            "2 regions; both networks agree on 1; 1 seen by the Nested U-Net only, p 1.00, "
            "5.7 mm, on one slice: check it.",
        ),
        (
            ([(0, 5, 5)], [(0, 8, 8)]),
            "1 region; both networks outline it, but hardly overlap: check it.",
        ),
        (
            ([(0, 5, 5)], [(0, 6, 6)]),
            "1 region; both networks outline it, with different outlines: check it.",
        ),
        (
            ([(0, 5, 5), (2, 20, 20)], [(0, 8, 8), (2, 20, 20)]),
            "2 regions; both networks agree on 1; both networks outline 1, but hardly overlap: "
            "check it.",
        ),
        (
            ([], [(0, 5, 5), (1, 5, 5), (2, 20, 20)]),
            "2 regions; 2 seen by the Nested U-Net only, the largest p 1.00, 5.7 mm, "
            "on 2 slices: check them.",
        ),
        (([(0, 5, 5)],), "1 region, p 1.00, 5.7 mm, 48 mm³, on one slice."),
        (([],), "The Attention U-Net outlines no region at this threshold."),
        (([], [], []), "No network outlines a region at this threshold."),
        (
            ([(0, 5, 5)], [(0, 5, 5)], []),
            "1 region; 1 seen by the Attention U-Net and the Nested U-Net only, p 1.00, 5.7 mm, "
            "on one slice: check it.",
        ),
    ],
)
def test_verdict(corners, expected):
    assert verdict(regions_of(*(squares(*c) for c in corners), spacing=SPACING)) == expected


@pytest.mark.parametrize(
    "found, truth, expected",
    [
        ([(0, 5, 5)], [], "The ground truth holds no lesion: 1 extra."),
        ([], [(0, 5, 5)], "The lesion of the ground truth is missed; nothing extra."),
        ([(0, 5, 5)], [(0, 5, 5)], "The lesion of the ground truth is found; nothing extra."),
        (
            [(0, 5, 5), (2, 5, 5)],
            [(0, 5, 5), (2, 5, 5)],
            "Of 2 lesions in the ground truth, all found; nothing extra.",
        ),
    ],
)
def test_verdict_against_the_ground_truth(found, truth, expected):
    mask = squares(*found)
    regions = regions_of(mask, mask, truth=squares(*truth))
    assert verdict(regions).endswith(f" {expected}")


def test_a_slice_has_no_slices_in_its_verdict():
    slice_ = squares((0, 5, 5), depth=1)
    words = verdict(regions_of(slice_, slice_ & False))
    assert words == "1 region; 1 seen by the Attention U-Net only, p 1.00, 6 px: check it."


@pytest.mark.parametrize(
    "value, text",
    [(0, "0"), (5.84, "5.8"), (9.96, "10"), (35.2, "35"), (0.4321, "0.43"), (1016.4, "1000")],
)
def test_two_digits(value, text):
    assert two_digits(value) == text


def test_honest_units():
    assert volume_text(2932.0, 1) == "2.9 cm³" and volume_text(20.4, 1) == "20 mm³"
    assert volume_text(994.9, 1) == "990 mm³" and volume_text(1000, 1) == "1.0 cm³"
    assert volume_text(None, 1) == "1 voxel" and volume_text(None, 36) == "36 voxels"
    assert area_text(1016.4, 1) == "10 cm²" and area_text(830, 1) == "830 mm²"
    assert area_text(None, 3399) == "3399 pixels" and area_text(None, 1) == "1 pixel"
