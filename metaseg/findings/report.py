"""What one threshold makes of a prediction: mask, lesions and the report of them, the same from the
API, the page and the command line."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from metaseg.files import to_json
from metaseg.findings.lesions import Components, Lesion, find_lesions, label_lesions
from metaseg.metrics import Counts
from metaseg.prediction import Prediction
from metaseg.scan import Scan

SCHEMA = 2
RESEARCH_USE = "Research software, not a medical device: not for diagnosis or treatment."

DOUBTFUL = (
    "Seen on one slice alone, though slices are 1 mm apart or less, and therefore doubtful: "
    "lesion {}."
)


@dataclass(frozen=True)
class Changes:
    """What a person changed in the networks' result."""

    rejected: tuple[Lesion, ...]
    """The regions that were taken out, with their numbers before."""
    added: tuple[Lesion, ...]
    """The regions that were taken from the probability map."""
    painted_voxels: int
    erased_voxels: int
    edited_slices: tuple[int, ...]
    """The slices that were painted or erased on, from 0."""


@dataclass(frozen=True)
class Report:
    """What was found in a scan; a single slice is a volume of one slice."""

    schema: int
    model: str
    """The network's title."""
    revision: str
    threshold: float
    plane: str | None
    """The plane of the slices; None if the scan does not say how it lies in the patient."""
    slices: int
    slices_with_lesion: tuple[int, ...]
    """From 0."""
    spacing_mm: tuple[float, float, float] | None
    """Distance of slices, rows and columns; None if it is unknown or ignored."""
    min_lesion_mm3: float | None
    """Smaller lesions were left out; None without a spacing, where the next one counts."""
    min_lesion_voxels: float | None
    lesions: tuple[Lesion, ...]
    """The largest first."""
    metrics: dict[str, float] | None
    """``dice``, ``iou``, ``precision``, ``recall`` and ``f1`` over all voxels, NaN if the ground
    truth is empty; None without one."""
    seconds: float
    notices: tuple[str, ...]
    """Sentences on what was odd, and what the result may be used for."""
    review: Changes | None = None
    """What a person changed; None if nobody reviewed the result."""

    def to_json(self) -> dict[str, Any]:
        """The fields by name for JSON, and ``reviewed``; what is undefined is None."""
        return to_json({**asdict(self), "reviewed": self.review is not None})


@dataclass(frozen=True)
class Findings:
    """What one threshold makes of a prediction."""

    report: Report
    mask: np.ndarray = field(repr=False)
    """(D, H, W) bool, without the lesions that were left out."""
    components: Components = field(repr=False)
    """Which lesion each voxel of ``mask`` belongs to."""


def find(
    scan: Scan,
    prediction: Prediction,
    threshold: float,
    minimum: float = 0.0,
    truth: np.ndarray | None = None,
    mask: np.ndarray | None = None,
) -> Findings:
    """What is in ``scan`` where the probability reaches ``threshold``, volumes being judged as the
    checkpoint's settings say.

    Lesions smaller than ``minimum`` are left out: mm3, or voxels where the scan has no spacing.
    ``truth`` is (D, H, W) bool or None. ``mask`` is this slice's part of its volume's mask.
    """
    minimum = max(minimum, prediction.smallest)
    whole = prediction.mask(threshold) if mask is None else mask
    components = label_lesions(whole, minimum, scan.voxel_mm3)
    return findings_of(scan, prediction, threshold, minimum, components, truth)


def findings_of(
    scan: Scan,
    prediction: Prediction,
    threshold: float,
    minimum: float,
    components: Components,
    truth: np.ndarray | None = None,
    review: Changes | None = None,
) -> Findings:
    """The findings whose lesions are ``components``: see ``find``."""
    spacing, mask = scan.spacing, components.mask
    notices = list(prediction.notices)
    if spacing is None and scan.is_volume:
        notices.append(
            "The spacing is unknown or ignored: all measurements are in pixels and voxels."
        )
    lesions = find_lesions(components, prediction.probability, scan)
    if doubtful := [str(lesion.number) for lesion in lesions if lesion.doubtful]:
        notices.append(DOUBTFUL.format(", ".join(doubtful)))
    if truth is not None and not truth.any():
        notices.append("The ground truth is empty, so the overlap metrics are undefined.")
    report = Report(
        schema=SCHEMA,
        model=prediction.title,
        revision=prediction.revision,
        threshold=threshold,
        plane=None if scan.affine is None else scan.plane,
        slices=len(mask),
        slices_with_lesion=tuple(np.flatnonzero(mask.any(axis=(1, 2))).tolist()),
        spacing_mm=spacing,
        min_lesion_mm3=None if spacing is None else minimum,
        min_lesion_voxels=minimum if spacing is None else None,
        lesions=lesions,
        metrics=None if truth is None else Counts.of(mask, truth).overlap(),
        seconds=round(prediction.seconds, 3),
        notices=(*notices, RESEARCH_USE),
        review=review,
    )
    return Findings(report, mask, components)
