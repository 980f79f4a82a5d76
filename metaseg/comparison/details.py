"""Sections on the shipped pair: lesions by size, curves and calibration."""

from metaseg.comparison.figures import plot_curves, plot_reliability
from metaseg.comparison.markdown import figure, percent, table
from metaseg.comparison.material import (
    CURVES,
    RECORD,
    Material,
    figures_of,
    of_size,
    sources,
    titled,
    with_figures,
)
from metaseg.comparison.measured import Measured
from metaseg.metrics import is_defined, show_score


def describe_lesions(material: Material) -> list[str]:
    """Lesions found and missed, by size."""
    networks = list(material.shipped.values())
    names = with_figures(networks, "lesion_wise")
    if not names:
        return ["## Lesions found and missed", "Not recorded yet."]
    rows = []
    for name, network, measured in figures_of(networks, names):
        found = measured.get("lesion_wise", {})
        rows.append([
            titled(name), network.title,
            f"{percent(found.get('sensitivity'))} of {found.get('lesions', 0)}",
            *(of_size(found, size) for size in _sizes(networks, names)),
            show_score(found.get("false_positives_per_slice")),
            show_score(found.get("f1")),
        ])  # fmt: skip
    sizes = [f"{size} px" for size in _sizes(networks, names)]
    head = ["data", "network", "found", *sizes, "false positives per slice", "F1"]
    return [
        "## Lesions found and missed",
        "A lesion is a connected part of the truth on one slice; it is found where the prediction "
        "shares one pixel with it. The columns in between count those of one diameter, in the "
        "slice's own pixels.",
        table(head, rows, words=2),
        sources(networks, names, RECORD),
        *_volumes(networks, names),
    ]


def _volumes(networks: list[Measured], names: list[str]) -> list[str]:
    rows = [
        [titled(name), network.title, show_score(score)]
        for name, network, found in figures_of(networks, names)
        if is_defined(score := found.get("brats_lesion_dice"))
    ]
    if not rows:
        return []
    measured = [name for name in names if any(titled(name) == row[0] for row in rows)]
    return [
        "Whole volumes, lesion by lesion in three dimensions as BraTS-METS 2023 counts them: the "
        "Dice of each lesion, a false positive counting as 0.",
        table(["data", "network", "lesion-wise Dice of a volume"], rows, words=2),
        sources(networks, measured, RECORD),
    ]


def _sizes(networks: list[Measured], names: list[str]) -> list[str]:
    tables = [
        found.get("lesion_wise", {}).get("sensitivity_by_size", {})
        for _, _, found in figures_of(networks, names)
    ]
    sizes = dict.fromkeys(size for sensitivities in tables for size in sensitivities)
    return [s for s in sizes if any(t.get(s, {}).get("lesions") for t in tables)]


def describe_curves(material: Material) -> list[str]:
    """Precision-recall, FROC and calibration."""
    networks = list(material.shipped.values())
    names = with_figures(networks, "precision_recall")
    blocks = [f"## {CURVES}"]
    if names:
        path, address = material.figure("curves.svg")
        plot_curves(path, networks, names)
        blocks += [
            figure(
                address,
                "Precision against recall, and sensitivity against false positives per slice, "
                "for each data set and network",
                "Above: precision and recall of pixels. Below: FROC, lesions found against false "
                "positives per slice. Each point is a threshold from 0.05 to 0.95.",
            ),
            sources(networks, names, RECORD),
        ]
    return [*blocks, *_calibration(material, networks)]


def _calibration(material: Material, networks: list[Measured]) -> list[str]:
    names = with_figures(networks, "calibration")
    if not names:
        return ["Calibration has not been recorded yet."]
    rows = [
        [
            titled(name),
            network.title,
            f"{measured.get('temperature', 1.0):.2f}",
            _error(found.get("ece_before")),
            _error(found.get("ece")),
        ]
        for name, network, measured in figures_of(networks, names)
        if (found := measured.get("calibration"))
    ]
    blocks = [
        "A well calibrated network is right in 7 of 10 pixels of which it says 0.7. One "
        "temperature, fitted on validation groups, divides its logits; the expected calibration "
        "error before and after, on the pixels of the brain:",
        table(["data", "network", "temperature", "error before", "error after"], rows, words=2),
        sources(networks, names, RECORD),
    ]
    drawn = [n for n in names if any(_has_bins(network, n) for network in networks)]
    if drawn:
        path, address = material.figure("calibration.svg")
        plot_reliability(path, networks, drawn)
        alt = "Share of lesion pixels against the probability, before and after the temperature"
        said = "On the dotted line, a probability means what it says."
        blocks.append(figure(address, alt, said))
    return blocks


def _has_bins(network: Measured, name: str) -> bool:
    return bool(network.metrics.get(name, {}).get("calibration", {}).get("reliability"))


def _error(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
