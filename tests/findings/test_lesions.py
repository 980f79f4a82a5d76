"""Lesions of slices and volumes, on bodies whose measures are known."""

import csv
import io
from itertools import product

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from metaseg.findings.lesions import Lesion, find_lesions, label_lesions, lesion_table
from metaseg.scan import Scan

SPACING = (3.0, 1.0, 0.5)
AFFINE = np.array([[-0.5, 0, 0, 40], [0, -1.0, 0, 30], [0, 0, 3.0, -20], [0, 0, 0, 1]])


def lesions_of(mask, probability=None, spacing=None, affine=None) -> tuple[Lesion, ...]:
    """The lesions of ``mask``, a slice (H, W) or a volume (D, H, W)."""
    mask = mask if mask.ndim == 3 else mask[None]
    probability = mask * 1.0 if probability is None else probability.reshape(mask.shape)
    scan = Scan(mask.astype(np.float32), spacing=spacing, affine=affine)
    return find_lesions(label_lesions(mask), probability, scan)


def two_lesions() -> np.ndarray:
    mask = np.zeros((10, 40, 50), bool)
    mask[2:5, 10:14, 20:23] = True  # 36 voxels
    mask[8, 30, 40] = True
    return mask


def test_measures_of_a_slice_by_hand():
    mask = np.zeros((10, 12), bool)
    mask[2:5, 3:7] = True
    probability = np.where(mask, 0.75, 0.0)
    probability[3, 4] = 0.9
    (lesion,) = lesions_of(mask, probability, (4.0, 0.5, 2.0))
    assert lesion.area_px == lesion.volume_voxels == 12 and lesion.area_mm2 == 12
    assert lesion.volume_mm3 == 48
    assert lesion.diameter_px == pytest.approx(5.0)  # 3 by 4 pixels, corner to corner
    assert lesion.diameter_mm == pytest.approx(np.hypot(1.5, 8.0))
    assert lesion.centroid == (3.0, 4.5)
    assert lesion.diameter_slice == lesion.first_slice == lesion.last_slice == 0
    assert lesion.max_probability == 0.9
    assert lesion.mean_probability == pytest.approx((11 * 0.75 + 0.9) / 12)


def test_measures_of_a_volume_by_hand():
    mask = two_lesions()
    probability = np.where(mask, 0.75, 0.1).astype(np.float32)
    probability[3, 11, 21] = 1.0
    large, small = lesions_of(mask, probability, SPACING, AFFINE)
    assert (large.number, small.number) == (1, 2)
    assert large.volume_voxels == 36 and large.area_px == 12
    assert large.volume_mm3 == pytest.approx(36 * 1.5) and large.area_mm2 == pytest.approx(6)
    assert large.diameter_px == pytest.approx(5.0)  # 4 by 3 pixels
    assert large.diameter_mm == pytest.approx(np.hypot(4, 1.5))
    assert (large.first_slice, large.last_slice, large.diameter_slice) == (2, 4, 2)
    assert large.centroid == pytest.approx((3, 11.5, 21))
    assert large.centroid_ras_mm == pytest.approx((40 - 10.5, 30 - 11.5, -20 + 9))
    assert large.max_probability == 1.0
    assert large.mean_probability == pytest.approx((35 * 0.75 + 1) / 36)
    assert small.diameter_mm == pytest.approx(np.hypot(1, 0.5))


def test_without_spacing_there_are_no_millimetres():
    for mask in (np.ones((1, 1), bool), two_lesions()):
        lesion = lesions_of(mask)[0]
        assert lesion.area_mm2 is lesion.volume_mm3 is None
        assert lesion.diameter_mm is lesion.centroid_ras_mm is None
    assert lesions_of(np.ones((1, 1), bool))[0].diameter_px == pytest.approx(np.sqrt(2))


def test_corners_touch_and_the_largest_comes_first():
    mask = np.zeros((8, 8), bool)
    mask[0, 0] = mask[1, 1] = mask[2, 2] = True  # one lesion by 8-connectivity
    mask[6:8, 4:8] = True
    assert [lesion.area_px for lesion in lesions_of(mask)] == [8, 3]


def test_26_connectivity_and_parts_within_a_slice():
    mask = np.zeros((3, 20, 20), bool)
    mask[0, 5, 5] = mask[1, 6, 6] = mask[0, 7, 7] = True
    (lesion,) = lesions_of(mask)
    assert lesion.volume_voxels == 3 and lesion.area_px == 2
    assert lesion.diameter_px == pytest.approx(np.sqrt(2))


def test_longest_diameter_lies_in_the_right_slice():
    mask = np.zeros((4, 20, 20), bool)
    mask[:, 5, 5] = True
    mask[2, 5, 5:15] = True
    (lesion,) = lesions_of(mask, spacing=SPACING)
    assert lesion.diameter_slice == 2 and lesion.area_px == 10
    assert lesion.diameter_mm == pytest.approx(np.hypot(1, 5))


@given(arrays(bool, (11, 9)), st.sampled_from([None, (5.0, 0.7, 1.3)]))
def test_slices_agree_with_opencv_and_diameters_with_brute_force(mask, spacing):
    lesions = lesions_of(mask, mask * 0.5, spacing)
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    assert len(lesions) == count - 1
    expected = []
    for label in range(1, count):
        pixels = np.argwhere(labels == label)
        corners = np.concatenate([pixels + offset for offset in product((0, 1), repeat=2)])
        corners = corners * np.array(spacing[1:] if spacing else (1, 1))
        distances = np.linalg.norm(corners[:, None] - corners[None], axis=-1)
        expected.append((len(pixels), round(distances.max(), 6)))
    found = [(x.area_px, round(x.diameter_mm if spacing else x.diameter_px, 6)) for x in lesions]
    assert sorted(found) == sorted(expected)


@given(arrays(bool, (4, 6, 5)), st.integers(0, 12))
def test_numbers_are_those_of_the_lesions(mask, minimum):
    components = label_lesions(mask, minimum)
    lesions = find_lesions(components, mask * 0.5, Scan(mask))
    assert [lesion.number for lesion in lesions] == list(range(1, len(lesions) + 1))
    sizes = [lesion.volume_voxels for lesion in lesions]
    assert sizes == sorted(sizes, reverse=True)
    voxels = np.argwhere(components.mask)
    numbers = [components.at(*voxel) for voxel in voxels]
    assert [numbers.count(number) for number in range(1, len(sizes) + 1)] == sizes
    labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
    whole = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    assert sorted(sizes) == sorted(whole[whole >= minimum])
    assert not (components.mask & ~mask).any()


@pytest.mark.parametrize(
    "spacing, minimum, left",
    [
        (SPACING, 0, 2),
        (SPACING, 1.5, 2),
        (SPACING, 1.6, 1),
        (SPACING, 54, 1),
        (SPACING, 55, 0),
        (None, 1, 2),
        (None, 2, 1),
        (None, 37, 0),
    ],
)
def test_minimum_size(spacing, minimum, left):
    mask = two_lesions()
    scan = Scan(mask, spacing=spacing)
    components = label_lesions(mask, minimum, scan.voxel_mm3)
    assert len(find_lesions(components, mask * 1.0, scan)) == left
    assert components.mask.sum() == {0: 0, 1: 36, 2: 37}[left]
    assert mask.sum() == 37, "the mask handed in is left alone"


def test_slanted_axes_enclose_less():
    slanted = AFFINE.copy()
    slanted[1, 2] = 4.0  # slices 3 mm apart, each shifted by 4 mm
    lesion = lesions_of(two_lesions(), spacing=(5.0, 1.0, 0.5), affine=slanted)[0]
    assert lesion.volume_mm3 == pytest.approx(36 * 3.0 * 1.0 * 0.5)


def test_sheared_axes_in_the_plane():
    """Columns lean over by half a row, as after a registration with 12 parameters."""
    sheared = np.eye(4)
    sheared[0, 1] = 0.5
    mask = np.zeros((3, 40, 40), bool)
    mask[1, 10:20, 10:20] = True
    (lesion,) = lesions_of(mask, spacing=(1.0, 1.25**0.5, 1.0), affine=sheared)
    assert lesion.area_mm2 == pytest.approx(100.0) == pytest.approx(lesion.volume_mm3)
    assert lesion.diameter_mm == pytest.approx((15.0**2 + 10.0**2) ** 0.5)


def test_nothing_found():
    empty = np.zeros((3, 20, 20), bool)
    assert lesions_of(empty, spacing=SPACING) == ()
    assert not label_lesions(empty, 5, 1.5).mask.any()
    assert len(lesion_table([]).splitlines()) == 1


def test_table():
    mask = two_lesions()
    rows = list(csv.DictReader(io.StringIO(lesion_table(lesions_of(mask, None, SPACING, AFFINE)))))
    assert [row["number"] for row in rows] == ["1", "2"]
    assert float(rows[0]["volume_mm3"]) == 54
    assert float(rows[0]["centroid_slice"]) == 3
    assert float(rows[0]["centroid_ras_mm_z"]) == -11
    (row,) = csv.DictReader(io.StringIO(lesion_table(lesions_of(mask[8]))))
    assert row["volume_mm3"] == row["centroid_slice"] == row["centroid_ras_mm_x"] == ""
    assert (row["area_px"], row["centroid_row"], row["centroid_column"]) == (
        "1",
        "30.000",
        "40.000",
    )
