"""What evaluation and training have left in the folders of checkpoints and runs."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from metaseg.checkpoint import CONFIG, METRICS, WEIGHTS, Config, is_of, read_metrics, read_record
from metaseg.comparison.markdown import read_json
from metaseg.data.dataset import Dataset
from metaseg.data.record import learned_from
from metaseg.evaluation.record import read_slice_dice
from metaseg.files import to_json
from metaseg.hub.card import CURVES
from metaseg.metrics import mean_with_interval
from metaseg.models import TITLES

COMPARED = ("compare-seed0", "compare-seed1")
"""The three architectures under equal terms, a run for each seed."""
WITHOUT_METASTASES = "no-metastases-seed0"
"""As the first of COMPARED, with no synthetic metastasis."""
SLICE_SPLIT = "slice-split-seed0"
"""As the first of COMPARED, with validation slices drawn at random instead of whole groups."""


@dataclass(frozen=True)
class Measured:
    """One network: its configuration, figures by data set, training curves and slices."""

    config: Config
    metrics: dict[str, dict]
    history: list[dict]
    """One entry an epoch."""
    slices: dict[str, dict[tuple[str, str], dict[str, str]]]
    """By data set, by case and slice: the rows of ``slice_dice.csv``."""
    revision: str | None
    """SHA-256 of the weights where the folder has them."""

    @property
    def title(self) -> str:
        return self.config.title

    @cached_property
    def trained_on(self) -> dict[str, Dataset]:
        """The data sets it was trained on, by name."""
        return learned_from(self.config.training)

    @property
    def validation_dice(self) -> float | None:
        """Of the epoch whose weights were kept."""
        return self.config.training.get("best", {}).get("dice")

    @property
    def training_seconds(self) -> float | None:
        """Of the last phase of its training; None where no curve was kept."""
        return sum(entry["seconds"] for entry in self.history) or None


def read_measured(folder: Path) -> Measured | None:
    """What lies in ``folder``, or None where it holds no configuration or no figures.

    InputError where a file is damaged.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file() or not (folder / METRICS).is_file():
        return None
    slices: dict[str, dict] = {}
    for row in read_slice_dice(folder):
        slices.setdefault(row["data"], {})[row["case"], row["slice"]] = row
    weights = folder / WEIGHTS
    return Measured(
        read_record(folder, f"{folder.parent.name}/{folder.name}"),
        read_metrics(folder),
        read_json(folder / CURVES) or [],
        slices,
        hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else None,
    )


def read_models(folder: Path) -> dict[str, Measured]:
    """The measured networks in the folders of ``folder``, by architecture, in the usual order."""
    found = {name: read_measured(folder / name) for name in TITLES}
    return {name: measured for name, measured in found.items() if measured is not None}


def data_sets(networks: Iterable[Measured]) -> list[str]:
    """Names of the data sets that any of ``networks`` was measured on: those that one of them was
    trained on first."""
    networks = list(networks)
    names = {name for network in networks for name in network.metrics}
    learned = {name for network in networks for name in network.trained_on}
    return sorted(names, key=lambda name: (name not in learned, name))


def description(networks: Iterable[Measured], name: str) -> dict:
    """What the data set ``name`` said of itself when one of ``networks`` was measured on it, by
    field of ``Dataset``; empty where that was not kept."""
    found = (network.metrics.get(name, {}).get("dataset") for network in networks)
    return next(filter(None, found), {})


def is_stale(network: Measured) -> bool:
    """Whether some of its figures were measured on other weights than lie beside them, or at
    another threshold, temperature or view."""
    return network.revision is not None and not all(
        is_of(figures, network.config, network.revision) for figures in network.metrics.values()
    )


def mean_difference(
    first: list[Measured], second: list[Measured], data: str
) -> dict[str, float] | None:
    """Mean Dice of ``first`` minus that of ``second`` over the slices of ``data`` with a lesion,
    with the 95 % interval of the paired bootstrap over groups; several seeds are averaged slice by
    slice. None unless all were measured on the same slices, slice by slice.
    """
    tables = [network.slices.get(data, {}) for network in (*first, *second)]
    if not tables or not tables[0] or any(set(table) != set(tables[0]) for table in tables):
        return None
    by_group: dict[str, list[float]] = {}
    for key, row in tables[0].items():
        if int(row["lesion_pixels"]):
            values = [float(table[key]["dice"]) for table in tables]
            mine, other = values[: len(first)], values[len(first) :]
            difference = sum(mine) / len(mine) - sum(other) / len(other)
            by_group.setdefault(row["group"], []).append(difference)
    return to_json(mean_with_interval(by_group))


def dice_of(network: Measured, data: str) -> float | None:
    """Mean Dice over the slices with a lesion; None where it was not measured."""
    return network.metrics.get(data, {}).get("dice", {}).get("mean")
