"""Each shipped checkpoint's mask on two examples, pinned: neither code nor weights may drift."""

from pathlib import Path

import cv2
import pytest

from metaseg.hub.resolve import load_models, shipped_models
from metaseg.metrics import Counts
from metaseg.runtime import LIBRARIES
from metaseg.scan import read_scan
from metaseg.segmenter import Segmenter
from tests.conftest import EXAMPLES

GOLDEN = Path(__file__).parent / "golden"
SLICES = ("meningioma_axial.jpg", "pituitary_coronal.jpg")


@pytest.mark.parametrize("slice_name", SLICES)
@pytest.mark.parametrize("model", shipped_models())
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_shipped_mask_is_the_pinned_one(library, model, slice_name):
    pinned = cv2.imread(str(GOLDEN / f"{model}_{Path(slice_name).stem}.png"), cv2.IMREAD_UNCHANGED)
    (checkpoint,) = load_models([model])
    segmenter = Segmenter([checkpoint], library=library)
    prediction = segmenter.predict(read_scan(EXAMPLES / slice_name), model)
    mask = prediction.mask(checkpoint.config.threshold)[0]
    assert mask.any() and Counts.of(mask, pinned > 0).dice >= 0.99
