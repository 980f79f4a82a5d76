from dataclasses import replace

import cv2
import numpy as np
import pytest
import scipy.special
import torch

from metaseg.checkpoint import Weights
from metaseg.errors import InputError
from metaseg.hub.resolve import load_models
from metaseg.metrics import Counts
from metaseg.models import ARCHITECTURES
from metaseg.passes import NO_TISSUE
from metaseg.prediction import check_threshold
from metaseg.scan import Scan, read_scan, take_slice
from metaseg.segmenter import Segmenter
from tests.conftest import EXAMPLES, draw_head, preprocessing, small_checkpoint


def scan_of(*slices: np.ndarray, eight_bit: bool = True) -> Scan:
    return Scan(np.stack(slices).astype(np.float32), "head", eight_bit)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("shape", [(128, 120), (33, 401), (277, 64)])
def test_probability_comes_back_in_the_scans_grid(small_segmenter, name, shape):
    grey, _ = draw_head((128, 120))
    grey = cv2.resize(grey, shape[::-1])
    prediction = small_segmenter.predict(scan_of(grey), name)
    assert prediction.probability.shape == (1, *shape)
    assert prediction.probability.dtype == np.float32
    assert 0 <= prediction.probability.min() and prediction.probability.max() <= 1
    assert prediction.probability.max() > 0 and prediction.notices == ()
    assert prediction.revision == "0" * 64 and prediction.seconds > 0


@pytest.mark.parametrize("value", [0, 3, 128])
def test_a_constant_slice_is_empty_with_a_notice(small_segmenter, value):
    prediction = small_segmenter.predict(scan_of(np.full((90, 90), value)), "unet")
    assert not prediction.mask(0.0).any() and prediction.notices == (NO_TISSUE,)


def test_noise_alone_is_never_a_lesion(small_segmenter):
    noise = np.random.default_rng(0).normal(1000, 30, (120, 120))
    prediction = small_segmenter.predict(scan_of(noise, eight_bit=False), "unet")
    assert not prediction.mask(0.0).any() and prediction.notices == (NO_TISSUE,)


def test_empty_slices_of_a_volume_are_skipped_and_counted(small_segmenter):
    grey, _ = draw_head()
    passes = count_passes(small_segmenter, "unet")
    volume = scan_of(np.zeros_like(grey), grey, np.zeros_like(grey), grey)
    prediction = small_segmenter.predict(volume, "unet")
    assert len(passes) == 2
    assert prediction.probability[[0, 2]].max() == 0
    assert np.array_equal(prediction.probability[1], prediction.probability[3])
    assert prediction.notices == ("Slices without tissue were skipped: 2 of 4.",)


def count_passes(segmenter: Segmenter, name: str) -> list:
    passes: list = []
    network = segmenter.checkpoints[name].network
    network.encoder.register_forward_hook(lambda *_: passes.append(1))
    return passes


def test_the_source_depth_makes_no_difference(small_segmenter):
    """The same slice as 8 bit, and as 16 bit spread over its percentiles, gives the same mask."""
    grey, _ = draw_head()
    low, high = np.percentile(grey, [0.5, 99.5])
    spread = (np.clip(grey, low, high) - low) / (high - low)
    eight = small_segmenter.predict(scan_of(np.rint(spread * 255)), "unet").probability
    sixteen = small_segmenter.predict(scan_of(spread * 4000, eight_bit=False), "unet").probability
    np.testing.assert_allclose(eight, sixteen, atol=0.05)


def test_a_mirrored_slice_gives_the_mirrored_answer():
    """Of the shipped network, which sees the mirror image too; without it the answer differs."""
    (shipped,) = load_models(["attention_unet"])
    alone = replace(shipped, config=replace(shipped.config, mirrored=False))
    grey = read_scan(EXAMPLES / "glioma_coronal.jpg").voxels[0]
    agreement = []
    for checkpoint in (shipped, alone):
        segmenter = Segmenter([checkpoint], "cpu")
        plain, mirrored = (
            segmenter.predict(scan_of(slice_), "attention_unet").mask(0.5)[0]
            for slice_ in (grey, grey[:, ::-1])
        )
        agreement.append(Counts.of(mirrored, plain[:, ::-1]).dice)
    assert agreement[0] > 0.99 > agreement[1]


class Mirror(torch.nn.Module):
    def forward_with_features(self, x):
        return x, x

    def pool(self, features):
        return features.mean((2, 3))


def test_the_mirror_image_is_turned_back_before_the_mean():
    """A network that repeats what it sees gives the slice back."""
    checkpoint = small_checkpoint("unet", mirrored=True)
    segmenter = Segmenter([replace(checkpoint, weights=Weights(Mirror))], "cpu")
    images = np.random.default_rng(0).normal(size=(2, 1, 8, 8)).astype(np.float32)
    expected = scipy.special.expit(images[:, 0])
    probability, features = segmenter.runtime("unet").run(images, True, set())
    np.testing.assert_allclose(probability, expected, atol=1e-6)
    np.testing.assert_allclose(features, images.mean((2, 3)), atol=1e-6)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_temperature_divides_the_logits_of_the_mean(mirrored):
    checkpoint = small_checkpoint("unet", mirrored=mirrored)
    # Answers near 0 and 1, where the order of mean and temperature tells.
    checkpoint.network.head.weight.data *= 400
    warm = replace(checkpoint, config=replace(checkpoint.config, temperature=2.0))
    images = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
    plain, changed = (
        Segmenter([c], "cpu").runtime("unet").run(images, mirrored, set())[0]
        for c in (checkpoint, warm)
    )
    logits = scipy.special.logit(np.clip(plain, 1e-6, 1 - 1e-6))
    np.testing.assert_allclose(changed, scipy.special.expit(logits / 2), atol=1e-3)


@pytest.mark.parametrize(
    ("name", "gates", "outputs"), [("attention_unet", 4, 1), ("nested_unet", 0, 4), ("unet", 0, 1)]
)
@pytest.mark.parametrize("changes", [{}, {"mirrored": True, "temperature": 1.5}])
@pytest.mark.parametrize("channels", [("window",), ("window", "clahe", "local")])
def test_an_explanation_lies_in_the_scans_grid(name, gates, outputs, changes, channels):
    settings = preprocessing(64, channels=channels)
    checkpoint = small_checkpoint(name, preprocessing=settings, **changes)
    segmenter = Segmenter([checkpoint], "cpu")
    scan = scan_of(draw_head((128, 120))[0])
    explanation = segmenter.explain(scan, name)
    assert len(explanation.attention) == gates and len(explanation.supervised) == outputs
    maps = [*explanation.attention, *explanation.supervised, explanation.mirror_difference]
    for values in maps:
        assert values.shape == (128, 120) and values.dtype == np.float32
        assert values.min() >= 0 and values.max() <= 1
    prediction = segmenter.predict(scan, name).probability[0]
    # The last supervised output is what the page outlines, bf16 rounding aside.
    np.testing.assert_allclose(explanation.supervised[-1], prediction, atol=0.02)
    assert explanation.mirror_difference.max() > 0


def test_without_tissue_there_is_nothing_to_explain(small_segmenter):
    assert small_segmenter.explain(scan_of(np.full((90, 90), 3)), "attention_unet") is None


def test_models_are_found_by_name_and_by_title(small_segmenter):
    assert small_segmenter.find("Nested U-Net") is small_segmenter.find("nested_unet")
    with pytest.raises(InputError, match='no model "other": choose one of "Attention U-Net"'):
        small_segmenter.find("other")


@pytest.mark.parametrize("threshold", [-0.1, 1.01, float("nan"), "0.5", None, True])
def test_a_bad_threshold_is_refused(threshold):
    with pytest.raises(InputError, match="threshold"):
        check_threshold(threshold)


def test_a_threshold_is_a_number_a_name_or_the_default():
    plain, both = small_checkpoint("unet"), small_checkpoint("nested_unet", sensitive_threshold=0.2)
    segmenter = Segmenter([plain, both], "cpu")
    assert segmenter.threshold("unet") == segmenter.threshold("nested_unet", None) == 0.5
    assert segmenter.threshold("nested_unet", "sensitive") == 0.2
    assert segmenter.threshold("nested_unet", 0.7) == 0.7
    with pytest.raises(InputError, match=r"U-Net .baseline. has no sensitive threshold: use a"):
        segmenter.threshold("unet", "sensitive")
    with pytest.raises(InputError, match="must be a number"):
        segmenter.threshold("nested_unet", "careful")


@pytest.mark.parametrize("index", [-1, 3, 1.5, "1", True, float("nan"), float("inf")])
def test_a_bad_slice_index_is_refused(index):
    with pytest.raises(InputError, match="slice"):
        take_slice(scan_of(*[np.zeros((20, 20))] * 3), index)


def test_the_middle_slice_is_the_default():
    volume = scan_of(*[np.full((20, 20), depth) for depth in range(5)])
    one, index = take_slice(volume, None)
    assert index == 2 and one.voxels.shape == (1, 20, 20) and one.voxels.max() == 2
    assert take_slice(volume, 4.0)[1] == 4


def test_an_unknown_device_is_a_sentence(monkeypatch):
    monkeypatch.setenv("METASEG_DEVICE", "abacus")
    with pytest.raises(InputError, match='no device "abacus"'):
        Segmenter([small_checkpoint("unet")])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device, so it was not run")
@pytest.mark.parametrize("name", ["attention_unet", "nested_unet"])
def test_cuda_agrees_with_the_cpu(name):
    scan = read_scan(EXAMPLES / "meningioma_axial.jpg")
    masks = [
        Segmenter(load_models([name]), device).predict(scan, name).mask(0.5)
        for device in ("cpu", "cuda")
    ]
    overlap = 2 * (masks[0] & masks[1]).sum() / (masks[0].sum() + masks[1].sum())
    assert overlap >= 0.99
