"""The report's plots, as SVG: small, sharp in print, and the same bytes every time."""

import io
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from metaseg.comparison.measured import Measured, dice_of
from metaseg.files import write_whole
from metaseg.overlay import PREDICTION_COLOURS

STYLE = {
    "svg.hashsalt": "metaseg",
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e6ea",
    "axes.axisbelow": True,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
}
MARKERS = {"attention_unet": "o", "nested_unet": "s", "unet": "^"}
"""Shapes as well as colours tell the networks apart."""
GUIDE = "#8a929c"


def colour(architecture: str) -> str:
    """The network's colour on the page, as matplotlib reads it."""
    return "#" + bytes(PREDICTION_COLOURS[architecture]).hex()


def _draw(path: Path, rows: int, columns: int, size: tuple[float, float], plot: Callable) -> None:
    """``plot`` gets the axes (rows, columns) of a figure of ``size`` inches, kept at ``path``."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
        plot(axes)
        handles: dict[str, object] = {}
        for axis in axes.flat:
            for handle, label in zip(*axis.get_legend_handles_labels()):
                handles.setdefault(label, handle)
        if handles:
            figure.legend(
                handles.values(),
                handles.keys(),
                loc="outside lower center",
                ncols=min(len(handles), max(1, int(size[0] / 2.4))),
            )
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    # A hundredth of a point is finer than any screen or printer, and half the file.
    write_whole(path, re.sub(r"(\.\d\d)\d+", r"\1", drawn.getvalue()).encode())


def _short(name: str) -> str:
    """A data set's title on two lines, to stand above a small plot."""
    words, lines = name.split("_"), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 24:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def plot_curves(path: Path, networks: Sequence[Measured], names: Sequence[str]) -> None:
    """Precision-recall above, FROC below; a column for each data set of ``names``."""

    def plot(axes: np.ndarray) -> None:
        for column, name in enumerate(names):
            upper, lower = axes[:, column]
            for network in networks:
                measured = network.metrics.get(name, {})
                look = _look(network)
                points = measured.get("precision_recall", {}).get("curve", [])
                _line(upper, points, "recall", "precision", look)
                _line(
                    lower, measured.get("froc", []), "false_positives_per_slice", "sensitivity",
                    look,
                )  # fmt: skip
            upper.set(title=_short(name), xlabel="recall", xlim=(0, 1), ylim=(0, 1.02))
            lower.set(xlabel="false positives per slice", ylim=(0, 1.02))
            lower.set_xlim(left=0)
        axes[0, 0].set_ylabel("precision")
        axes[1, 0].set_ylabel("sensitivity, by lesion")

    _draw(path, 2, len(names), (2.5 * len(names) + 0.5, 5), plot)


def _look(network: Measured) -> dict:
    name = network.config.architecture
    return {
        "color": colour(name), "marker": MARKERS[name], "markersize": 3.5, "label": network.title,
    }  # fmt: skip


def _line(axis: Axes, points: Iterable[dict], x: str, y: str, look: dict) -> None:
    defined = [(p[x], p[y]) for p in points if p[x] is not None and p[y] is not None]
    if defined:
        axis.plot(*zip(*defined), **look)


def plot_reliability(path: Path, networks: Sequence[Measured], names: Sequence[str]) -> None:
    """What share of brain pixels is lesion at each probability, before and after the temperature;
    a row for each network, a column for each data set of ``names``."""

    def plot(axes: np.ndarray) -> None:
        for row, network in enumerate(networks):
            for column, name in enumerate(names):
                axis = axes[row, column]
                axis.plot([0, 1], [0, 1], color=GUIDE, linewidth=1, linestyle=":", label="ideal")
                found = network.metrics.get(name, {}).get("calibration", {})
                tint = colour(network.config.architecture)
                for key, style, label in (
                    ("reliability_before", "--", "before the temperature"),
                    ("reliability", "-", "after"),
                ):
                    look = {"color": tint, "linestyle": style, "marker": "o", "markersize": 3}
                    _line(axis, found.get(key, []), "said", "lesion", look)
                    axis.plot([], [], color="#444b54", linestyle=style, label=label)
                axis.set(xlim=(0, 1), ylim=(0, 1))
                if row == 0:
                    axis.set_title(_short(name))
            axes[row, 0].set_ylabel(f"{network.title}\nshare that is lesion")
        for axis in axes[-1]:
            axis.set_xlabel("probability")

    size = 2.4 * len(names) + 0.6, 2.2 * len(networks) + 0.6
    _draw(path, len(networks), len(names), size, plot)


def plot_drops(path: Path, networks: Sequence[Measured], data: str) -> None:
    """How much Dice falls on changed copies of the slices of ``data``, with intervals."""
    kinds = list(
        dict.fromkeys(kind for network in networks for kind in network.metrics[data]["perturbed"])
    )

    def plot(axes: np.ndarray) -> None:
        axis = axes[0, 0]
        axis.axvline(0, color=GUIDE, linewidth=1)
        for number, network in enumerate(networks):
            places, means, errors = [], [], []
            for place, kind in enumerate(kinds):
                drop = network.metrics[data]["perturbed"].get(kind, {}).get("drop", {})
                mean = drop.get("mean")
                if mean is not None:
                    low, high = drop.get("low"), drop.get("high")
                    places.append(place + 0.22 * (number - (len(networks) - 1) / 2))
                    means.append(mean)
                    errors.append((0, 0) if low is None else (mean - low, high - mean))
            if means:
                look = {**_look(network), "markersize": 5, "linestyle": "none"}
                axis.errorbar(means, places, xerr=np.transpose(errors), elinewidth=1.2, **look)
        axis.set(yticks=range(len(kinds)), xlabel="fall of the mean Dice")
        axis.set_yticklabels([kind.replace("_", " ") for kind in kinds])
        axis.invert_yaxis()

    _draw(path, 1, 1, (6.4, 0.36 * len(kinds) + 1.2), plot)


def plot_seeds(path: Path, runs: Sequence[dict[str, Measured]], names: Sequence[str]) -> None:
    """A point for each seed, a bar for their mean; a group for each data set of ``names``."""
    models = list(dict.fromkeys(model for run in runs for model in run))

    def plot(axes: np.ndarray) -> None:
        axis = axes[0, 0]
        for place, name in enumerate(names):
            for number, model in enumerate(models):
                trained = [run[model] for run in runs if model in run]
                values = [value for n in trained if (value := dice_of(n, name)) is not None]
                x = place + 0.22 * (number - (len(models) - 1) / 2)
                if values:
                    look = {**_look(trained[0]), "markersize": 6, "linestyle": "none"}
                    axis.plot([x] * len(values), values, **look)
                    mean = sum(values) / len(values)
                    axis.plot([x - 0.08, x + 0.08], [mean] * 2, color="#444b54", linewidth=1.4)
        axis.set(xticks=range(len(names)), ylabel="mean Dice of slices with a lesion", ylim=(0, 1))
        axis.set_xticklabels([_short(name) for name in names])
        axis.grid(axis="x", visible=False)

    _draw(path, 1, 1, (1.9 * len(names) + 1.2, 3.4), plot)


def plot_training(path: Path, trained: Sequence[tuple[str, Measured]]) -> None:
    """Loss and validation Dice by epoch of (what it is called, network): the same name draws in
    the same style."""
    styles = dict(zip(dict.fromkeys(name for name, _ in trained), ("-", "--", ":", "-.")))

    def plot(axes: np.ndarray) -> None:
        left, right = axes[0]
        for name, network in trained:
            look = {**_look(network), "linestyle": styles[name]}
            if len(styles) > 1:
                look["label"] = f"{network.title}, {name}"
            _line(left, network.history, "epoch", "loss", look)
            _line(right, network.history, "epoch", "dice", look)
        for axis in (left, right):
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        left.set(title="training loss", xlabel="epoch")
        right.set(title="validation Dice", xlabel="epoch", ylim=(0, 1))

    _draw(path, 1, 2, (8, 3.2), plot)
