"""A review changes every count and mask that follows, and never the prediction."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metaseg.errors import InputError
from metaseg.findings.matching import match_regions
from metaseg.findings.report import find
from metaseg.findings.review import Review, Strokes, apply_review, read_review
from metaseg.findings.verdict import verdict
from metaseg.limits import MAX_JSON_BYTES
from metaseg.prediction import Prediction
from metaseg.scan import Scan
from tests.findings.test_matching import NETWORKS, squares

SHAPE = (4, 32, 32)


def result_of(*probabilities, spacing=(3.0, 1.0, 1.0)):
    """Scan, predictions and findings at threshold 0.5."""
    scan = Scan(np.zeros(probabilities[0].shape, np.float32), spacing=spacing)
    predictions = [
        Prediction(np.asarray(values, np.float32), name, title, "0" * 64, 1.0)
        for (name, title), values in zip(NETWORKS.items(), probabilities)
    ]
    return scan, predictions, [find(scan, one, 0.5) for one in predictions]


def two_networks():
    """A lesion of both networks, and one that only the second sees."""
    return result_of(squares((1, 5, 5)) * 0.8, squares((1, 5, 7), (2, 20, 20)) * 0.6)


def test_a_rejected_region_leaves_every_result_and_is_named():
    scan, predictions, findings = two_networks()
    peak = match_regions(scan, predictions, findings).rows[0].peak
    reviewed = apply_review(Review(SHAPE, rejected=(peak,)), scan, predictions, findings)
    first, second = reviewed.findings
    assert not first.mask.any() and first.report.lesions == ()
    np.testing.assert_array_equal(second.mask, squares((2, 20, 20)))
    assert [lesion.volume_voxels for lesion in second.report.lesions] == [16]
    assert second.report.slices_with_lesion == (2,)
    (rejected,) = second.report.review.rejected
    assert rejected.number == 1 and rejected.volume_voxels == 24
    values = second.report.to_json()
    assert values["reviewed"] is True and values["review"]["rejected"][0]["number"] == 1
    assert findings[0].report.to_json()["reviewed"] is False
    assert findings[0].mask.any(), "the unreviewed result stays"
    assert verdict(reviewed.regions, second.report.review) == (
        "Reviewed: 1 region rejected. 1 region; 1 seen by the Nested U-Net only, p 0.60, 5.7 mm, "
        "on one slice."
    )


def test_each_rejected_region_names_what_rejects_it():
    """They are listed by size, and a person rejects in any order, or one region in two parts."""
    scan, predictions, findings = two_networks()
    large, small = (row.peak for row in match_regions(scan, predictions, findings).rows)
    clicks = (small, (0, 0, 0), large, large)
    reviewed = apply_review(Review(SHAPE, rejected=clicks), scan, predictions, findings)
    sizes = [lesion.volume_voxels for lesion in reviewed.findings[0].report.review.rejected]
    assert (sizes, reviewed.rejections) == ([24, 16], ((large, large), (small,)))


def test_a_rejection_outlives_a_move_of_the_threshold():
    values = squares((1, 5, 5)) * 0.6
    values[1, 6, 6] = 0.9
    scan, predictions, findings = result_of(values)
    peak = match_regions(scan, predictions, findings).rows[0].peak
    assert peak == (1, 6, 6)
    for threshold in (0.3, 0.55, 0.8):
        moved = [find(scan, predictions[0], threshold)]
        assert moved[0].mask.any()
        reviewed = apply_review(Review(SHAPE, rejected=(peak,)), scan, predictions, moved)
        assert not reviewed.findings[0].mask.any()


def test_painting_and_erasing():
    scan, predictions, findings = two_networks()
    # Two pixels to the right of the lone lesion; one row of the common one goes.
    review = Review(
        SHAPE,
        painted=(Strokes(2, ((20 * 32 + 24, 2),)),),
        erased=(Strokes(1, ((5 * 32 + 5, 6),)),),
    )
    reviewed = apply_review(review, scan, predictions, findings)
    first, second = reviewed.findings
    expected = squares((1, 5, 7), (2, 20, 20))
    expected[1, 5], expected[2, 20, 24:26] = False, True
    np.testing.assert_array_equal(second.mask, expected)
    assert [lesion.volume_voxels for lesion in first.report.lesions] == [12, 2]
    changes = first.report.review
    assert (changes.painted_voxels, changes.erased_voxels) == (2, 6)
    assert changes.edited_slices == (1, 2)
    drawn = [row for row in reviewed.regions.rows if row.lesion.first_slice == 2]
    assert [row.seen_by for row in drawn] == [("Nested U-Net",)]


def test_what_a_person_drew_is_not_what_a_network_saw():
    scan, predictions, findings = two_networks()
    review = Review(SHAPE, painted=(Strokes(0, ((0, 3), (32, 3))),))
    regions = apply_review(review, scan, predictions, findings).regions
    (drawn,) = [row for row in regions.rows if row.lesion.first_slice == 0]
    assert drawn.seen_by == () and drawn.agreement is None and drawn in regions.outlined
    assert [opinion.lesions for opinion in drawn.opinions] == [(2,), (3,)]
    words = verdict(
        regions, apply_review(review, scan, predictions, findings).findings[0].report.review
    )
    assert words.startswith(
        "Reviewed: outlines changed on 1 slice. 3 regions; both networks outline 1, "
    )
    assert words.endswith("1 drawn by the reviewer.")


def test_a_click_adds_the_region_of_the_probability_map():
    faint = np.zeros(SHAPE)
    faint[1:3, 10:14, 10:14] = 0.2
    faint[1:3, 9:15, 9:15] = np.maximum(faint[1:3, 9:15, 9:15], 0.05)
    scan, predictions, findings = result_of(faint, faint)
    reviewed = apply_review(Review(SHAPE, added=((1, 15, 12),)), scan, predictions, findings)
    np.testing.assert_array_equal(reviewed.findings[0].mask, faint == 0.2)
    assert [lesion.volume_voxels for lesion in reviewed.findings[1].report.review.added] == [32]
    nothing = apply_review(Review(SHAPE, added=((1, 28, 28),)), scan, predictions, findings)
    assert not nothing.findings[0].mask.any() and nothing.findings[0].report.review.added == ()


def test_added_regions_are_numbered_and_those_that_are_there_add_nothing():
    faint = squares((0, 4, 4), (2, 20, 20), (3, 4, 20)) * 0.3
    faint[1, 4:8, 4:8] = 0.9
    scan, predictions, findings = result_of(faint)
    clicks = ((2, 21, 21), (2, 22, 22), (1, 5, 5), (3, 5, 21))
    reviewed = apply_review(Review(SHAPE, added=clicks), scan, predictions, findings)
    (found,) = reviewed.findings
    assert [lesion.number for lesion in found.report.review.added] == [1, 2]
    np.testing.assert_array_equal(found.mask, squares((1, 4, 4), (2, 20, 20), (3, 4, 20)))


def test_the_review_of_another_scan():
    scan, predictions, findings = two_networks()
    with pytest.raises(InputError, match="another scan"):
        apply_review(Review((4, 32, 31)), scan, predictions, findings)


masks = arrays(bool, (2, 6, 5))
voxels = st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 4))


def strokes_of(mask: np.ndarray) -> tuple[Strokes, ...]:
    return tuple(
        Strokes(index, tuple((int(at), 1) for at in np.flatnonzero(slice_)))
        for index, slice_ in enumerate(mask)
    )


@settings(max_examples=30)
@given(masks, masks, masks, masks, st.lists(voxels, max_size=3))
def test_the_mask_is_what_the_review_says(first, second, painted, erased, rejected):
    scan, predictions, findings = result_of(first, second)
    review = Review(
        scan.voxels.shape,
        rejected=tuple(rejected),
        painted=strokes_of(painted),
        erased=strokes_of(erased),
    )
    assert read_review(review.to_json()) == review
    assert bool(review) == bool(rejected or strokes_of(painted))
    reviewed = apply_review(review, scan, predictions, findings, truth=painted)
    before = match_regions(scan, predictions, findings)
    gone = np.zeros(scan.voxels.shape, bool)
    for voxel in rejected:
        if before.components.mask[voxel]:
            number = before.components.at(*voxel)
            window, inside = list(before.components)[number - 1]
            gone[window] |= inside
    for mask, found in zip((first, second), reviewed.findings):
        np.testing.assert_array_equal(found.mask, ((mask & ~gone) | painted) & ~erased)
        np.testing.assert_array_equal(found.mask, found.components.mask)
        assert sum(lesion.volume_voxels for lesion in found.report.lesions) == found.mask.sum()
    together = reviewed.findings[0].mask | reviewed.findings[1].mask
    outlined = {row.number for row in reviewed.regions.outlined}
    for voxel in np.argwhere(reviewed.regions.components.mask):
        assert (reviewed.regions.components.at(*voxel) in outlined) == together[tuple(voxel)]


GOOD = {"shape": [2, 6, 5], "rejected": [[1, 5, 4]], "painted": [{"slice": 1, "runs": [[28, 2]]}]}


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [2, 6]},
        {"shape": [2, 6, 0]},
        {"shape": [2, 6, 1e9]},
        {"shape": "2,6,5"},
        {"rejected": [[2, 0, 0]]},
        {"rejected": [[-1, 0, 0]]},
        {"rejected": [[0.5, 0, 0]]},
        {"rejected": [[True, 0, 0]]},
        {"rejected": [["0", 0, 0]]},
        {"rejected": [[0, 0, 0]] * 10_001},
        {"added": [[0, 0, 0]] * 101},
        {"added": [[0, 0, 5]]},
        {"painted": [{"slice": 2, "runs": [[0, 1]]}]},
        {"painted": [{"slice": 0, "runs": [[29, 2]]}]},
        {"painted": [{"slice": 0, "runs": [[0, 0]]}]},
        {"painted": [{"slice": 0, "runs": [[0, 3], [2, 1]]}]},
        {"painted": [{"slice": 0, "runs": [[3, 1], [0, 1]]}]},
        {"painted": [{"slice": 0, "runs": []}, {"slice": 0, "runs": []}]},
        {"erased": {"0": [[0, 1]]}},
        {"patient": "Mustermann"},
        {"rejected": None},
        {"shape": [10**30] * 3},
    ],
    ids=str,
)
def test_bad_reviews_get_one_sentence(change):
    assert read_review(json.dumps(GOOD))
    with pytest.raises(InputError) as caught:
        read_review(json.dumps(GOOD | change))
    words = str(caught.value)
    assert words.startswith("The review is not valid") and words.endswith("review again.")
    assert "\n" not in words and "Mustermann" not in words and len(words) < 250


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["slice", "runs", "shape"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=30)
@given(st.dictionaries(st.sampled_from([*GOOD, "added", "erased", "x"]), json_values, max_size=5))
def test_whatever_a_browser_sends_is_a_review_or_a_sentence(values):
    try:
        review = read_review(json.dumps(GOOD | values))
    except InputError as error:
        assert str(error).endswith("review again.")
    else:
        assert read_review(review.to_json()) == review


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, b"\xff\xfe", "{}"])
def test_what_is_no_review(text):
    with pytest.raises(InputError, match="review again"):
        read_review(text)
    with pytest.raises(InputError, match="too large"):
        read_review(" " * (MAX_JSON_BYTES + 1))
