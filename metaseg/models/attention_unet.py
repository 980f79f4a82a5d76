"""Attention U-Net (Oktay et al. 2018, arXiv:1804.03999)."""

import torch
from torch import Tensor, nn

from metaseg.models.blocks import ConvBlock, Network, upsample_to


class AttentionGate(nn.Module):
    """Additive attention gate: weights each pixel of the skip on its way to the decoder.

    alpha = sigmoid(psi(relu(theta(skip) + phi(gate)))), computed on the gate's coarser grid and
    upsampled to the skip's.
    """

    def __init__(self, skip_channels: int, gate_channels: int):
        super().__init__()
        channels = max(skip_channels // 2, 8)
        self.theta = nn.Conv2d(skip_channels, channels, kernel_size=2, stride=2, bias=False)
        self.phi = nn.Conv2d(gate_channels, channels, kernel_size=1)
        self.psi = nn.Conv2d(channels, 1, kernel_size=1)

    def forward(self, skip: Tensor, gate: Tensor) -> tuple[Tensor, Tensor]:
        """Gated skip (N, C, h, w) and the attention map (N, 1, h, w) in [0, 1]."""
        alpha = torch.sigmoid(self.psi(torch.relu(self.theta(skip) + self.phi(gate))))
        alpha = upsample_to(alpha, skip)
        return skip * alpha, alpha


class AttentionUNet(Network):
    """U-Net with an additive attention gate on every skip.

    Input ``(N, in_channels, H, W)``, output logits ``(N, 1, H, W)``; any height and width from 32
    up.
    """

    def __init__(
        self, encoder: str, decoder_channels: tuple[int, int, int, int], in_channels: int = 1
    ):
        super().__init__(encoder, in_channels)
        widths = decoder_channels
        skips = self.encoder_channels[:4]
        below = [*widths[1:], self.encoder_channels[4]]
        self.gates = nn.ModuleList(AttentionGate(skips[i], below[i]) for i in range(4))
        self.blocks = nn.ModuleList(ConvBlock(below[i] + skips[i], widths[i]) for i in range(4))
        self.head = nn.Conv2d(widths[0], 1, kernel_size=1)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Logits (N, K, H/2, W/2) from five feature maps, the finest first."""
        return self._decode(features)[0]

    def forward_with_attention(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits (N, 1, H, W), and the attention maps (N, 1, H, W), the finest gate first.

        The gates are at strides 2, 4, 8 and 16; their maps are upsampled to the input's size.
        """
        logits, maps = self._decode(self.features(x))
        padded_height, padded_width = (2 * side for side in logits.shape[-2:])
        canvas = x.new_empty(1, 1, padded_height, padded_width)
        maps = [upsample_to(m, canvas)[..., : x.shape[-2], : x.shape[-1]] for m in maps]
        return self.upsample(logits, x), maps

    def _decode(self, features: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        x, maps = features[4], []
        for level in reversed(range(4)):
            skip, attention = self.gates[level](features[level], x)
            maps.insert(0, attention)
            x = self.blocks[level](torch.cat([skip, upsample_to(x, skip)], dim=1))
        return self.head(x), maps
