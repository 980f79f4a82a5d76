from itertools import product

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metaseg.findings.lesions import find_lesions


def test_measures_by_hand():
    mask = np.zeros((10, 12), bool)
    mask[2:5, 3:7] = True
    probability = np.where(mask, 0.75, 0.0)
    probability[3, 4] = 0.9
    (lesion,) = find_lesions(mask, probability, (0.5, 2.0))
    assert lesion.area_px == 12 and lesion.area_mm2 == 12
    assert lesion.diameter_px == pytest.approx(5.0)  # 3 by 4 pixels, corner to corner
    assert lesion.diameter_mm == pytest.approx(np.hypot(1.5, 8.0))
    assert lesion.centroid == (3.0, 4.5)
    assert lesion.max_probability == 0.9
    assert lesion.mean_probability == pytest.approx((11 * 0.75 + 0.9) / 12)


def test_without_spacing_there_are_no_millimetres():
    (lesion,) = find_lesions(np.ones((1, 1), bool), np.ones((1, 1)), None)
    assert lesion.area_mm2 is None and lesion.diameter_mm is None
    assert lesion.diameter_px == pytest.approx(np.sqrt(2))


def test_corners_touch_and_the_largest_comes_first():
    mask = np.zeros((8, 8), bool)
    mask[0, 0] = mask[1, 1] = mask[2, 2] = True  # one lesion by 8-connectivity
    mask[6:8, 4:8] = True
    assert [lesion.area_px for lesion in find_lesions(mask, mask * 1.0, None)] == [8, 3]


@given(arrays(bool, (11, 9)), st.sampled_from([None, (0.7, 1.3)]))
def test_components_agree_with_opencv_and_diameters_with_brute_force(mask, spacing):
    lesions = find_lesions(mask, mask * 0.5, spacing)
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    assert len(lesions) == count - 1
    expected = []
    for label in range(1, count):
        pixels = np.argwhere(labels == label)
        corners = np.concatenate([pixels + offset for offset in product((0, 1), repeat=2)])
        corners = corners * np.array(spacing or (1, 1))
        distances = np.linalg.norm(corners[:, None] - corners[None], axis=-1)
        expected.append((len(pixels), round(distances.max(), 6)))
    found = [(x.area_px, round(x.diameter_mm if spacing else x.diameter_px, 6)) for x in lesions]
    assert sorted(found) == sorted(expected)
