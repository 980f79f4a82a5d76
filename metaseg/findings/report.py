"""The report dict of a segmented scan, the same from the API, the page and the command line."""

import numpy as np

from metaseg.files import to_json
from metaseg.findings.lesions import find_lesions
from metaseg.findings.lesions3d import VolumeLesion, find_volume_lesions
from metaseg.metrics import Counts
from metaseg.prediction import Prediction
from metaseg.scan import Scan

SCHEMA = 1
RESEARCH_USE = "Research software, not a medical device: not for diagnosis or treatment."


def build_report(
    scan: Scan, prediction: Prediction, threshold: float, truth: np.ndarray | None = None
) -> dict:
    """What was found in ``scan``, ready for JSON; ``truth`` is (D, H, W) bool or None.

    In a volume every lesion also carries the ``slice`` it lies in, counted from 0.
    """
    mask = prediction.mask(threshold)
    notices = list(prediction.notices)
    if truth is not None and not truth.any():
        notices.append("The ground truth is empty, so the overlap metrics are undefined.")
    spacing = scan.spacing[1:] if scan.spacing else None
    lesions = [
        ({"slice": index} if scan.is_volume else {}) | lesion.to_dict()
        for index in range(len(mask))
        for lesion in find_lesions(mask[index], prediction.probability[index], spacing)
    ]
    return to_json(
        {
            "schema": SCHEMA,
            "model": prediction.title,
            "revision": prediction.revision,
            "threshold": threshold,
            "lesions": lesions,
            "metrics": None if truth is None else Counts.of(mask, truth).overlap(),
            "seconds": round(prediction.seconds, 3),
            "notices": [*notices, RESEARCH_USE],
        }
    )


def build_volume_report(
    scan: Scan,
    prediction: Prediction,
    mask: np.ndarray,
    threshold: float,
    minimum: float = 0.0,
    truth: np.ndarray | None = None,
) -> tuple[dict, list[VolumeLesion]]:
    """What was found in the volume ``scan`` with its lesions in three dimensions, for JSON.

    ``mask`` is (D, H, W) bool as ``drop_small`` leaves it at ``minimum`` (mm3; voxels where the
    scan has no spacing); ``truth`` likewise or None. Also returns the lesions for their table.
    """
    has_units = scan.spacing is not None
    affine = scan.affine if has_units else None
    lesions = find_volume_lesions(mask, prediction.probability, scan.spacing, affine)
    notices = list(prediction.notices)
    if not has_units:
        notices.append(
            "The spacing is unknown or ignored: all measurements are in pixels and voxels."
        )
    if truth is not None and not truth.any():
        notices.append("The ground truth is empty, so the overlap metrics are undefined.")
    report = {
        "schema": SCHEMA,
        "model": prediction.title,
        "revision": prediction.revision,
        "threshold": threshold,
        "plane": scan.plane,
        "slices": len(mask),
        "slices_with_lesion": np.flatnonzero(mask.any(axis=(1, 2))).tolist(),
        "spacing_mm": list(scan.spacing) if has_units else None,
        "min_lesion_mm3": minimum if has_units else None,
        "min_lesion_voxels": None if has_units else minimum,
        "lesions": [lesion.to_dict() for lesion in lesions],
        "metrics": None if truth is None else Counts.of(mask, truth).overlap(),
        "seconds": round(prediction.seconds, 3),
        "notices": [*notices, RESEARCH_USE],
    }
    return to_json(report), lesions
