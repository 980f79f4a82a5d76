"""The stress set is the same every time; with the data folder at hand, as large as promised."""

import os
from pathlib import Path

import numpy as np
import pytest

from metaseg.data.stress import FROZEN, StressSlice, fingerprint, place_for_test, stress_set
from tests.phantom import ellipse, head_slice

GREY = head_slice(400)
TUMOUR = np.zeros(GREY.shape, bool)
TUMOUR[150:190, 230:260] = True


def made(seed: int = 0, upright: bool = False) -> tuple[np.ndarray, np.ndarray, tuple]:
    random = np.random.default_rng(seed)
    result = place_for_test(GREY, TUMOUR, upright, [3.5, 8.0, 15.0], random, 0.49)
    assert result is not None
    return result


def test_labels_are_numbered_as_the_diameters() -> None:
    grey, labels, diameters = made()
    assert grey.dtype == np.uint8 and grey.shape == GREY.shape
    assert labels.max() == len(diameters) == 3
    assert list(diameters) == sorted(diameters, reverse=True)
    assert not (labels[TUMOUR] > 0).any() and np.array_equal(grey[TUMOUR], GREY[TUMOUR])


@pytest.mark.parametrize("upright", [True, False])
def test_lesions_stay_well_inside_the_brain(upright: bool) -> None:
    for seed in range(5):
        labels = made(seed, upright)[1]
        assert (ellipse(400, 0.8)[labels > 0]).all()


def test_the_fingerprint_tells_a_changed_pixel() -> None:
    grey, labels, diameters = made()
    first = StressSlice("1", "a", grey, labels, TUMOUR, diameters)
    again = StressSlice("1", "a", *made()[:2], TUMOUR, diameters)
    touched = grey.copy()
    touched[0, 0] += 1
    other = StressSlice("1", "a", touched, labels, TUMOUR, diameters)
    assert fingerprint([first]) == fingerprint([again]) != fingerprint([other])


def test_a_slice_without_a_brain_is_left_out() -> None:
    black = np.zeros((200, 200), np.uint8)
    random = np.random.default_rng(0)
    assert place_for_test(black, black > 0, False, [8.0], random, 0.49) is None


@pytest.mark.slow
def test_the_set_from_the_data_folder() -> None:
    folder = Path(os.environ.get("METASEG_DATA", "")) / "t1ce_slices"
    if "METASEG_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("METASEG_DATA does not name a folder that holds t1ce_slices")
    slices = list(stress_set(folder))
    assert fingerprint(slices) == "c8295de8d312"
    assert 100 <= len(slices) <= FROZEN.slices
    diameters = np.concatenate([item.diameters for item in slices])
    for low, high in FROZEN.bins:
        assert np.count_nonzero((diameters >= low) & (diameters < high)) >= 25
