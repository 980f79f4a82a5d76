"""The plots of the report, in one style, as SVG: the same bytes every time."""

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metaseg.files import write_whole
from metaseg.findings.overlay import PREDICTION_COLOURS
from tools.report.networks import Network, descriptions
from tools.report.tables import look

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
    "legend.frameon": False,
}
POINTS = {"threshold": "D", "sensitive_threshold": "v"}
"""Shapes of the operating points."""
MARKERS = {"attention_unet": "o", "nested_unet": "s", "unet": "^"}
"""Shapes as well as colours tell the networks apart."""
GREY = "#8a929c"


def colour(architecture: str) -> str:
    """The network's colour on the page, as matplotlib reads it."""
    return "#" + bytes(PREDICTION_COLOURS[architecture]).hex()


def draw(path: Path, shape: tuple[int, int], size: tuple[float, float], plot: Callable) -> None:
    """Keep at ``path`` a figure of ``size`` inches; ``plot`` fills its axes (rows, columns)."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained", dpi=115)
        axes = figure.subplots(*shape, squeeze=False)
        plot(axes)
        found = {}
        for axis in axes.flat:
            found |= dict(reversed(pair) for pair in zip(*axis.get_legend_handles_labels()))
        columns = max(1, int(size[0] / 2.4))
        figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=columns)
        drawn = io.BytesIO()
        if path.suffix == ".svg":
            figure.savefig(drawn, format="svg", metadata={"Date": None})
            # A hundredth of a point is finer than any screen, and half the file.
            write_whole(path, re.sub(rb"(\.\d\d)\d+", rb"\1", drawn.getvalue()))
        else:
            figure.savefig(drawn, format="jpg", pil_kwargs={"quality": 85, "optimize": True})
            write_whole(path, drawn.getvalue())


def _line(axis: Axes, points: list[dict] | None, x: str, y: str, network: Network, **look) -> None:
    known = [(p[x], p[y]) for p in points or [] if p[x] is not None and p[y] is not None]
    if known:
        style = {"color": colour(network.architecture), "markersize": 3.5, "label": network.title}
        axis.plot(*zip(*known), **style | {"marker": MARKERS[network.architecture]} | look)


def _measured(networks: Sequence[Network], path: str) -> list[str]:
    return [
        d for d in descriptions(networks) if any(look(n.metrics.get(d), path) for n in networks)
    ]


def plot_curves(path: Path, networks: Sequence[Network]) -> None:
    """Precision-recall above, FROC below; a column for each data set."""
    names = _measured(networks, "froc")

    def plot(axes: np.ndarray) -> None:
        for (upper, lower), name in zip(axes.T, names):
            for network in networks:
                found = network.metrics.get(name, {})
                curve = look(found, "precision_recall.curve")
                _line(upper, curve, "recall", "precision", network)
                axes_of_froc = "false_positives_per_slice", "sensitivity"
                _line(lower, found.get("froc"), *axes_of_froc, network)
                for key, marker in POINTS.items():
                    if point := look(found, f"operating_points.{key}"):
                        words = key.replace("_", " ")
                        style = {"marker": marker, "markerfacecolor": "none", "linestyle": "none"}
                        _line(lower, [point], *axes_of_froc, network, **style,
                              markersize=8, label="")  # fmt: skip
                        lower.plot([], [], color="#444b54", **style, label=words)
            upper.set(title=name, xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
            lower.set(xlabel="false positives per slice", ylabel="lesion sensitivity")
            lower.set(xlim=(0, None), ylim=(0, 1.02))

    if names:
        draw(path, (2, len(names)), (2.5 * len(names) + 0.5, 5), plot)


def plot_calibration(path: Path, networks: Sequence[Network]) -> None:
    """The share of lesion pixels at each probability, before and after the temperature; a row for
    each network, a column for each data set."""
    where = "calibration.reliability"
    names = _measured(networks, where)

    def plot(axes: np.ndarray) -> None:
        for row, network in zip(axes, networks):
            for axis, name in zip(row, names):
                axis.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="ideal")
                for key, style in ((f"{where}_before", "--"), (where, "-")):
                    label = "before the temperature" if style == "--" else "after"
                    points = look(network.metrics.get(name), key)
                    _line(axis, points, "confidence", "lesion", network, linestyle=style, label="")
                    axis.plot([], [], color="#444b54", linestyle=style, label=label)
                axis.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability", title=name)
            row[0].set_ylabel(f"{network.title}\nshare that is lesion")

    if names:
        size = 2.4 * len(names) + 0.6, 2.4 * len(networks) + 0.6
        draw(path, (len(networks), len(names)), size, plot)


def plot_robustness(path: Path, networks: Sequence[Network]) -> None:
    """How far the mean Dice falls on changed copies; a column for each data set."""
    names = _measured(networks, "perturbed")
    found = [look(n.metrics.get(name), "perturbed") or {} for n in networks for name in names]
    kinds = list(dict.fromkeys(kind for entry in found for kind in entry))

    def plot(axes: np.ndarray) -> None:
        for axis, name in zip(axes[0], names):
            axis.axvline(0, color=GREY, linewidth=1)
            for number, network in enumerate(networks):
                for place, kind in enumerate(kinds):
                    drop = look(network.metrics.get(name), f"perturbed.{kind}.drop") or {}
                    height = place + 0.25 * (number - (len(networks) - 1) / 2)
                    ends = [{"at": drop.get(end), "height": height} for end in ("low", "high")]
                    _line(axis, ends, "at", "height", network, marker="", label="")
                    _line(axis, [{"at": drop.get("mean"), "height": height}], "at", "height",
                          network, linestyle="none")  # fmt: skip
            axis.set(title=name, xlabel="drop of the mean Dice", yticks=range(len(kinds)))
            axis.set_yticklabels([kind.replace("_", " ") for kind in kinds])
            axis.invert_yaxis()

    if names:
        draw(path, (1, len(names)), (2.6 * len(names) + 1, 0.3 * len(kinds) + 1.4), plot)
