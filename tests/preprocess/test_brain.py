"""The brain is found on phantoms of any size, and admitted to be unknown elsewhere."""

import numpy as np
import pytest

from metaseg.preprocess import brain_mask
from tests.phantom import BRAIN_SHARE, ellipse, head_slice


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * np.count_nonzero(first & second) / (first.sum() + second.sum())


@pytest.mark.parametrize("size", [96, 160, 321, 512])
@pytest.mark.parametrize("skull", [True, False])
def test_finds_the_brain(size: int, skull: bool) -> None:
    grey = head_slice(size, skull)
    brain = brain_mask(grey)
    assert brain is not None
    assert brain.dtype == bool and brain.shape == grey.shape
    assert dice(brain, ellipse(size, BRAIN_SHARE)) > 0.93


def test_works_on_slices_that_are_not_square() -> None:
    grey = np.pad(head_slice(160), ((0, 0), (30, 61)))
    brain = brain_mask(grey)
    assert brain is not None and brain.shape == grey.shape
    assert dice(brain, np.pad(ellipse(160, BRAIN_SHARE), ((0, 0), (30, 61)))) > 0.93


@pytest.mark.parametrize(
    "grey",
    [
        np.zeros((64, 64), np.uint8),
        np.full((64, 80), 90, np.uint8),
        np.random.default_rng(0).integers(0, 256, (128, 128), np.uint8),
        np.array([[7]], np.uint8),
        np.zeros((1, 300), np.uint8),
    ],
    ids=["black", "constant", "noise", "one pixel", "one row"],
)
def test_is_not_certain_without_a_head(grey: np.ndarray) -> None:
    brain = brain_mask(grey)
    assert brain is None or brain.mean() < 0.9
