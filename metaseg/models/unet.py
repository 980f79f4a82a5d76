"""U-Net (Ronneberger et al. 2015, arXiv:1505.04597), the baseline of the comparison."""

import torch
from torch import Tensor, nn

from metaseg.models.blocks import ConvBlock, Network, upsample_to


class UNet(Network):
    """Encoder and decoder joined by plain skip connections.

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
        self.blocks = nn.ModuleList(ConvBlock(below[i] + skips[i], widths[i]) for i in range(4))
        self.head = nn.Conv2d(widths[0], 1, kernel_size=1)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Logits (N, K, H/2, W/2) from five feature maps, the finest first."""
        x = features[4]
        for level in reversed(range(4)):
            skip = features[level]
            x = self.blocks[level](torch.cat([skip, upsample_to(x, skip)], dim=1))
        return self.head(x)
