"""Shared parts of the three networks: encoder, padding, convolution block."""

import re

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from metaseg.errors import InputError

STRIDE = 32


def upsample_to(x: Tensor, like: Tensor) -> Tensor:
    """``x`` (N, C, h, w), resized bilinearly to the height and width of ``like``."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


class ConvBlock(nn.Sequential):
    """Two 3x3 convolutions, each with batch normalisation and ReLU; keeps height and width."""

    def __init__(self, in_channels: int, out_channels: int):
        layers: list[nn.Module] = []
        for channels in (in_channels, out_channels):
            layers += [
                nn.Conv2d(channels, out_channels, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(inplace=True),
            ]
        super().__init__(*layers)


class Network(nn.Module):
    """Base of every architecture: pad, encode, decode, upsample, crop.

    ``forward`` takes ``(N, in_channels, H, W)`` float and returns logits ``(N, K, H, W)``: K = 1,
    or one channel per supervised node; **the last channel is the prediction**. Height and width
    are padded to a multiple of 32 inside, because the encoder halves them five times.

    Subclasses implement ``decode``, from five feature maps at strides 2, 4, 8, 16 and 32 to logits
    ``(N, K, H/2, W/2)``.
    """

    def __init__(self, encoder: str, in_channels: int):
        super().__init__()
        # Names with a colon or a slash are addresses, from which timm would download.
        if not re.fullmatch(r"[\w.-]+", encoder):
            raise InputError(f'There is no encoder "{encoder}": use the name of one.')
        # weights=None, since the default would download ImageNet weights.
        self.encoder = smp.encoders.get_encoder(encoder, in_channels, depth=5, weights=None)
        self.encoder_channels = list(self.encoder.out_channels[1:])

    def features(self, x: Tensor) -> list[Tensor]:
        """Five feature maps, strides 2 to 32, of ``x`` padded to a multiple of 32."""
        height, width = x.shape[-2:]
        padding = (0, -width % STRIDE, 0, -height % STRIDE)
        if any(padding):
            x = F.pad(x, padding, mode="replicate")
        return self.encoder(x)[1:]

    def decode(self, features: list[Tensor]) -> Tensor:
        """Logits (N, K, H/2, W/2) from five feature maps, the finest first."""
        raise NotImplementedError(f"{type(self).__name__} does not implement decode")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, K, H, W) for ``x`` (N, in_channels, H, W) of any height and width."""
        return self.forward_with_features(x)[0]

    def forward_with_features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, K, H, W), and the encoder's last features (N, C, H/32, W/32)."""
        features = self.features(x)
        return self.upsample(self.decode(features), x), features[-1]

    @staticmethod
    def pool(features: Tensor) -> Tensor:
        """(N, 2 C) of ``features`` (N, C, h, w), by which the input check tells slices: how much
        each channel varies over the slice, and its highest value. Each half has length 1, since
        the contrast of a slice says little of its kind."""
        centred = features - features.mean((2, 3), keepdim=True)
        deviation = centred.square().mean((2, 3)).sqrt()
        halves = (F.normalize(half, dim=1) for half in (deviation, features.amax((2, 3))))
        return torch.cat(tuple(halves), dim=1)

    @staticmethod
    def upsample(logits: Tensor, x: Tensor) -> Tensor:
        """Stride-2 logits at full size, without the padding of ``features``."""
        full = F.interpolate(logits, scale_factor=2, mode="bilinear", align_corners=False)
        return full[..., : x.shape[-2], : x.shape[-1]]

    def count_parameters(self) -> int:
        """Number of trainable and fixed parameters."""
        return sum(parameter.numel() for parameter in self.parameters())
