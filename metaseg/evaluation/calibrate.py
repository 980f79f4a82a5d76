"""One temperature and the best threshold, from validation slices alone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from metaseg.data.case import Case, read_case
from metaseg.errors import InputError
from metaseg.evaluation.pixels import PixelHistogram
from metaseg.preprocess import brain_masks
from metaseg.segmenter import Segmenter

GRID = tuple(round(0.05 + 0.025 * k, 3) for k in range(37))
"""Thresholds that are tried: 0.05 to 0.95."""


@dataclass(frozen=True)
class Calibration:
    """What ``calibrate`` found; ``temperature`` and ``threshold`` go into the checkpoint."""

    temperature: float
    threshold: float
    group_dice: float
    """At that threshold, the mean over data folders."""
    ece_before: float
    ece: float
    """Expected calibration error on brain pixels before and after the temperature."""
    cases: int


def calibrate(
    segmenter: Segmenter,
    model: str,
    cases: list[Case],
    progress: Callable[[Iterable[Case]], Iterable[Case]] = lambda cases: cases,
) -> Calibration:
    """The temperature that makes the brain pixels of ``cases`` most likely, and the threshold, on
    probabilities under that temperature, with the highest Dice per group.

    Dice per group counts slices without a lesion as well; each data folder weighs the same. The
    checkpoint ``model`` must have a temperature of 1. InputError where no case has a lesion.
    """
    config = segmenter.find(model).config
    if config.temperature != 1:
        raise ValueError(f"{model} is calibrated already")
    brain_pixels = PixelHistogram()
    pooled: dict[tuple[str, str], PixelHistogram] = {}
    for case in progress(cases):
        scan, truth = read_case(case)
        probability = segmenter.predict(scan, model).probability
        pooled.setdefault((case.source, case.group), PixelHistogram()).add(probability, truth)
        brains = brain_masks(scan, config.preprocessing)
        for said, real, brain in zip(probability, truth, brains):
            if brain is not None:
                inside = brain | real
                brain_pixels.add(said[inside], real[inside])
    if not any(histogram.positives.any() for histogram in pooled.values()):
        raise InputError("No validation case has a lesion: give other data folders.")
    temperature = brain_pixels.fit_temperature()
    scores = group_dice_by_threshold(pooled, temperature)
    best = int(scores.argmax())
    return Calibration(
        temperature,
        GRID[best],
        float(scores[best]),
        brain_pixels.calibration_error(),
        brain_pixels.calibration_error(temperature),
        len(cases),
    )


def group_dice_by_threshold(
    pooled: dict[tuple[str, str], PixelHistogram], temperature: float
) -> np.ndarray:
    """(len(GRID),) mean Dice per group, the mean over data folders."""
    by_source: dict[str, list[np.ndarray]] = {}
    for (source, _), histogram in pooled.items():
        hits, false = histogram.counts_from(GRID, temperature)
        lesion = histogram.positives.sum()
        with np.errstate(invalid="ignore"):
            by_source.setdefault(source, []).append(2 * hits / (hits + false + lesion))
    # A group without lesion in which nothing is predicted has no Dice, and then does not count.
    means = [np.ma.masked_invalid(scores).mean(axis=0).filled(0) for scores in by_source.values()]
    return np.mean(means, axis=0)
