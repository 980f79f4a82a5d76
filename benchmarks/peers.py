"""One slice of 192 x 192 through networks of others and MetaSeg's own, in one process. Prints JSON.

Of the others the network alone is timed, once a slice, in PyTorch as their authors run it: float32
and without test-time augmentation. MetaSeg's run once in the same way, then as they are served.
"""

import json

import segmentation_models_pytorch as smp
import torch
from dynamic_network_architectures.architectures.unet import (  # pyright: ignore[reportMissingImports]
    PlainConvUNet,
)
from monai.networks.nets import AttentionUnet, BasicUNetPlusPlus
from networks import one_pass, repeated
from torch import nn

from metaseg.hub.resolve import load_models
from metaseg.segmenter import Segmenter

SIDE = 192


def peers(encoder: str, channels: int) -> dict[str, nn.Module]:
    """Untrained networks of others; ``encoder`` and ``channels`` are those of MetaSeg's."""
    widths = (32, 64, 128, 256, 512, 512)
    return {
        f"SMP U-Net++, {encoder}": smp.UnetPlusPlus(
            encoder, encoder_weights=None, in_channels=channels
        ),
        "MONAI AttentionUnet": AttentionUnet(2, channels, 1, widths[:5], (2, 2, 2, 2)),
        "MONAI BasicUNetPlusPlus": BasicUNetPlusPlus(2, channels, 1),
        "nnU-Net 2-D, default plan": PlainConvUNet(
            channels,
            len(widths),
            widths,
            nn.Conv2d,
            3,
            (1, 2, 2, 2, 2, 2),
            2,
            2,
            2,
            conv_bias=True,
            norm_op=nn.InstanceNorm2d,
            norm_op_kwargs={"eps": 1e-5, "affine": True},
            nonlin=nn.LeakyReLU,
            nonlin_kwargs={"inplace": True},
        ),
    }


def main() -> None:
    """Seconds a slice by network, and millions of weights."""
    checkpoints = load_models()
    config = checkpoints[0].config
    channels = len(config.preprocessing.channels)
    tensor = torch.randn(1, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    networks = peers(config.encoder, channels)
    networks |= {f"MetaSeg {one.config.title}": one.network for one in checkpoints}
    result = {}
    for name, network in networks.items():
        network.eval()
        with torch.inference_mode():
            seconds = repeated(lambda n=network: n(tensor), 9)
        weights = sum(parameter.numel() for parameter in network.parameters())
        result[f"{name}, PyTorch float32, once"] = {"seconds": seconds, "weights": weights}
    segmenter = Segmenter(checkpoints, "cpu")
    for one in checkpoints:
        runtime = segmenter.runtime(one.name)
        name = f"MetaSeg {one.config.title}, {runtime.name}, with the mirror image"
        weights = sum(parameter.numel() for parameter in one.network.parameters())
        seconds = repeated(one_pass(segmenter, one.name), 9)
        result[name] = {"seconds": seconds, "weights": weights}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
