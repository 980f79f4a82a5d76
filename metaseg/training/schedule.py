"""The learning rate over a training, and the states from which it can be resumed."""

import io
from pathlib import Path
from typing import Any

import torch

from metaseg.errors import InputError
from metaseg.files import write_whole
from metaseg.training.config import TrainingConfig

LAST, BEFORE_COOL_DOWN = "last.pt", "before_cool_down.pt"
"""The state after the last epoch, and after the last one before the cool-down."""


def rate(epoch: float, config: TrainingConfig) -> float:
    """The learning rate after ``epoch`` epochs, as a share of the configured one."""
    rising = epoch / config.warm_up if epoch < config.warm_up else 1.0
    cooled = (epoch - config.trunk) / max(1, config.epochs - config.trunk)
    return min(rising, 1.0 - max(0.0, cooled))


def keep_state(folder: Path, state: dict[str, Any], config: TrainingConfig) -> None:
    """Write to ``folder`` all that ``interrupted`` needs after an epoch."""
    # Through memory: torch reports a full disk with its own exception.
    packed = io.BytesIO()
    torch.save({**state, "epochs": (config.trunk, config.epochs)}, packed)
    names = [BEFORE_COOL_DOWN, LAST] if len(state["history"]) == config.trunk else [LAST]
    for name in names:
        write_whole(folder / name, packed.getvalue())


def interrupted(folder: Path, config: TrainingConfig) -> dict[str, Any] | None:
    """The state to resume from, None if there is none.

    If the number of epochs has changed, it is the state before the cool-down. Raises InputError if
    the new cool-down would have begun before that.
    """
    states = [folder / name for name in (LAST, BEFORE_COOL_DOWN) if (folder / name).is_file()]
    for path in states:
        state = torch.load(path, map_location="cpu", weights_only=True)
        trunk, epochs = state["epochs"]
        done = len(state["history"])
        if (trunk, epochs) == (config.trunk, config.epochs) or done <= min(trunk, config.trunk):
            return state
    if not states:
        return None
    raise InputError(
        f"{folder.name} was trained for {done} of {epochs} epochs: --resume needs the same number "
        "of epochs, or one whose cool-down begins later."
    )
