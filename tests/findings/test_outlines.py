import numpy as np
import pytest

from metaseg.findings import outlines
from metaseg.findings.lesions import find_lesions, label_lesions
from metaseg.findings.outlines import Outline, Ring, outline_mask
from metaseg.prediction import reaches
from metaseg.scan import Scan


def outline_lesions(values: np.ndarray, threshold: float) -> list[Outline]:
    components = label_lesions(reaches(values, threshold)[None])
    return outlines.outline_lesions(values, threshold, components)


def area(rings: list[Ring]) -> float:
    """Area of lines under the even-odd rule, holes running the other way round."""
    total = 0.0
    for ring in rings:
        x, y = ring.T
        total += float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2
    return abs(total)


@pytest.fixture
def bump() -> np.ndarray:
    """A round probability around (30.5, 20.5) that reaches 0.5 at ten pixels from there."""
    rows, columns = np.mgrid[:60, :50] + 0.5
    return np.clip(1 - np.hypot(rows - 30.5, columns - 20.5) / 20, 0, 1).astype(np.float32)


def test_the_outline_lies_where_the_probability_is_the_threshold(bump):
    (outline,) = outline_lesions(bump, 0.5)
    (ring,) = outline.rings
    distance = np.hypot(ring[:, 0] - 20.5, ring[:, 1] - 30.5)
    assert np.abs(distance - 10).max() < 0.05, "finer than a pixel"
    assert np.array_equal(ring[0], ring[-1])
    top, bottom, left, right = outline.box
    assert bump[top:bottom, left:right].max() == bump.max() and (bump >= 0.5).sum() > 250
    assert area(outline.rings) == pytest.approx(np.pi * 100, rel=0.01)


def test_outlines_are_numbered_as_the_lesions_are(bump):
    values = bump.copy()
    values[2:5, 40:46] = 0.9
    values[50, 5] = 0.8
    for threshold in (0.3, 0.5, 0.75):
        lesions = find_lesions(
            label_lesions(values[None] >= threshold), values[None], Scan(values[None])
        )
        found = outline_lesions(values, threshold)
        assert [outline.number for outline in found] == list(range(1, len(lesions) + 1))
        for outline, lesion in zip(found, lesions):
            top, bottom, left, right = outline.box
            row, column = lesion.centroid
            assert top <= row < bottom and left <= column < right
            assert values[outline.pixel] >= threshold


def test_holes_borders_and_single_pixels_have_lines():
    values = np.zeros((9, 9), np.float32)
    values[:, :5] = 1
    values[4, 2] = 0
    values[4, 8] = 0.5
    large, single = outline_lesions(values, 0.5)
    assert len(large.rings) == 2 and large.rings[0].min() < 0.5
    assert len(single.rings) == 1 and single.box == (4, 5, 8, 9)
    assert len(outline_lesions(np.ones((6, 6), np.float32), 1.0)) == 1
    assert outline_lesions(np.zeros((6, 6), np.float32), 0.0) == []


def test_a_neighbour_in_the_same_window_is_left_out():
    values = np.zeros((12, 12), np.float32)
    values[1:11, 1] = values[1, 1:11] = values[10, 1:11] = 1
    values[5:7, 5:7] = 1
    frame, inner = outline_lesions(values, 0.5)
    assert len(frame.rings) == 1 and len(inner.rings) == 1
    assert area(frame.rings) == pytest.approx((values.sum() - 4), rel=0.1)


def test_a_neighbour_that_just_reaches_the_threshold_is_left_out():
    values = np.zeros((9, 9), np.float32)
    values[0, :], values[:, 0] = 0.9, 0.9
    # As a float32 a little less than the threshold that it reaches.
    values[4:6, 4:6] = 0.7
    first, second = outline_lesions(values, 0.7)
    assert len(first.rings) == len(second.rings) == 1


def test_masks_side_by_side_share_their_border():
    left = np.zeros((8, 8), bool)
    left[2:6, 1:4] = True
    right = np.zeros((8, 8), bool)
    right[2:6, 4:7] = True
    border = [
        {tuple(point) for ring in outline_mask(mask) for point in ring if point[0] == 4}
        for mask in (left, right)
    ]
    assert border[0] == border[1] and len(border[0]) >= 3
    assert outline_mask(np.zeros((4, 4), bool)) == []
