"""The learning rate over a training, and the states from which it can be resumed."""

import io
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError  # nosec B403
from typing import Any

import torch

from metaseg.errors import InputError
from metaseg.files import write_whole
from metaseg.training.config import TrainingConfig

STATES = LAST, BEFORE_COOL_DOWN = "last.pt", "before_cool_down.pt"
"""The state after the last epoch, and after the last one before the cool-down."""
CHANGEABLE = ("epochs", "cool_down", "precision", "workers")
"""Settings that may change when a training is resumed."""


def rate(epoch: float, config: TrainingConfig) -> float:
    """The learning rate after ``epoch`` epochs, as a share of the configured one."""
    rising = epoch / config.warm_up if epoch < config.warm_up else 1.0
    cooled = (epoch - config.trunk) / max(1, config.epochs - config.trunk)
    return min(rising, 1.0 - max(0.0, cooled))


def keep_state(
    folder: Path, state: dict[str, Any], config: TrainingConfig, terms: dict[str, Any]
) -> None:
    """Write to ``folder`` all that ``interrupted`` needs after an epoch. ``terms`` is what a
    resumed training must share besides ``config``, such as its data and where it started."""
    kept = {
        **state,
        "epochs": (config.trunk, config.epochs),
        "terms": {**_fixed(config), **terms},
    }
    # Through memory: torch reports a full disk with its own exception.
    packed = io.BytesIO()
    torch.save(kept, packed)
    names = [BEFORE_COOL_DOWN, LAST] if len(state["history"]) == config.trunk else [LAST]
    for name in names:
        write_whole(folder / name, packed.getvalue())


def _fixed(config: TrainingConfig) -> dict[str, Any]:
    """What of ``config`` cannot change within a training; the schedule has rules of its own."""
    return {key: value for key, value in asdict(config).items() if key not in CHANGEABLE}


def interrupted(
    folder: Path, config: TrainingConfig, terms: dict[str, Any]
) -> dict[str, Any] | None:
    """The state to resume from, None if there is none.

    If the number of epochs has changed, it is the state before the cool-down. Raises InputError if
    the new cool-down would have begun before that, if ``config`` or ``terms`` differ from those of
    the interrupted training, or for a damaged file.
    """
    now = {**_fixed(config), **terms}
    states = [folder / name for name in STATES if (folder / name).is_file()]
    for path in states:
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            (trunk, epochs), before = state["epochs"], state["terms"]
            done, _ = len(state["history"]), state["chosen"]
        # pickle is imported for what torch raises alone; weights_only keeps objects out.
        except (RuntimeError, EOFError, KeyError, TypeError, ValueError, UnpicklingError) as error:
            raise InputError(
                f"{folder.name}/{path.name} is damaged or of another version: delete it and train "
                "again, or fine-tune the result with --start."
            ) from error
        if differing := [key for key in {**before, **now} if before.get(key) != now.get(key)]:
            raise InputError(
                f"--resume needs the same settings as the interrupted training of {folder.name}, "
                f"but these differ: {', '.join(differing)}."
            )
        if (trunk, epochs) == (config.trunk, config.epochs) or done <= min(trunk, config.trunk):
            return state
    if not states:
        return None
    raise InputError(
        f"{folder.name} was trained for {done} of {epochs} epochs: --resume needs the same number "
        "of epochs, or one whose cool-down begins later."
    )
