"""A checkpoint small enough to be made, pushed and pulled in every test."""

from pathlib import Path

import torch

from metaseg.checkpoint import Config, save_checkpoint
from metaseg.models import build_network
from metaseg.preprocess import Preprocessing

ENCODER, CHANNELS = "tu-lcnet_035", (4, 4, 4, 4)

RECORD = {
    "training": {
        "flair_slices": {"cases": 90, "groups": 9},
        "t1ce_slices": {"cases": 80, "groups": 8},
    },
    "validation": {"flair_slices": {"cases": 10, "groups": 1}},
    "config": {
        "epochs": 2,
        "batch_size": 4,
        "loss": "bce+dice",
        "learning_rate": 2e-3,
        "seed": 0,
    },
    "best": {"epoch": 2, "dice": 0.5},
}


def make_checkpoint(
    folder: Path, architecture: str = "nested_unet", seed: int = 0, **config: object
) -> Path:
    """Untrained weights as a checkpoint in ``folder``; ``config`` replaces fields of its Config."""
    torch.manual_seed(seed)
    network = build_network(architecture, ENCODER, CHANNELS)
    values = {
        "architecture": architecture,
        "encoder": ENCODER,
        "decoder_channels": CHANNELS,
        "preprocessing": Preprocessing(size=64),
        "training": RECORD,
        **config,
    }
    save_checkpoint(folder, Config(**values), network.state_dict())
    return folder
