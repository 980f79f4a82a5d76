"""The cost of a network."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from metaseg.checkpoint import Checkpoint


def network_cost(checkpoint: Checkpoint) -> dict[str, float | None]:
    """``parameters``, ``gflop`` of one slice (two for a multiplication with addition) and
    ``training_seconds`` until the checkpoint was kept, where its training recorded them."""
    network, settings = checkpoint.network, checkpoint.config.preprocessing
    device = next(network.parameters()).device
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, len(settings.channels), settings.size, settings.size, device=device))
    return {
        "parameters": network.count_parameters(),
        "gflop": counter.get_total_flops() / 1e9,
        "training_seconds": checkpoint.config.training.get("seconds"),
    }
