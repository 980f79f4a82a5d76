"""Tables and notices as HTML. Text that a user may have written is escaped."""

import math
from collections.abc import Sequence
from html import escape

from metaseg.findings.lesions import Lesion
from metaseg.findings.report import Report
from metaseg.metrics import OVERLAP_NAMES, SCORES


def metrics_table(reports: Sequence[Report], volumes: Sequence[Report] = ()) -> str:
    """Dice, IoU, precision, recall and F1 of each report; empty without a ground truth.

    ``volumes`` are the reports of whole volumes, and ``reports`` then those of one slice of each.
    """
    named = [(report.model + (", this slice" if volumes else ""), report) for report in reports]
    named += [(f"{report.model}, whole volume", report) for report in volumes]
    rows = [
        [name, *(_number(report.metrics[key]) for key in OVERLAP_NAMES)]
        for name, report in named
        if report.metrics is not None
    ]
    if not rows:
        return ""
    return _table(
        "Agreement with the ground truth", ["Model", *map(SCORES.get, OVERLAP_NAMES)], rows
    )


def measure(value: float | None, unit: str, otherwise: float, other_unit: str) -> str:
    """``value`` in ``unit``, or ``otherwise`` in ``other_unit`` if it is None."""
    return f"{otherwise:.0f} {other_unit}" if value is None else f"{value:.1f} {unit}"


def lesion_measures(lesion: Lesion, in_volume: bool) -> tuple[str, str, str]:
    """Area or volume, diameter and mean probability of one lesion of a report."""
    if in_volume:
        extent = measure(lesion.volume_mm3, "mm³", lesion.volume_voxels, "voxels")
    else:
        extent = measure(lesion.area_mm2, "mm²", lesion.area_px, "px")
    diameter = measure(lesion.diameter_mm, "mm", lesion.diameter_px, "px")
    return extent, diameter, f"{lesion.mean_probability:.2f}"


def slice_marks(found: dict[str, Sequence[int]], depth: int, position: int) -> str:
    """A strip for each network that marks the slices with a lesion and the current slice."""
    rows = []
    for title, slices in found.items():
        marks = "".join(
            f"<rect x='{index}' y='0' width='1' height='10' class='lesion'/>" for index in slices
        )
        present = f"<rect x='{position}' y='0' width='1' height='10' class='present'/>"
        count = f"{len(slices)} of {depth} slices with a lesion"
        rows.append(
            f"<p>{escape(title)}: {count}</p><svg role='img' aria-label='{escape(title)}: {count}' "
            f"viewBox='0 0 {depth} 10' preserveAspectRatio='none'>{marks}{present}</svg>"
        )
    return "".join(rows)


def notice_list(notices: list[str]) -> str:
    """Notices as paragraphs, without repeats."""
    return "".join(f"<p>{escape(notice)}</p>" for notice in dict.fromkeys(notices))


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _table(title: str, head: list[str], rows: list[list[str]]) -> str:
    cells = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<h3>{escape(title)}</h3><div class='table' tabindex='0' role='region' "
        f"aria-label='{escape(title)}'><table><thead><tr>{cells}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )
