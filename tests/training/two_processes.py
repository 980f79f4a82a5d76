"""One process of several: python -m tests.training.two_processes DATA OUTPUT PROCESSES.

Trains one step in float32 with batch normalisation frozen, validates, and reads the state again.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import PartialState

from metaseg.training.train import train
from tests.training.tiny import TINY

ONE_STEP = replace(
    TINY,
    epochs=1,
    batch_size=6,
    empty_share=0.0,
    loss="bce",
    learning_rate=0.1,
    freeze_batch_norm=True,
    precision="no",
    validation_share=0.4,
)

if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    data, output = Path(sys.argv[1]), Path(sys.argv[2])
    train(["nested_unet", "attention_unet"], [data], output, ONE_STEP)
    train(["nested_unet"], [data], output, ONE_STEP, resume=True)
    assert PartialState().num_processes == int(sys.argv[3])
