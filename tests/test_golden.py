"""Each shipped checkpoint's mask on two examples, pinned: neither code nor weights may drift.

``python -m tests.test_golden`` writes the pinned masks anew, for new weights.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest

from metaseg.hub.resolve import load_models, shipped_models
from metaseg.metrics import Counts
from metaseg.runtime import LIBRARIES
from metaseg.scan import read_scan
from metaseg.scan.pictures import write_png
from metaseg.segmenter import Segmenter
from tests.conftest import EXAMPLES

GOLDEN = Path(__file__).parent / "golden"
SLICES = ("meningioma_axial.jpg", "pituitary_coronal.jpg")


def pinned(model: str, slice_name: str) -> Path:
    return GOLDEN / f"{model}_{Path(slice_name).stem}.png"


def mask_of(model: str, slice_name: str, library: str | None = None) -> np.ndarray:
    (checkpoint,) = load_models([model])
    prediction = Segmenter([checkpoint], library=library).predict(
        read_scan(EXAMPLES / slice_name), model
    )
    return prediction.mask(checkpoint.config.threshold)[0]


@pytest.mark.parametrize("slice_name", SLICES)
@pytest.mark.parametrize("model", shipped_models())
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_shipped_mask_is_the_pinned_one(library, model, slice_name):
    expected = cv2.imread(str(pinned(model, slice_name)), cv2.IMREAD_UNCHANGED) > 0
    mask = mask_of(model, slice_name, library)
    assert mask.any() and Counts.of(mask, expected).dice >= 0.99


if __name__ == "__main__":
    for model in shipped_models():
        for slice_name in SLICES:
            write_png(pinned(model, slice_name), mask_of(model, slice_name))
