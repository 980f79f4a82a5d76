"""What a checkpoint's settings for volumes do to a prediction."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage
from scipy.interpolate import interp1d

from metaseg.findings.report import DOUBTFUL, find
from metaseg.prediction import Prediction, VolumeSettings, reaches
from metaseg.scan import Scan
from metaseg.scan.planes import array_in_plane, in_plane, is_isotropic
from metaseg.segmenter import Segmenter
from tests.conftest import draw_head, small_checkpoint
from tests.volumes import affine_of

ONCE = VolumeSettings(all_planes=False, growth=1.0, smallest_mm3=0.0)


def predicted(probability: np.ndarray, volume: VolumeSettings | None, mm3: float | None = 1.0):
    return Prediction(probability, "unet", "U-Net", "0" * 64, 1.0, (), volume, mm3)


@pytest.fixture
def lesions() -> np.ndarray:
    """A lesion of 0.8 with arms of 0.4 through the slices, one of 0.4 alone, one voxel of 0.9."""
    probability = np.zeros((6, 12, 12), np.float32)
    probability[1, 2:5, 2:5] = 0.8
    probability[2, 2:5, 5] = 0.4
    probability[3, 3, 6] = 0.4
    probability[3:5, 8:10, 1:3] = 0.4
    probability[5, 10, 10] = 0.9
    return probability


def test_a_lesion_grows_through_the_slices_to_the_lower_threshold(lesions):
    grown = predicted(lesions, replace(ONCE, growth=0.5)).mask(0.6)
    expected = lesions >= 0.3
    expected[3:5, 8:10, 1:3] = False
    assert np.array_equal(grown, expected) and grown.sum() == 9 + 3 + 1 + 1
    less = predicted(lesions, replace(ONCE, growth=0.7)).mask(0.6)
    assert np.array_equal(less, predicted(lesions, None).mask(0.6))
    assert not predicted(np.zeros_like(lesions), replace(ONCE, growth=0.5)).mask(0.0).any()


def test_small_lesions_are_left_out_where_the_voxel_is_known(lesions):
    smallest = replace(ONCE, smallest_mm3=9.0)
    assert predicted(lesions, smallest).mask(0.6).sum() == 9
    assert predicted(lesions, smallest, 0.9).mask(0.6).sum() == 0
    assert predicted(lesions, smallest, None).mask(0.6).sum() == 10
    assert predicted(lesions, replace(smallest, growth=0.5), 9 / 13).mask(0.6).sum() == 13


@given(
    arrays.arrays(np.int8, (3, 5, 6), elements=st.integers(0, 8)),
    st.integers(0, 8),
    st.integers(1, 8),
)
@settings(deadline=None, max_examples=60)
def test_hysteresis_is_propagation_from_the_seeds(probability, threshold, growth):
    """Against scipy's binary propagation, an implementation of its own."""
    values = (probability / 8).astype(np.float32)
    seeds = reaches(values, threshold / 8)
    allowed = reaches(values, threshold / 8 * growth / 8)
    expected = ndimage.binary_propagation(seeds, np.ones((3, 3, 3)), allowed)
    made = predicted(values, replace(ONCE, growth=growth / 8)).mask(threshold / 8)
    assert np.array_equal(made, expected)


def test_lesions_grow_to_a_step_that_the_page_can_show():
    values = np.zeros((1, 1, 1), np.float32)
    for growth, lowest in ((0.7, 0.37), (0.5, 0.265), (0.8, 0.42), (1, 0.525)):
        assert predicted(values, replace(ONCE, growth=growth)).lowest(0.525) == lowest
    assert predicted(values, replace(ONCE, growth=0.7)).lowest(0.001) == 0.001
    assert predicted(values, None).lowest(0.525) == 0.525


def head_volume(spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Scan:
    """A drawn head of 60 slices with axes to right, front and head."""
    head = draw_head((64, 60))[0].astype(np.float32)
    voxels = np.stack([head * (20 < index < 45) for index in range(60)])
    affine = affine_of(("L", "P", "S"), spacing[::-1])
    return Scan(voxels, "v", True, spacing, affine, ("L", "P", "S"), "axial")


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_mean_over_three_planes_is_that_of_three_predictions(mirrored):
    """Of the other planes every third slice is seen, and those between are interpolated; no mirror
    image is."""
    whole = head_volume()
    # The last cut with tissue that is seen has two behind it.
    scan = replace(whole, voxels=whole.voxels[..., :54])
    once, plain, averaged = (
        Segmenter([small_checkpoint("unet", **changes)], "cpu")
        for changes in (
            {},
            {"mirrored": mirrored},
            {"mirrored": mirrored, "volume": replace(ONCE, all_planes=True)},
        )
    )
    parts = [once.predict(scan, "unet").probability]
    for plane in ("coronal", "sagittal"):
        cut = in_plane(scan, plane)
        assert np.array_equal(array_in_plane(scan.voxels, scan, plane), cut.voxels)
        probability = once.predict(cut, "unet").probability
        seen = np.arange(0, len(probability), 3)
        ends = probability[0], probability[seen[-1]]
        between = interp1d(seen, probability[seen], axis=0, bounds_error=False, fill_value=ends)
        filled = between(np.arange(len(probability)))
        parts.append(in_plane(replace(cut, voxels=filled), "axial").voxels)
    seen = []
    prediction = averaged.predict(
        scan, "unet", lambda batches: seen.append(len(batches)) or batches
    )
    np.testing.assert_allclose(prediction.probability, np.mean(parts, axis=0), atol=1e-6)
    assert np.abs(prediction.probability - parts[0]).max() > 0.01
    assert len(seen) == 1 and seen[0] > 40  # one run over the slices of all three planes
    assert prediction.voxel_mm3 == 1.0 and prediction.volume.all_planes
    flat = head_volume((3.0, 1.0, 1.0))
    assert is_isotropic(scan) and not is_isotropic(flat)
    assert not is_isotropic(replace(scan, voxels=scan.voxels[:8].repeat(2, axis=2)))  # a slab
    np.testing.assert_array_equal(
        averaged.predict(flat, "unet").probability, plain.predict(flat, "unet").probability
    )


def test_a_single_slice_has_no_settings_for_volumes():
    settings = VolumeSettings(all_planes=True, growth=0.2, smallest_mm3=50)
    segmenter = Segmenter([small_checkpoint("unet", volume=settings)], "cpu")
    scan = head_volume()
    one = replace(scan, voxels=scan.voxels[30:31])
    assert segmenter.predict(one, "unet").volume is None
    assert segmenter.predict(scan, "unet").volume == settings


def test_a_lesion_on_one_thin_slice_alone_is_doubtful(lesions):
    affine = affine_of(("L", "P", "S"))

    def report(thickness: float | None, depth: int = 6):
        spacing = None if thickness is None else (thickness, 1.0, 1.0)
        scan = Scan(lesions[:depth], "v", spacing=spacing, affine=affine)
        return find(scan, predicted(lesions[:depth], replace(ONCE, growth=0.5)), 0.6).report

    thin = report(1.0)
    assert [lesion.doubtful for lesion in thin.lesions] == [False, True]
    assert DOUBTFUL.format("2") in thin.notices
    for other in (report(1.2), report(None), report(1.0, depth=1)):
        assert not any(lesion.doubtful for lesion in other.lesions)
        assert not any("doubtful" in notice for notice in other.notices)


def test_the_report_states_the_smallest_lesion_that_counts(lesions):
    scan = Scan(lesions, "v", spacing=(1.0, 1.0, 1.0))
    prediction = predicted(lesions, replace(ONCE, smallest_mm3=5.0))
    assert find(scan, prediction, 0.6).report.min_lesion_mm3 == 5.0
    assert find(scan, prediction, 0.6, minimum=7.0).report.min_lesion_mm3 == 7.0
    assert len(find(scan, prediction, 0.6).report.lesions) == 1
