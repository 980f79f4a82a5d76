"""Metrics of one checkpoint, collected slice by slice."""

import math
from dataclasses import asdict, fields

import numpy as np

from metaseg.data.case import Case
from metaseg.evaluation.challenge import ChallengeScores, challenge_scores
from metaseg.evaluation.lesionwise import (
    Froc,
    Matched,
    brats_lesion_dice,
    match_lesions,
    summarise_lesions,
)
from metaseg.evaluation.pixels import PixelHistogram
from metaseg.evaluation.surface import surface_measures
from metaseg.input_check import UNLIKE
from metaseg.metrics import Counts, mean_with_interval, summarise
from metaseg.prediction import Prediction
from metaseg.scan import Scan


class Tally:
    """Collects predictions one by one and keeps no pictures."""

    def __init__(self, threshold: float, temperature: float, sensitive: float | None = None):
        """``threshold`` gives the masks and ``sensitive`` the other operating point. The
        probabilities already include ``temperature``."""
        self.threshold, self.temperature = threshold, temperature
        self.slices: list[tuple[str, Counts]] = []
        self.cases: list[tuple[str, str, int, Counts]] = []
        self.lesions: list[tuple[str, Matched]] = []
        self.surfaces: dict[str, dict[str, list[float]]] = {"hd95": {}, "surface_dice": {}}
        self.volumes: dict[str, list[float]] = {}
        self.challenge: dict[str, dict[str, list[float]]] = {
            field.name: {} for field in fields(ChallengeScores)
        }
        self.pixels, self.brain, self.brain_slices = PixelHistogram(), PixelHistogram(), 0
        self.froc = Froc()
        named = {"threshold": threshold, "sensitive_threshold": sensitive}
        self.points = {name: Froc([at]) for name, at in named.items() if at is not None}
        self.seconds, self.unlike = 0.0, 0
        self.measured = True

    def add(
        self,
        case: Case,
        scan: Scan,
        truth: np.ndarray,
        prediction: Prediction,
        brains: list[np.ndarray | None],
    ) -> None:
        """``scan`` and ``truth`` (D, H, W) bool of ``case``; ``brains`` are its ``brain_masks``."""
        group = case.group
        masks = prediction.mask(self.threshold)
        self.cases.append((case.name, group, len(masks), Counts.of(masks, truth)))
        self.seconds += prediction.seconds
        self.unlike += UNLIKE in prediction.notices
        for froc in (self.froc, *self.points.values()):
            froc.add(prediction, truth)
        for probability, mask, real, brain in zip(prediction.probability, masks, truth, brains):
            self.slices.append((group, Counts.of(mask, real)))
            self.lesions.append((group, match_lesions(mask, real)))
            self.pixels.add(probability, real)
            if brain is not None:
                inside = brain | real
                self.brain.add(probability[inside], real[inside])
                self.brain_slices += 1
            if real.any():
                for name, value in surface_measures(mask, real).items():
                    self.surfaces[name].setdefault(group, []).append(value)
        if scan.is_volume:
            voxel = scan.voxel_mm3 or 1.0
            self.measured &= scan.voxel_mm3 is not None
            self.volumes.setdefault(group, []).append(brats_lesion_dice(masks, truth, voxel))
            for name, value in asdict(challenge_scores(masks, truth, voxel)).items():
                if not math.isnan(value):
                    self.challenge[name].setdefault(group, []).append(value)

    def summarise(self) -> dict:
        """The result of ``metrics.summarise``, and also: ``hd95`` (pixels) and ``surface_dice``,
        ``lesion_wise`` (8-connected lesions of slices, diameters in pixels), ``brats_lesion_dice``
        and ``challenge`` (``ChallengeScores``) of volumes, whose ``challenge_unit`` is voxels where
        the spacing of any is unknown, ``precision_recall``, ``froc``, its
        points at the ``operating_points`` of the checkpoint, and ``calibration`` on brain pixels,
        where the brain is certain, with the checkpoint's temperature, and with that undone in the
        mean of all views."""
        brain = self.brain
        return {
            **summarise(self.slices),
            **{name: mean_with_interval(values) for name, values in self.surfaces.items()},
            "lesion_wise": summarise_lesions(self.lesions),
            "brats_lesion_dice": mean_with_interval(self.volumes),
            "challenge": {k: mean_with_interval(v) for k, v in self.challenge.items()},
            "challenge_unit": "mm3" if self.measured else "voxels",
            "precision_recall": self.pixels.precision_recall(),
            "froc": self.froc.curve(),
            "operating_points": {name: froc.curve()[0] for name, froc in self.points.items()},
            "calibration": {
                "slices": self.brain_slices,
                "ece_before": brain.calibration_error(1 / self.temperature),
                "ece": brain.calibration_error(),
                "reliability_before": brain.reliability(1 / self.temperature),
                "reliability": brain.reliability(),
            },
        }

    def case_rows(self) -> list[dict]:
        """One row a case, its slices pooled."""
        return [
            {"case": name, "group": group, "slices": slices, **asdict(counts), "dice": counts.dice}
            for name, group, slices, counts in self.cases
        ]

    def slice_rows(self) -> list[dict]:
        """One row a slice, in the order of the cases; ``slice`` counts from 0 in its case."""
        places = [(name, index) for name, _, depth, _ in self.cases for index in range(depth)]
        return [
            {
                "case": name,
                "slice": index,
                "group": group,
                "lesion_pixels": counts.true_positives + counts.false_negatives,
                "dice": counts.dice,
            }
            for (name, index), (group, counts) in zip(places, self.slices)
        ]

    def passed_input_check(self) -> float:
        """Share of the scans without the notice that they are unlike those of the training."""
        return 1 - self.unlike / len(self.cases) if self.cases else float("nan")

    def speed(self) -> dict[str, float]:
        """Seconds per slice, from the scan to its probabilities, on the device used."""
        count = len(self.slices)
        return {"seconds_per_slice": self.seconds / count if count else float("nan")}
