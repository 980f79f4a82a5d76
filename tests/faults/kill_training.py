"""kill -9 of a training at random moments: python -m tests.faults.kill_training FOLDER [SEED]

After each kill the checkpoint, where there is one, loads, and no more than one finished epoch is
lost; at the end the weights are those of a training that nobody killed.
"""

import json
import random
import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from metaseg.checkpoint import load_checkpoint
from metaseg.training.train import train
from tests.conftest import write_data_folder
from tests.faults.killing import run, run_and_kill
from tests.training.tiny import TINY

KILLS = 20
CONFIG = replace(TINY, epochs=6)


def train_once(data: Path, output: Path) -> int:
    train(["unet"], [data], output, CONFIG, resume=True)
    return 0


def finished(log: Path) -> int:
    """The last epoch that the training said it had finished."""
    return max(
        (int(n) for n in re.findall(r"epoch (\d+) of \d+: loss", log.read_text())), default=0
    )


def kept(folder: Path) -> int:
    """Epochs that a resumed training need not repeat."""
    last = folder / "last.pt"
    return len(torch.load(last, weights_only=True)["history"]) if last.is_file() else 0


def main(folder: Path, seed: int) -> dict:
    draw = random.Random(seed)
    data, log = write_data_folder(folder / "heads"), folder / "log.txt"
    whole = run(partial(train_once, data, folder / "whole"), log)
    expected = torch.load(folder / "whole/unet/last.pt", weights_only=True)
    kills = trainings = most_lost = between = 0
    while kills < KILLS:
        trainings += 1
        output, before, within = folder / f"killed{trainings}", 0, whole / 3
        while kills < KILLS:
            if not run_and_kill(partial(train_once, data, output), log, within, draw):
                break
            kills += 1
            said, there = finished(log), kept(output / "unet")
            # On a machine that became slower, every kill would fall into the same epoch.
            within, before = within * (1 if there > before else 1.2), there
            most_lost = max(most_lost, said - there)
            assert said - there <= 1, f"{said} epochs were done, {there} are kept"
            if (output / "unet/config.json").is_file():
                load_checkpoint(output / "unet")
                between += 1
        run(partial(train_once, data, output), log)
        state = torch.load(output / "unet/last.pt", weights_only=True)
        for part in ("network", "averaged"):
            for name, tensor in expected[part].items():
                assert torch.equal(tensor, state[part][name]), name
    return {
        "seed": seed,
        "kills": kills,
        "trainings": trainings,
        "most epochs lost": most_lost,
        "kills with a checkpoint": between,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(main(Path(sys.argv[1]), int((sys.argv[2:] or ["0"])[0]))))
