"""Fit one temperature and choose two operating points on validation slices."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from metaseg.data.case import Case, read_case
from metaseg.errors import InputError
from metaseg.evaluation.lesionwise import Froc
from metaseg.evaluation.pixels import PixelHistogram
from metaseg.input_check import InputCheck, fit_input_check
from metaseg.prediction import Prediction
from metaseg.preprocess import brain_masks
from metaseg.scan import Scan
from metaseg.segmenter import Segmenter
from metaseg.synthesis.strange import KINDS, strange_pictures
from metaseg.synthesis.validation import slices_with_metastases

GRID = tuple(round(0.05 + 0.025 * k, 3) for k in range(37))
"""Candidate thresholds for the best Dice: 0.05 to 0.95."""

LOGITS = np.arange(-6, 4.01, 0.25)
"""Candidate logits for the sensitive threshold, before the temperature."""
FALSE_POSITIVES = 0.5
"""Most false positives per slice at the sensitive threshold."""
MOST_CASES = 240
"""Of a data folder, to say what slices look like."""


@dataclass(frozen=True)
class Calibration:
    """Result of ``calibrate``. The first three values go into the checkpoint.

    Slices with synthetic metastases count as separate data folders and patients.
    """

    temperature: float
    """1 if none lowers the calibration error."""
    threshold: float
    sensitive_threshold: float | None
    """None if every threshold up to ``threshold`` has more than FALSE_POSITIVES."""
    group_dice: float
    """At ``threshold``, the mean over patients."""
    sensitivity: float | None
    """Share of the lesions found at ``sensitive_threshold``, the mean over data folders."""
    false_positives_per_slice: float | None
    """At ``sensitive_threshold``, the mean over data folders."""
    ece_before: float
    ece: float
    """Expected calibration error on brain pixels before and after the temperature."""
    ece_by_data: dict[str, dict[str, float]]
    """``ece_before`` and ``ece`` of each data folder."""
    cases: int
    synthetic_slices: int
    """Slices with synthetic metastases, which have no part in the temperature."""


class Outputs:
    """A network's outputs on the validation slices, in compact form."""

    def __init__(self) -> None:
        self.brains: dict[str, PixelHistogram] = {}
        self.pooled: dict[tuple[str, str], PixelHistogram] = {}
        self.lesions: dict[str, Froc] = {}

    def add(self, case: Case, prediction: Prediction, truth: np.ndarray) -> None:
        """``truth`` is (D, H, W) bool, of ``case``."""
        pooled = self.pooled.setdefault((case.source, case.group), PixelHistogram())
        pooled.add(prediction.probability, truth)
        self.lesions.setdefault(case.source, Froc(expit(LOGITS))).add(prediction, truth)

    def add_brain(
        self, case: Case, probability: np.ndarray, truth: np.ndarray, brains: list
    ) -> None:
        """Pixels of the brain and of lesions, where ``brains`` are certain."""
        histogram = self.brains.setdefault(case.source, PixelHistogram())
        for confidence, real, brain in zip(probability, truth, brains):
            if brain is not None:
                inside = brain | real
                histogram.add(confidence[inside], real[inside])

    def calibration(self, cases: int, synthetic_slices: int) -> Calibration:
        """What ``calibrate`` chooses on them."""
        brain = sum(self.brains.values(), PixelHistogram())
        temperature = brain.fit_temperature()
        if not brain.calibration_error(temperature) < brain.calibration_error():
            temperature = 1.0
        scores = group_dice_by_threshold(self.pooled, temperature)
        best = int(scores.argmax())
        sensitive = choose_sensitive(self.lesions.values(), temperature * logit(GRID[best]))
        at, found, false = (None, None, None) if sensitive is None else sensitive
        return Calibration(
            temperature,
            GRID[best],
            None if at is None else round(float(expit(at / temperature)), 4),
            float(scores[best]),
            found,
            false,
            brain.calibration_error(),
            brain.calibration_error(temperature),
            {
                source: {
                    "ece_before": histogram.calibration_error(),
                    "ece": histogram.calibration_error(temperature),
                }
                for source, histogram in self.brains.items()
            },
            cases,
            synthetic_slices,
        )


def calibrate(
    segmenter: Segmenter,
    model: str,
    cases: list[Case],
    progress: Callable[[Iterable], Iterable] = lambda items: items,
) -> Calibration:
    """The temperature and the operating points of ``model`` on ``cases`` of validation.

    The temperature minimises the negative log-likelihood of their brain pixels; it stays 1 if that
    does not lower the calibration error. ``threshold`` has the highest Dice by patient.
    ``sensitive_threshold`` finds the most lesions at up to FALSE_POSITIVES per slice. Both are
    chosen after temperature scaling, on the cases and on copies with synthetic metastases; for the
    first each patient weighs the same, for the second each data folder. Dice by patient includes
    slices without a lesion.

    The checkpoint ``model`` must have a temperature of 1 and no settings for volumes. Raises
    InputError if no case has a lesion.
    """
    config = segmenter.find(model).config
    if config.temperature != 1 or config.volume is not None:
        raise ValueError(f"{model} is calibrated already")
    seen = Outputs()

    def look(case: Case, scan: Scan, truth: np.ndarray) -> np.ndarray:
        prediction = segmenter.predict(scan, model)
        seen.add(case, prediction, truth)
        return prediction.probability

    for case in progress(cases):
        scan, truth = read_case(case)
        confidence = look(case, scan, truth)
        seen.add_brain(case, confidence, truth, brain_masks(scan, config.preprocessing))
    if not any(histogram.positives.any() for histogram in seen.pooled.values()):
        raise InputError("No validation case has a lesion: use other data folders.")
    synthetic = list(slices_with_metastases(cases, config.preprocessing))
    for made in progress(synthetic):
        look(*made)
    return seen.calibration(len(cases), len(synthetic))


def check_input(
    segmenter: Segmenter,
    model: str,
    training: list[Case],
    validation: list[Case],
    progress: Callable[[Iterable], Iterable] = lambda items: items,
) -> InputCheck:
    """What tells ``model`` a slice unlike those of ``training``: fitted on its features of them and
    of strange pictures, with a limit that ``validation`` passes; on MOST_CASES of each data folder
    at most."""

    def look(scans: Iterable[Scan]) -> tuple[np.ndarray, np.ndarray]:
        """The features, and the number of the scan that each row is of."""
        found = [segmenter.features(scan, model) for scan in scans]
        counts = [len(f) for f in found]  # without tissue there are none
        if sum(counts) < 2:
            raise InputError(
                "There are too few slices with tissue to fit the input check: use data folders "
                "with more of them."
            )
        return np.concatenate([f for f in found if len(f)]), np.repeat(range(len(found)), counts)

    known, tried = (
        look(read_case(case)[0] for case in progress(_some(cases)))[0]
        for cases in (training, validation)
    )
    pictures = [Scan(p[None].astype(np.float32), eight_bit=True) for p in strange_pictures()]
    strange, numbers = look(progress(pictures))
    return fit_input_check(known, tried, strange, numbers % len(KINDS))


def _some(cases: list[Case]) -> list[Case]:
    chosen = []
    for source in dict.fromkeys(case.source for case in cases):
        own = [case for case in cases if case.source == source]
        places = np.linspace(0, len(own) - 1, min(MOST_CASES, len(own))).round().astype(int)
        chosen += [own[place] for place in places]
    return chosen


def choose_sensitive(lesions: Iterable[Froc], most: float) -> tuple[float, float, float] | None:
    """Of LOGITS up to ``most`` the one that finds most lesions at no more than FALSE_POSITIVES per
    slice, the highest of equals, and its sensitivity and false positives, all means over
    ``lesions`` of data folders; None if all have more."""
    curves = [froc.curve() for froc in lesions if froc.lesions]
    found, false = (
        np.mean([[point[key] for point in curve] for curve in curves], axis=0)
        for key in ("sensitivity", "false_positives_per_slice")
    )
    allowed = np.flatnonzero((false <= FALSE_POSITIVES) & (LOGITS <= most))
    if not len(allowed):
        return None
    best = max(allowed, key=lambda k: (found[k], k))
    return float(LOGITS[best]), float(found[best]), float(false[best])


def group_dice_by_threshold(
    pooled: dict[tuple[str, str], PixelHistogram], temperature: float
) -> np.ndarray:
    """(len(GRID),) mean Dice by patient. Each patient weighs the same: averaged over data folders,
    the only validation patient of a small one would decide."""
    scores = []
    for histogram in pooled.values():
        hits, false = histogram.counts_from(GRID, temperature)
        lesion = histogram.positives.sum()
        with np.errstate(invalid="ignore"):
            scores.append(2 * hits / (hits + false + lesion))
    # A patient without lesion and without prediction has no Dice and is not counted.
    return np.ma.masked_invalid(scores).mean(axis=0).filled(0)
