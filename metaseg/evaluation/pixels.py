"""Pixels by their logit: precision and recall, calibration and temperature from one histogram."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

LIMIT, STEP = 14.0, 0.02
"""Logits are counted from -LIMIT to LIMIT in bins STEP wide."""

CENTRES = np.arange(-LIMIT + STEP / 2, LIMIT, STEP)

THRESHOLDS = tuple(round(0.05 * k, 2) for k in range(1, 20))
"""The thresholds of every curve."""

ECE_BINS = 15
"""Bins of equal width, as in Guo et al. 2017."""


class PixelHistogram:
    """Histogram of the logits of lesion pixels and other pixels. Every slice adds to it, it stays
    small, and any temperature can be tried afterwards."""

    def __init__(self) -> None:
        self.positives = np.zeros(len(CENTRES), np.int64)
        self.negatives = np.zeros(len(CENTRES), np.int64)

    def add(self, probability: np.ndarray, truth: np.ndarray) -> None:
        """Count pixels with a ``probability`` in [0, 1] and their ``truth``, bool of its shape."""
        smallest = float(expit(-LIMIT))
        values = logit(np.clip(probability.astype(np.float64), smallest, 1 - smallest))
        bins = np.clip((values + LIMIT) / STEP, 0, len(CENTRES) - 1).astype(np.int64)
        self.positives += np.bincount(bins[truth], minlength=len(CENTRES))
        self.negatives += np.bincount(bins[~truth], minlength=len(CENTRES))

    def __add__(self, other: "PixelHistogram") -> "PixelHistogram":
        total = PixelHistogram()
        total.positives = self.positives + other.positives
        total.negatives = self.negatives + other.negatives
        return total

    @property
    def pixels(self) -> int:
        """How many pixels were counted."""
        return int(self.positives.sum() + self.negatives.sum())

    def counts_from(
        self, thresholds: Sequence[float], temperature: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lesion pixels and other pixels that reach each of ``thresholds`` after division of the
        logits by ``temperature``: two arrays (len(thresholds),)."""
        first = np.searchsorted(CENTRES, np.asarray(logit(thresholds)) * temperature)
        reaching = (
            np.append(np.cumsum(c[::-1])[::-1], 0) for c in (self.positives, self.negatives)
        )
        hits, false = (counts[first] for counts in reaching)
        return hits, false

    def precision_recall(self) -> dict:
        """``average_precision`` and a ``curve`` of precision and recall at THRESHOLDS.

        NaN without a lesion; precision is NaN if no pixel reaches a threshold.
        """
        hits = np.cumsum(self.positives[::-1])[::-1].astype(float)
        found = hits + np.cumsum(self.negatives[::-1])[::-1]
        lesion = hits[0]
        with np.errstate(invalid="ignore", divide="ignore"):
            precision, recall = hits / found, hits / lesion
            steps = -np.diff(np.append(recall, 0.0))
            average = float(np.nansum(steps * precision)) if lesion else float("nan")
        first = np.searchsorted(CENTRES, logit(THRESHOLDS))
        curve = [
            {"threshold": t, "precision": float(precision[k]), "recall": float(recall[k])}
            for t, k in zip(THRESHOLDS, first)
        ]
        return {"average_precision": average, "curve": curve}

    def calibration_error(self, temperature: float = 1.0) -> float:
        """Expected calibration error of the probabilities, their logits divided by
        ``temperature`` (Guo et al. 2017, ICML); NaN without a pixel."""
        if not self.pixels:
            return float("nan")
        confidence, lesion, _ = self._by_probability(temperature)
        return float(np.abs(confidence - lesion).sum() / self.pixels)

    def reliability(self, temperature: float = 1.0) -> list[dict[str, float]]:
        """The bins of ``calibration_error``: the mean predicted probability (``confidence``), the
        share of ``lesion`` pixels, and the number of ``pixels``; NaN for an empty bin."""
        confidence, lesion, count = self._by_probability(temperature)
        with np.errstate(invalid="ignore"):
            return [
                {"confidence": float(s), "lesion": float(share), "pixels": int(n)}
                for s, share, n in zip(confidence / count, lesion / count, count)
            ]

    def _by_probability(self, temperature: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each of ECE_BINS: the sum of probabilities, the pixels of lesion, all pixels."""
        confidence = expit(CENTRES / temperature)
        bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
        count = self.positives + self.negatives
        return tuple(  # pyright: ignore[reportReturnType]
            np.bincount(bins, weights, minlength=ECE_BINS)
            for weights in (confidence * count, self.positives, count)
        )

    def fit_temperature(self) -> float:
        """The temperature, 0.1 to 10, with the lowest negative log-likelihood; 1 if there are only
        lesion pixels or none."""
        if not self.positives.any() or not self.negatives.any():
            return 1.0

        def negative_log_likelihood(log_temperature: float) -> float:
            values = CENTRES / np.exp(log_temperature)
            wrong = self.positives * np.logaddexp(0, -values)
            return float((wrong + self.negatives * np.logaddexp(0, values)).sum() / self.pixels)

        found = minimize_scalar(negative_log_likelihood, bounds=np.log((0.1, 10)), method="bounded")
        return float(np.exp(found.x))  # pyright: ignore[reportAttributeAccessIssue]
