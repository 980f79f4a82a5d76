"""What the browser outlines of a volume is what the server outlines, voxel by voxel."""

import cv2
import nibabel
import numpy as np
import pytest

from metaseg.prediction import reaches
from metaseg.scan import read_scan
from tests.demo.browser import SLICE, give, needs_chromium, set_threshold

pytestmark = [needs_chromium, pytest.mark.slow]
OUTLINED = """async (name) => {
    const { shownOf } = await import("/viewer/masks.js");
    const { config } = await import("/viewer/state.js");
    const { voxels, level } = shownOf(config.networks.find((network) => network.name === name));
    return Array.from(voxels.data.keys()).filter((index) => voxels.data[index] >= level);
}"""


def test_outlines_of_a_volume_that_grow_are_those_of_the_server(page, served, tmp_path):
    small = cv2.resize(read_scan(SLICE).voxels[0], (128, 128), interpolation=cv2.INTER_AREA)
    voxels = np.stack([small.T * (4 < index < 28) for index in range(32)], axis=-1)
    path = tmp_path / "head.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels.astype(np.int16), np.eye(4)), path)
    give(page, path)
    set_threshold(page, "0.2")
    grown = 0
    for name in ("attention_unet", "nested_unet"):
        prediction = served.predict(read_scan(path), name)
        expected = prediction.mask(0.2)
        assert expected.any()
        assert np.array_equal(page.evaluate(OUTLINED, name), np.flatnonzero(expected))
        grown += np.count_nonzero(expected & ~reaches(prediction.probability, 0.2))
    assert grown
