"""Lesions of a volume, on bodies whose measures are known."""

import csv
import io

import numpy as np
import pytest

from metaseg.findings.lesions3d import drop_small, find_volume_lesions, lesion_table

SPACING = (3.0, 1.0, 0.5)
AFFINE = np.array([[-0.5, 0, 0, 40], [0, -1.0, 0, 30], [0, 0, 3.0, -20], [0, 0, 0, 1]])


def two_lesions() -> np.ndarray:
    mask = np.zeros((10, 40, 50), bool)
    mask[2:5, 10:14, 20:23] = True  # 36 voxels
    mask[8, 30, 40] = True
    return mask


def test_measures():
    mask = two_lesions()
    probability = np.where(mask, 0.75, 0.1).astype(np.float32)
    probability[3, 11, 21] = 1.0
    large, small = find_volume_lesions(mask, probability, SPACING, AFFINE)
    assert (large.number, small.number) == (1, 2)
    assert large.volume_voxels == 36
    assert large.volume_mm3 == pytest.approx(36 * 1.5)
    assert large.diameter_px == pytest.approx(5.0)  # 4 by 3 pixels
    assert large.diameter_mm == pytest.approx(np.hypot(4, 1.5))
    assert (large.first_slice, large.last_slice, large.diameter_slice) == (2, 4, 2)
    assert large.centroid == pytest.approx((3, 11.5, 21))
    assert large.centroid_ras_mm == pytest.approx((40 - 10.5, 30 - 11.5, -20 + 9))
    assert large.max_probability == 1.0
    assert large.mean_probability == pytest.approx((35 * 0.75 + 1) / 36)
    assert small.diameter_mm == pytest.approx(np.hypot(1, 0.5))


def test_26_connectivity_and_parts_within_a_slice():
    mask = np.zeros((3, 20, 20), bool)
    mask[0, 5, 5] = mask[1, 6, 6] = mask[0, 7, 7] = True
    (lesion,) = find_volume_lesions(mask, mask.astype(np.float32), None)
    assert lesion.volume_voxels == 3
    assert lesion.diameter_px == pytest.approx(np.sqrt(2))


def test_without_spacing_there_are_no_millimetres():
    mask = two_lesions()
    large, _ = find_volume_lesions(mask, mask.astype(np.float32), None)
    assert large.volume_mm3 is large.diameter_mm is large.centroid_ras_mm is None
    assert large.to_dict()["centroid"] == [3, 11.5, 21]


def test_longest_diameter_lies_in_the_right_slice():
    mask = np.zeros((4, 20, 20), bool)
    mask[:, 5, 5] = True
    mask[2, 5, 5:15] = True
    (lesion,) = find_volume_lesions(mask, mask.astype(np.float32), SPACING)
    assert lesion.diameter_slice == 2
    assert lesion.diameter_mm == pytest.approx(np.hypot(1, 5))


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
    kept = drop_small(mask, minimum, spacing)
    assert len(find_volume_lesions(kept, mask.astype(np.float32), spacing)) == left
    assert mask.sum() == 37, "the mask handed in is left alone"


def test_nothing_found():
    empty = np.zeros((3, 20, 20), bool)
    assert find_volume_lesions(empty, empty.astype(np.float32), SPACING) == []
    assert not drop_small(empty, 5, SPACING).any()
    assert len(lesion_table([]).splitlines()) == 1


def test_table():
    mask = two_lesions()
    lesions = find_volume_lesions(mask, mask.astype(np.float32), SPACING, AFFINE)
    rows = list(csv.DictReader(io.StringIO(lesion_table(lesions))))
    assert [row["number"] for row in rows] == ["1", "2"]
    assert float(rows[0]["volume_mm3"]) == 54
    assert float(rows[0]["centroid_slice"]) == 3
    assert float(rows[0]["centroid_ras_mm_z"]) == -11
    bare = lesion_table(find_volume_lesions(mask, mask.astype(np.float32), None))
    assert next(csv.DictReader(io.StringIO(bare)))["volume_mm3"] == ""
