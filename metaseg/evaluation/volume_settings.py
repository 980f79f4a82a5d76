"""Choose how a checkpoint judges volumes, on training patients."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from metaseg.checkpoint import Checkpoint
from metaseg.data.case import Case, read_case
from metaseg.errors import InputError
from metaseg.evaluation.challenge import challenge_scores
from metaseg.metrics import Counts
from metaseg.prediction import VolumeSettings
from metaseg.segmenter import Segmenter

GROWTHS = (1.0, 0.7, 0.5, 0.35, 0.25)
"""Candidate shares of the threshold that lesions grow to."""
SMALLEST = (0.0, 5.0, 10.0)
"""Candidate sizes in mm3. A ball of 10 mm3 measures 2.7 mm: gliomas, whose volumes decide, would
allow more, but small metastases must stay."""
GAIN = 0.005
"""What growth and size must each gain to be used; three planes must gain twice as much."""

NONE = VolumeSettings(all_planes=False, growth=1.0, smallest_mm3=0.0)


@dataclass(frozen=True)
class Tried:
    """Settings, and what they score: a mean over parts of the data, each weighing the same."""

    settings: VolumeSettings
    dice: float
    """Over all voxels of a volume."""
    lesion_dice: float
    """That of ``challenge_scores``, or ``dice`` where that is undefined."""
    seconds: float
    """Of the network, per volume."""

    @property
    def score(self) -> float:
        """The mean of both kinds of Dice."""
        return (self.dice + self.lesion_dice) / 2

    @property
    def value(self) -> float:
        """The score without what the settings must gain."""
        used = self.settings
        price = (used.growth < 1) + (used.smallest_mm3 > 0) + 2 * used.all_planes
        return self.score - GAIN * price


def both_dice(mask: np.ndarray, truth: np.ndarray, voxel_mm3: float) -> tuple[float, float]:
    """``dice`` and ``lesion_dice`` of Tried for one volume (D, H, W) bool."""
    dice = Counts.of(mask, truth).dice
    lesion_dice = challenge_scores(mask, truth, voxel_mm3).dice
    # Undefined where all lesions are smaller than the challenge counts.
    return dice, dice if np.isnan(lesion_dice) else lesion_dice


def choose_volume_settings(
    checkpoint: Checkpoint,
    parts: list[list[Case]],
    progress: Callable[[Iterable], Iterable] = lambda items: items,
) -> tuple[Tried, list[Tried]]:
    """The best of all settings for the volumes among the cases of ``parts``, which weigh the same,
    at the checkpoint's threshold; and all that were tried, ``NONE`` first.

    Raises InputError if no case is a volume with a lesion.
    """
    planes = (False, True)
    variants = [
        replace(
            checkpoint,
            name=str(all_planes),
            config=replace(checkpoint.config, volume=replace(NONE, all_planes=all_planes)),
        )
        for all_planes in planes
    ]
    segmenter = Segmenter(variants)
    settings = [VolumeSettings(*values) for values in product(planes, GROWTHS, SMALLEST)]
    scores: dict[int, list[list[tuple[float, float, float]]]] = {}
    for part, case in progress([(k, case) for k, cases in enumerate(parts) for case in cases]):
        scan, truth = read_case(case)
        if not scan.is_volume or not truth.any():
            continue
        voxel = scan.voxel_mm3 or 1.0
        predictions = {on: segmenter.predict(scan, str(on)) for on in planes}
        rows = []
        for tried in settings:
            prediction = replace(predictions[tried.all_planes], volume=tried)
            mask = prediction.mask(checkpoint.config.threshold)
            rows.append((*both_dice(mask, truth, voxel), prediction.seconds))
        scores.setdefault(part, []).append(rows)
    if not scores:
        raise InputError("No training case is a volume with a lesion: use other data folders.")
    means = np.mean([np.mean(rows, axis=0) for rows in scores.values()], axis=0)
    tried = [Tried(one, *map(float, mean)) for one, mean in zip(settings, means)]
    return max(tried, key=lambda one: one.value), tried
