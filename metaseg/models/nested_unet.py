"""Nested U-Net, U-Net++ (Zhou et al. 2018, arXiv:1807.10165)."""

import torch
from torch import Tensor, nn

from metaseg.models.blocks import ConvBlock, Network, upsample_to


class NestedUNet(Network):
    """U-Net whose skips are dense blocks, with deep supervision.

    Node X(i, j) at level i takes all X(i, 0..j-1) and the upsampled X(i+1, j-1). Levels 0 to 4 are
    at strides 2 to 32, since the encoder's first feature map has stride 2. Each of the finest nodes
    X(0, 1) to X(0, 4) has its own 1x1 head, whose logits are upsampled to the input's size. The
    output is ``(N, 4, H, W)``, from the least to the most nested node; the last is the prediction.
    SMP's U-Net++ decoder returns its last node only, so it does not allow deep supervision.
    """

    def __init__(
        self, encoder: str, decoder_channels: tuple[int, int, int, int], in_channels: int = 1
    ):
        super().__init__(encoder, in_channels)
        widths = decoder_channels
        encoded = self.encoder_channels
        self.nodes = nn.ModuleDict()
        for j in range(1, 5):
            for i in range(5 - j):
                same_level = encoded[i] + (j - 1) * widths[i]
                below = encoded[i + 1] if j == 1 else widths[i + 1]
                self.nodes[f"x{i}{j}"] = ConvBlock(same_level + below, widths[i])
        self.heads = nn.ModuleList(nn.Conv2d(widths[0], 1, kernel_size=1) for _ in range(4))

    def decode(self, features: list[Tensor]) -> Tensor:
        """Logits (N, K, H/2, W/2) from five feature maps, the finest first."""
        levels = [[feature] for feature in features]
        for j in range(1, 5):
            for i in range(5 - j):
                up = upsample_to(levels[i + 1][j - 1], features[i])
                levels[i].append(self.nodes[f"x{i}{j}"](torch.cat([*levels[i], up], dim=1)))
        return torch.cat([head(x) for head, x in zip(self.heads, levels[0][1:])], dim=1)
