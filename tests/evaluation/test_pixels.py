"""The histogram's figures against torchmetrics, and a temperature that is known."""

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from torchmetrics.functional.classification import (
    binary_average_precision,
    binary_calibration_error,
    binary_precision,
    binary_recall,
)

from metaseg.evaluation.pixels import PixelHistogram


def drawn(temperature: float = 1.0, count: int = 60_000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities too sure by ``temperature``, and what then came."""
    random = np.random.default_rng(0)
    said = random.normal(-1.5, 2.0, count)
    truth = random.random(count) < expit(said / temperature)
    return expit(said).astype(np.float32), truth


def counted(probability: np.ndarray, truth: np.ndarray) -> PixelHistogram:
    histogram = PixelHistogram()
    for part in np.array_split(np.arange(len(truth)), 3):
        histogram.add(probability[part], truth[part])
    return histogram


def test_precision_and_recall_agree_with_torchmetrics() -> None:
    probability, truth = drawn()
    measured = counted(probability, truth).precision_recall()
    p, t = torch.from_numpy(probability), torch.from_numpy(truth).int()
    expected = float(binary_average_precision(p, t))
    assert measured["average_precision"] == pytest.approx(expected, abs=2e-3)
    for point in measured["curve"][::6]:
        above = (p >= point["threshold"]).int()
        assert point["precision"] == pytest.approx(float(binary_precision(above, t)), abs=5e-3)
        assert point["recall"] == pytest.approx(float(binary_recall(above, t)), abs=5e-3)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_calibration_error_agrees_with_torchmetrics(temperature: float) -> None:
    probability, truth = drawn(1.7)
    changed = expit(logit(probability.astype(np.float64)) / temperature)
    expected = binary_calibration_error(
        torch.from_numpy(changed), torch.from_numpy(truth).int(), n_bins=15
    )
    found = counted(probability, truth).calibration_error(temperature)
    assert found == pytest.approx(float(expected), abs=2e-3)


def test_reliability_says_what_came_of_each_probability() -> None:
    histogram = PixelHistogram()
    histogram.add(np.array([0.5] * 10 + [0.9] * 4), np.arange(14) % 2 == 0)
    filled = {k: entry for k, entry in enumerate(histogram.reliability()) if entry["pixels"]}
    assert {k: entry["pixels"] for k, entry in filled.items()} == {7: 10, 13: 4}
    assert filled[13]["confidence"] == pytest.approx(0.9, abs=2e-3) and filled[13]["lesion"] == 0.5
    gaps = [
        entry["pixels"] * abs(entry["confidence"] - entry["lesion"]) for entry in filled.values()
    ]
    assert histogram.calibration_error() == pytest.approx(sum(gaps) / 14)
    softer = histogram.reliability(3.0)
    assert sum(entry["pixels"] for entry in softer) == 14 and softer[13]["pixels"] == 0


def test_the_temperature_is_found() -> None:
    histogram = counted(*drawn(1.7))
    temperature = histogram.fit_temperature()
    assert temperature == pytest.approx(1.7, abs=0.05)
    assert histogram.calibration_error(temperature) < 0.5 * histogram.calibration_error()


def test_nothing_to_measure_is_undefined() -> None:
    empty = PixelHistogram()
    assert np.isnan(empty.calibration_error()) and empty.fit_temperature() == 1.0
    assert np.isnan(empty.precision_recall()["average_precision"])
    empty.add(np.array([0.0, 0.4, 1.0]), np.zeros(3, bool))
    assert empty.pixels == 3 and np.isnan(empty.precision_recall()["average_precision"])
