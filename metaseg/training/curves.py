"""Training curves beside the weights, as JSON and PNG and for TensorBoard."""

import math
from pathlib import Path

from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from metaseg.files import write_json


def write_curves(folder: Path, title: str, history: list[dict]) -> None:
    """Write ``curves.json`` and ``curves.png`` from one entry per epoch."""
    write_json(folder / "curves.json", history)
    epochs = [entry["epoch"] for entry in history]
    # Without pyplot, which would choose a backend for the whole process.
    figure = Figure(figsize=(10.5, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(epochs, [entry["loss"] for entry in history], marker=".")
    left.set(title=f"{title}: training loss", xlabel="epoch", ylabel="loss")
    # A resumed training may be judged on other folders.
    for key in dict.fromkeys(key for entry in history for key in entry):
        if key.startswith("dice_"):
            values = [entry.get(key, math.nan) for entry in history]
            right.plot(epochs, values, marker=".", label=key.removeprefix("dice_"))
    right.set(title="validation Dice", xlabel="epoch", ylabel="mean Dice", ylim=(0, 1))
    if right.lines:  # a training may have no validation slices
        figure.legend(loc="outside right upper")  # beside the curves, which it would cover
    partial = folder / "curves.partial.png"
    figure.savefig(partial, dpi=110)
    partial.replace(folder / "curves.png")


def write_scalars(writer: SummaryWriter, entry: dict, learning_rate: float) -> None:
    """Log one epoch's metrics and the learning rate at its end."""
    scalars = {key: value for key, value in entry.items() if key not in ("epoch", "seconds")}
    scalars["learning_rate"] = learning_rate
    for name, value in scalars.items():
        if not math.isnan(value):
            writer.add_scalar(name, value, entry["epoch"])
