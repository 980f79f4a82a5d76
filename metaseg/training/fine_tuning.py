"""Helpers for training from pretrained weights and for fast training on a processor."""

import torch
from timm.layers import DropPath
from torch import Tensor, nn

from metaseg.models import Network


def parameter_groups(
    network: Network, learning_rate: float, encoder_rate: float, weight_decay: float
) -> list[dict]:
    """AdamW's parameter groups, the decoder's first.

    The encoder learns at ``encoder_rate`` times the ``learning_rate``. Weight decay applies
    to convolution kernels only, not to norms and biases, which do not overfit.
    """
    groups = []
    for in_encoder, rate in ((False, learning_rate), (True, encoder_rate * learning_rate)):
        own = [
            parameter
            for name, parameter in network.named_parameters()
            if name.startswith("encoder.") == in_encoder
        ]
        for decayed, decay in ((True, weight_decay), (False, 0.0)):
            members = [parameter for parameter in own if (parameter.ndim > 1) == decayed]
            groups.append({"params": members, "lr": rate, "weight_decay": decay})
    return groups


def add_drop_path(encoder: nn.Module, rate: float) -> None:
    """Skip residual branches at random in training (Huang et al. 2016), in place.

    The probability rises linearly from 0 at the first block to ``rate`` at the last. Only timm
    encoders (``tu-...``) support it; others are unchanged.
    """
    blocks = [module for module in encoder.modules() if hasattr(module, "drop_path")]
    for index, block in enumerate(blocks):
        block.drop_path = DropPath(rate * index / max(1, len(blocks) - 1))


def keep_depthwise_in_float32(network: nn.Module) -> None:
    """Exclude depthwise convolutions from autocast, in place: in bf16 their backward pass is two to
    five times slower on processors.

    The new forward is bound to this network: copy the network before, not after.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels:
            module.forward = _in_float32(module.forward)  # pyright: ignore[reportAttributeAccessIssue]


def _in_float32(forward):
    def precise(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return forward(x.float()).to(x.dtype)

    return precise
