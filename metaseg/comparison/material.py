"""What the sections of the report are made from, and what several of them say."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from metaseg.comparison.markdown import code, percent
from metaseg.comparison.measured import Measured, data_sets
from metaseg.hub.card import join
from metaseg.models import TITLES

RECORD = "python -m metaseg evaluate DATA --record --output OUT"
CHANGED = "python -m metaseg evaluate DATA --record --perturbed --output OUT"
STRESS = "python -m metaseg evaluate t1ce_slices --record --stress --output OUT"
"""How the figures were measured."""

ARCHITECTURES = "Three architectures under equal terms"
CURVES = "Curves and calibration"
"""Titles of the sections that the demo shows as well."""

FIGURES = "report"
"""Folder of the figures beside the report."""


@dataclass(frozen=True)
class Material:
    """What was measured, and where the report goes."""

    shipped: dict[str, Measured]
    """The shipped networks by architecture."""
    runs: dict[str, dict[str, Measured]]
    """The runs by name, each its networks by architecture."""
    output: Path
    """The folder of the report; its figures lie in ``output/report``."""

    def figure(self, name: str) -> tuple[Path, str]:
        """Where a figure is written, and its address in the report."""
        name = re.sub(r"[^\w.-]+", "_", name)
        return self.output / FIGURES / name, f"{FIGURES}/{name}"


def sources(networks: Iterable[Measured], names: Sequence[str], command: str) -> str:
    """The line under a table: data sets, split, slices, groups, and the command behind it."""
    networks = list(networks)
    parts = []
    for name in names:
        measured = next(n.metrics[name] for n in networks if name in n.metrics)
        groups = measured.get("groups")
        groups = f" of {groups} {'group' if groups == 1 else 'groups'}" if groups else ""
        split, slices = measured.get("split", "test"), measured.get("cases", "?")
        empty = f", {measured['empty_cases']} without a lesion" if "empty_cases" in measured else ""
        parts.append(f"{code(name)}, split {split}: {slices} slices{groups}{empty}")
    return f"*{'; '.join(parts)}. Made by {code(command)}.*"


def missing(runs: dict[str, dict[str, Measured]], name: str) -> str | None:
    """A sentence on what is not there of the run ``name``; None where it is whole."""
    absent = [title for model, title in TITLES.items() if model not in runs.get(name, {})]
    if not absent:
        return None
    if len(absent) == len(TITLES):
        return f"The run {code(name)} is missing: it has not been made, or not been measured."
    return f"Of the run {code(name)}, {join(absent)} {'is' if len(absent) == 1 else 'are'} missing."


def titled(name: str) -> str:
    """A data set in the first column of a table."""
    return code(name)


def figures_of(
    networks: Iterable[Measured], names: Sequence[str]
) -> list[tuple[str, Measured, dict]]:
    """Data set, network and its figures there, for a row each."""
    networks = list(networks)
    return [
        (name, network, network.metrics[name])
        for name in names
        for network in networks
        if name in network.metrics
    ]


def with_figures(networks: Sequence[Measured], key: str) -> list[str]:
    """The data sets on which any of ``networks`` has figures of the name ``key``."""
    return [name for name in data_sets(networks) if recorded(networks, name, key)]


def recorded(networks: Iterable[Measured], name: str, key: str) -> list[Measured]:
    """Those of ``networks`` that have figures of the name ``key`` on the data set ``name``."""
    return [network for network in networks if network.metrics.get(name, {}).get(key)]


def of_size(found: dict, size: str) -> str:
    """Of what ``summarise_lesions`` found: the lesions of one class of diameter."""
    entry = found.get("sensitivity_by_size", {}).get(size, {})
    if not entry.get("lesions"):
        return "–"
    return f"{percent(entry['sensitivity'], 0)} of {entry['lesions']}"
