"""Lesion detection slice by slice, and by volume with the BraTS-METS score."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from metaseg.evaluation.pixels import THRESHOLDS
from metaseg.findings.lesions import EIGHT_CONNECTED
from metaseg.prediction import Prediction

SIZES = (0, 5, 10, 20, 40, np.inf)
"""Limits of the diameter classes, in pixels of the scan (mm on the synthetic lesion benchmark)."""

BRATS_DILATION = ndimage.generate_binary_structure(3, 2)
BRATS_SMALLEST_MM3 = 2.0


@dataclass(frozen=True)
class Matched:
    """The lesions of one slice: 8-connected parts. One pixel in common is a match."""

    found: np.ndarray
    """(lesions of the ground truth,) bool."""
    diameters: np.ndarray
    """(lesions of the ground truth,) diameters of discs of the same area, in pixels."""
    false_positives: int
    """Predicted lesions that touch no lesion of the ground truth."""


def match_lesions(
    prediction: np.ndarray, truth: np.ndarray, ignored: np.ndarray | None = None
) -> Matched:
    """Match ``prediction`` (H, W) bool and ``truth`` (H, W), bool or int with numbered lesions.

    Predicted lesions that touch ``ignored`` (H, W) bool and no lesion of the ground truth are not
    counted.
    """
    labels = ndimage.label(truth, EIGHT_CONNECTED)[0] if truth.dtype == bool else truth
    areas = np.bincount(labels.ravel())[1:]
    found = np.isin(np.arange(1, len(areas) + 1), labels[prediction])
    parts, count = ndimage.label(prediction, EIGHT_CONNECTED)
    excused = (labels > 0) if ignored is None else (labels > 0) | ignored
    touching = np.unique(parts[excused])
    return Matched(found, 2 * np.sqrt(areas / np.pi), count - np.count_nonzero(touching))


def summarise_lesions(slices: list[tuple[str, Matched]], sizes: tuple[float, ...] = SIZES) -> dict:
    """Summary of (patient, matched) of every slice: sensitivity, also by diameter (``sizes`` are
    the class limits), false positives per slice and per patient, and lesion-wise F1.

    F1 is 2 TP / (2 TP + FP + FN) over all lesions. Values without a lesion are NaN.
    """
    found = np.concatenate([matched.found for _, matched in slices] or [np.zeros(0, bool)])
    diameters = np.concatenate([matched.diameters for _, matched in slices] or [np.zeros(0)])
    false = sum(matched.false_positives for _, matched in slices)
    hits, groups = int(found.sum()), {group for group, _ in slices}
    by_size = {}
    for low, high in pairwise(sizes):
        chosen = found[(diameters >= low) & (diameters < high)]
        name = f"{low:g}-{high:g}" if np.isfinite(high) else f"{low:g}+"
        by_size[name] = {"lesions": len(chosen), "sensitivity": _share(chosen.sum(), len(chosen))}
    return {
        "lesions": len(found),
        "sensitivity": _share(hits, len(found)),
        "sensitivity_by_size": by_size,
        "false_positives_per_slice": _share(false, len(slices)),
        "false_positives_per_group": _share(false, len(groups)),
        "f1": _share(2 * hits, hits + len(found) + false),
    }


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


class Froc:
    """Free-response ROC (Bunch et al. 1978): sensitivity against false positives per slice."""

    def __init__(self, thresholds: Sequence[float] = THRESHOLDS) -> None:
        self.thresholds = tuple(map(float, thresholds))
        self.counts = np.zeros((len(self.thresholds), 2), np.int64)
        self.lesions = self.slices = 0

    def add(self, prediction: Prediction, truth: np.ndarray) -> None:
        """The slices of one scan; ``truth`` is (D, H, W) bool."""
        labels = [ndimage.label(slice_, EIGHT_CONNECTED)[0] for slice_ in truth]
        self.lesions += sum(int(numbers.max()) for numbers in labels)
        self.slices += len(labels)
        for row, threshold in zip(self.counts, self.thresholds):
            for mask, numbers in zip(prediction.mask(threshold), labels):
                matched = match_lesions(mask, numbers)
                row += matched.found.sum(), matched.false_positives

    def curve(self) -> list[dict[str, float]]:
        """One point for each threshold; NaN if there is no lesion or no slice."""
        return [
            {
                "threshold": threshold,
                "sensitivity": _share(found, self.lesions),
                "false_positives_per_slice": _share(false, self.slices),
            }
            for threshold, (found, false) in zip(self.thresholds, self.counts)
        ]


def brats_lesion_dice(prediction: np.ndarray, truth: np.ndarray, voxel_mm3: float) -> float:
    """Lesion-wise Dice of a volume as BraTS-METS 2023 defines it (github.com/rachitsaluja/
    BraTS-2023-Metrics); both are (D, H, W) bool.

    Parts are 26-connected. Parts of the ground truth that one dilation joins are one lesion. A
    predicted part belongs to every lesion whose dilation it touches. The sum of the Dice of all
    lesions above 2 mm3 is divided by their number plus that of the predicted parts that belong to
    no lesion. 1 where both are empty.
    """
    everywhere = np.ones((3, 3, 3), bool)
    joined, count = ndimage.label(ndimage.binary_dilation(truth, BRATS_DILATION), everywhere)
    lesions = np.where(truth, joined, 0)
    parts, part_count = ndimage.label(prediction, everywhere)
    volumes = np.bincount(parts.ravel(), minlength=part_count + 1)
    taken: set[int] = set()
    scores = []
    for number in range(1, count + 1):
        lesion = lesions == number
        touched = np.unique(parts[ndimage.binary_dilation(lesion, BRATS_DILATION)])
        touched = touched[touched > 0]
        taken.update(touched.tolist())
        size = int(lesion.sum())
        if size * voxel_mm3 > BRATS_SMALLEST_MM3:
            both = np.count_nonzero(np.isin(parts[lesion], touched))
            scores.append(2 * both / (size + int(volumes[touched].sum())))
    whole = len(scores) + part_count - len(taken)
    return float(sum(scores) / whole) if whole else 1.0
