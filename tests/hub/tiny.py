"""A checkpoint small enough to be made, pushed and pulled in every test."""

import hashlib
from pathlib import Path

import torch

from metaseg.checkpoint import WEIGHTS, read_config, save_checkpoint
from tests.conftest import config_of

ENCODER, CHANNELS = "tu-lcnet_035", (4, 4, 4, 4)

RECORD = {
    "data": [
        {
            "name": "flair_slices",
            "title": "FLAIR slices: lower-grade glioma",
            "modality": "flair",
            "target": "FLAIR abnormality",
            "groups": "patients",
            "license": "CC-BY-NC-SA-4.0",
            "citation": "Buda M et al. 2019",
            "training": {"cases": 90, "groups": 9},
            "validation": {"cases": 10, "groups": 1},
        },
        {
            "name": "t1ce_slices",
            "title": "T1 slices: meningioma",
            "modality": "t1ce",
            "target": "tumour border",
            "groups": "stand for patients",
            "license": "CC-BY-4.0",
            "citation": "Cheng J. 2017",
            "training": {"cases": 80, "groups": 8},
            "validation": {"cases": 0, "groups": 0},
        },
    ],
    "config": {
        "epochs": 2,
        "batch_size": 4,
        "loss": "bce+dice",
        "learning_rate": 2e-3,
        "seed": 0,
    },
    "best": {"epoch": 2, "dice": 0.5},
}


def measured_on(folder: Path, metrics: dict[str, dict]) -> dict[str, dict]:
    """``metrics`` as figures of the checkpoint in ``folder``."""
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    identity = {"revision": digest, **read_config(folder).conditions}
    return {name: {**figures, **identity} for name, figures in metrics.items()}


def make_checkpoint(
    folder: Path, architecture: str = "nested_unet", seed: int = 0, **config: object
) -> Path:
    """Untrained weights as a checkpoint in ``folder``; ``config`` replaces fields of its Config."""
    torch.manual_seed(seed)
    values = {"encoder": ENCODER, "decoder_channels": CHANNELS, "training": RECORD} | config
    made = config_of(architecture, **values)
    save_checkpoint(folder, made, made.build().state_dict())
    return folder
