"""The result that every export starts from: each network's findings after the review."""

from dataclasses import dataclass

import numpy as np

from metaseg.demo.render import Inputs, chosen_models, open_inputs, present_slice
from metaseg.demo.workbench import OpenScan, Workbench
from metaseg.findings.matching import Regions
from metaseg.findings.overlay import PREDICTION_COLOURS, TRUTH_COLOUR
from metaseg.findings.report import Findings
from metaseg.findings.review import Review, Voxel, apply_review
from metaseg.prediction import Prediction

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Result:
    """What the page shows, without the view."""

    opened: OpenScan
    predictions: tuple[Prediction, ...]
    """One for each chosen network; no review changes them."""
    unreviewed: tuple[Findings, ...]
    findings: tuple[Findings, ...]
    """After the review; the same as ``unreviewed`` without one."""
    regions: Regions
    colours: tuple[Colour, ...]
    """Of the networks."""
    viewed: int
    """The slice in view, from 0."""
    review: Review | None
    rejections: tuple[tuple[Voxel, ...], ...] = ()
    """As in ``Reviewed``."""

    def outlines(self, index: int, truth: bool = True) -> list[tuple[np.ndarray, Colour]]:
        """What is outlined on slice ``index``: masks (H, W) bool with their colours."""
        drawn = [(found.mask[index], colour) for found, colour in zip(self.findings, self.colours)]
        if truth and self.opened.truth is not None:
            drawn.insert(0, (self.opened.truth[index], TRUTH_COLOUR))
        return drawn

    @property
    def main_slice(self) -> int:
        """The slice of the largest region, or the one in view if there is none."""
        outlined = self.regions.outlined
        return outlined[0].lesion.diameter_slice if outlined else self.viewed


def result_of(workbench: Workbench, inputs: Inputs, review: Review | None = None) -> Result:
    """The result for ``inputs``, from stored predictions. An unreadable ground truth is left out,
    as on the page. Raises InputError for any other error, and for a ``review`` of another scan."""
    opened, _ = open_inputs(workbench, inputs)
    chosen = chosen_models(workbench, inputs.model)
    checkpoints = [workbench.segmenter.find(model) for model in chosen]
    names = [checkpoint.name for checkpoint in checkpoints]
    predictions = tuple(workbench.predict_each(opened, names))
    unreviewed = tuple(workbench.find_in_volume(opened, name, inputs.threshold) for name in names)
    if review:
        changed = apply_review(review, opened.scan, predictions, unreviewed, opened.truth)
        findings, regions, rejections = changed.findings, changed.regions, changed.rejections
    else:
        findings, rejections = unreviewed, ()
        regions = workbench.match(opened, names, inputs.threshold)
    return Result(
        opened,
        predictions,
        unreviewed,
        findings,
        regions,
        tuple(PREDICTION_COLOURS[checkpoint.config.architecture] for checkpoint in checkpoints),
        present_slice(opened, inputs),
        review or None,
        rejections,
    )
