"""Sections on the shipped pair: changed copies of slices, and metastases of known size."""

from collections.abc import Callable

from metaseg.comparison.figures import plot_drops
from metaseg.comparison.markdown import code, figure, table
from metaseg.comparison.material import (
    CHANGED,
    STRESS,
    Material,
    of_size,
    recorded,
    sources,
    with_figures,
)
from metaseg.comparison.measured import Measured
from metaseg.metrics import show_score


def describe_changes(material: Material) -> list[str]:
    """Changed copies and the stress set, where they were measured."""
    networks = list(material.shipped.values())
    blocks = ["## Slices that look different"]
    perturbed = with_figures(networks, "perturbed")
    if perturbed:
        blocks.append(
            "The same slices as others would send them: without skull, turned, framed like a "
            "screenshot, darker, noisier. What counts is how far the mean Dice falls; at most "
            "0.03 is the aim."
        )
    for name in perturbed:
        measured = recorded(networks, name, "perturbed")
        path, address = material.figure(f"changes_{name}.svg")
        plot_drops(path, measured, name)
        alt = f"Fall of the mean Dice for each change, {name}"
        said = f"{name}: how much the mean Dice falls, with 95 % intervals over groups."
        blocks += [
            figure(address, alt, said),
            _table_of(measured, name, "perturbed", _drop_rows),
            sources(measured, [name], CHANGED),
        ]
    for name in with_figures(networks, "stress"):
        measured = recorded(networks, name, "stress")
        slices = measured[0].metrics[name]["stress"]["slices"]
        blocks += [
            "### Synthetic metastases of known size",
            f"{slices} slices of {code(name)} with drawn metastases: which of them are found, by "
            "diameter. Drawn metastases are easier to describe than real ones, and are no "
            "substitute for them.",
            _table_of(measured, name, "stress", stress_rows),
            sources(measured, [name], STRESS),
        ]
    if len(blocks) == 1:
        blocks.append("Neither changed copies nor the stress set have been recorded yet.")
    return blocks


def _table_of(networks: list[Measured], name: str, key: str, rows_of: Callable) -> str:
    return table(
        ["", *(network.title for network in networks)],
        rows_of([network.metrics[name][key] for network in networks]),
    )


def _drop_rows(found: list[dict]) -> list[list[str]]:
    kinds = dict.fromkeys(kind for of_network in found for kind in of_network)
    return [
        [kind.replace("_", " "), *(show_score(f.get(kind, {}).get("drop")) for f in found)]
        for kind in kinds
    ]


def stress_rows(found: list[dict]) -> list[list[str]]:
    """Rows by diameter of what ``evaluate_stress`` measured, a column for each network."""
    sizes = dict.fromkeys(
        size for of_network in found for size in of_network["sensitivity_by_size"]
    )
    rows = [[f"{size} mm", *(of_size(f, size) for f in found)] for size in sizes]
    rows.append(["false positives per slice"])
    rows[-1] += [show_score(f["false_positives_per_slice"]) for f in found]
    return rows
