"""Overlap of masks, and how it is averaged.

Means of Dice, IoU, precision, recall and F1 cover slices with a lesion in the ground truth; an
empty prediction there scores 0 in all five. Slices without a lesion give a false-positive rate.
Pooled metrics and metrics by patient include both. Pixel-wise F1 equals Dice. Undefined values are
NaN here and null in JSON.
"""

import math
from dataclasses import dataclass

import numpy as np

OVERLAP_NAMES = ("dice", "iou", "precision", "recall", "f1")
BOOTSTRAP_DRAWS = 2000
BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class Counts:
    """Pixel (or voxel) counts of a prediction against its ground truth."""

    true_positives: int
    false_positives: int
    false_negatives: int

    @classmethod
    def of(cls, prediction: np.ndarray, truth: np.ndarray) -> "Counts":
        """Counts of two boolean arrays of the same shape; ValueError where the shapes differ."""
        if prediction.shape != truth.shape:
            raise ValueError(f"prediction {prediction.shape} and truth {truth.shape} differ")
        both = int(np.count_nonzero(prediction & truth))
        return cls(both, int(prediction.sum()) - both, int(truth.sum()) - both)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
        )

    @property
    def truth_is_empty(self) -> bool:
        """Whether the ground truth has no pixel of lesion."""
        return self.true_positives + self.false_negatives == 0

    @property
    def dice(self) -> float:
        """2 TP / (2 TP + FP + FN) (Dice 1945); NaN if both masks are empty."""
        wrong = self.false_positives + self.false_negatives
        return _ratio(2 * self.true_positives, 2 * self.true_positives + wrong)

    def overlap(self) -> dict[str, float]:
        """The five metrics by name; all NaN if the ground truth is empty."""
        if self.truth_is_empty:
            return dict.fromkeys(OVERLAP_NAMES, math.nan)
        hits = self.true_positives
        found = hits + self.false_positives
        return {
            "dice": self.dice,
            "iou": _ratio(hits, found + self.false_negatives),
            "precision": hits / found if found else 0.0,
            "recall": _ratio(hits, hits + self.false_negatives),
            "f1": self.dice,
        }


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else math.nan


def dice_by_threshold(
    probability: np.ndarray, truth: np.ndarray, thresholds: np.ndarray
) -> np.ndarray:
    """Dice of ``probability`` against ``truth`` (bool, same shape) at each of ``thresholds``, which
    rise: (T,) float, NaN if ground truth and prediction are both empty.

    A pixel counts if it reaches the threshold and its probability is not zero.
    """
    reached = np.searchsorted(thresholds, probability, side="right")
    reached[probability <= 0] = 0
    count = len(thresholds) + 1
    found, hits = (
        np.bincount(values.ravel(), minlength=count)[::-1].cumsum()[::-1][1:]
        for values in (reached, reached[truth])
    )
    sizes = found + np.count_nonzero(truth)
    return np.divide(2.0 * hits, sizes, out=np.full(len(thresholds), np.nan), where=sizes > 0)


def summarise(slices: list[tuple[str, Counts]]) -> dict:
    """The evaluation's summary of (patient, counts) of every slice. ``cases`` counts slices."""
    groups: dict[str, list[Counts]] = {}
    for group, counts in slices:
        groups.setdefault(group, []).append(counts)
    pooled = {group: sum(counts, Counts(0, 0, 0)) for group, counts in groups.items()}
    empty = [counts for _, counts in slices if counts.truth_is_empty]
    group_dice = [d for d in (counts.dice for counts in pooled.values()) if not math.isnan(d)]
    return {
        "cases": len(slices),
        "groups": len(groups),
        **{
            name: mean_with_interval(
                {
                    group: [c.overlap()[name] for c in counts if not c.truth_is_empty]
                    for group, counts in groups.items()
                }
            )
            for name in OVERLAP_NAMES
        },
        "group_dice": float(np.mean(group_dice)) if group_dice else math.nan,
        "pooled_dice": sum(pooled.values(), Counts(0, 0, 0)).dice,
        "empty_cases": len(empty),
        "empty_false_positive_rate": _ratio(sum(c.false_positives > 0 for c in empty), len(empty)),
    }


def mean_with_interval(by_group: dict[str, list[float]]) -> dict[str, float]:
    """Mean of all values, and its 95 % percentile bootstrap interval over patients.

    Whole patients are drawn, because slices of one patient are not independent (Efron and
    Tibshirani 1993).
    """
    values = [of_group for of_group in by_group.values() if of_group]
    if not values:
        return dict.fromkeys(("mean", "low", "high"), math.nan)
    sums = np.array([sum(of_group) for of_group in values])
    sizes = np.array([len(of_group) for of_group in values])
    mean = float(sums.sum() / sizes.sum())
    if len(values) == 1:
        return {"mean": mean, "low": math.nan, "high": math.nan}
    from scipy.stats import bootstrap  # late, as no mask needs it and it takes long to import

    interval = bootstrap(
        (sums, sizes),
        lambda s, n, axis: s.sum(axis=axis) / n.sum(axis=axis),
        paired=True,
        n_resamples=BOOTSTRAP_DRAWS,
        method="percentile",
        rng=np.random.default_rng(BOOTSTRAP_SEED),
    ).confidence_interval
    return {"mean": mean, "low": float(interval.low), "high": float(interval.high)}


SCORES = {
    "dice": "Dice",
    "iou": "IoU",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "group_dice": "Dice by patient or group",
    "pooled_dice": "Pooled Dice",
    "empty_false_positive_rate": "False-positive rate on empty slices",
}
"""Keys of an object in ``metrics.json`` with their displayed names, in the order of the card."""


def is_defined(score: object) -> bool:
    """Whether a score of ``metrics.json`` is defined: a number, or a mean with an interval."""
    return (score.get("mean") if isinstance(score, dict) else score) is not None


def show_score(score: float | dict[str, float] | None) -> str:
    """A score for display, for example ``0.712 (0.690 to 0.734)``; a dash if undefined."""
    if not isinstance(score, int | float | dict) or not is_defined(score):
        return "–"
    if not isinstance(score, dict):
        text = f"{score:.3f}"
    elif score.get("low") is None or score.get("high") is None:
        text = f"{score['mean']:.3f}"
    else:
        text = f"{score['mean']:.3f} ({score['low']:.3f} to {score['high']:.3f})"
    return text.replace("-", "−")
