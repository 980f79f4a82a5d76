"""Records of training and evaluation in the folders of networks."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaseg.checkpoint import CONFIG, METRICS, WEIGHTS, is_of, read_config
from metaseg.data.record import training_data
from metaseg.errors import InputError
from metaseg.evaluation.record import read_slice_dice
from metaseg.metrics import mean_with_interval
from metaseg.models import TITLES
from metaseg.prediction import VolumeSettings


@dataclass(frozen=True)
class Network:
    """One network: its record, its metrics by data set, and where they lie."""

    folder: Path
    architecture: str
    title: str
    record: dict[str, Any]
    """The training record in its config.json."""
    metrics: dict[str, dict]
    slices: dict[str, dict[tuple[str, str], dict[str, str]]]
    """By data set, by case and slice: the rows of ``slice_dice.csv``."""
    volume: VolumeSettings | None
    """The checkpoint's settings for volumes."""
    stale: bool
    """Whether some metrics were measured with other weights or settings."""


def read_networks(folder: Path) -> list[Network]:
    """The measured networks in the folders of ``folder``; raises InputError if a file is
    damaged."""
    places = [path.parent for path in Path(folder).glob(f"*/{METRICS}")]
    order = list(TITLES)
    places.sort(key=lambda path: (order.index(path.name) if path.name in order else 9, path.name))
    return [_read(path) for path in places if (path / CONFIG).is_file()]


def _read(folder: Path) -> Network:
    config, metrics, weights = read_config(folder), _json(folder / METRICS), folder / WEIGHTS
    architecture, record = config.architecture, config.training
    slices: dict[str, dict] = {}
    for row in read_slice_dice(folder):
        slices.setdefault(row["data"], {})[row["case"], row["slice"]] = row
    stale = False
    if weights.is_file():
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        stale = not all(is_of(found, config, digest) for found in metrics.values())
    for found in metrics.values():
        drops = [kind["drop"]["mean"] for kind in found.get("perturbed", {}).values()]
        found["largest_drop"] = max((drop for drop in drops if drop is not None), default=None)
        found["size"] = config.preprocessing.size
        found["minutes"] = round(seconds / 60) if (seconds := record.get("seconds")) else None
    title = TITLES[architecture] if folder.name == architecture else folder.name
    return Network(folder, architecture, title, record, metrics, slices, config.volume, stale)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        shown = f"{path.parent.parent.name}/{path.parent.name}/{path.name}"
        raise InputError(f"{shown} is damaged: evaluate this network again.") from error


def descriptions(networks: Iterable[Network]) -> dict[str, dict]:
    """Each data set that ``networks`` were measured on, with its description and the metrics of one
    of them; those that a network was trained on come first."""
    networks = list(networks)
    learned = {name for network in networks for name in training_data(network.record)}
    names = {name for network in networks for name in network.metrics}
    ordered = sorted(names, key=lambda name: (name not in learned, name))
    found = {name: [n.metrics[name] for n in networks if name in n.metrics] for name in ordered}
    return {
        name: {"trained": name in learned, "measured": measured[0]}
        | next((m["dataset"] for m in measured if "dataset" in m), {})
        for name, measured in found.items()
    }


def mean_difference(first: Network, second: Network, data: str) -> dict | None:
    """Mean Dice of ``first`` minus that of ``second`` over the slices of ``data`` with a lesion,
    with the 95 % interval of a paired bootstrap over patients. None unless both were measured on
    the same slices."""
    mine, other = (network.slices.get(data, {}) for network in (first, second))
    if set(mine) != set(other):
        return None
    by_group: dict[str, list[float]] = {}
    for key, row in mine.items():
        if int(row["lesion_pixels"]):
            difference = float(row["dice"]) - float(other[key]["dice"])
            by_group.setdefault(row["group"], []).append(difference)
    return mean_with_interval(by_group) if by_group else None
