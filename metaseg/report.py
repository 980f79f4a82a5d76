"""The report dict of a segmented scan, the same from the API, the page and the command line."""

import numpy as np

from metaseg.lesions import find_lesions
from metaseg.metrics import Counts, to_json
from metaseg.scan import Scan
from metaseg.segmenter import Prediction

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
        notices.append("The ground truth is empty, so the overlap measures are undefined.")
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
