"""Tables and notices as HTML. Text that a user may have written is escaped."""

import math
from collections.abc import Sequence
from html import escape

from metaseg.findings.report import Report
from metaseg.metrics import SCORES

OVERLAPS = ("dice", "iou", "precision", "recall")
"""Without F1, which is the same number as Dice."""


def metrics_table(reports: Sequence[Report], volumes: Sequence[Report] = ()) -> str:
    """Dice, IoU, precision and recall of each report; empty without a ground truth.

    ``volumes`` are the reports of whole volumes, and ``reports`` then those of one slice of each.
    """
    named = [(report.model + (", this slice" if volumes else ""), report) for report in reports]
    named += [(f"{report.model}, whole volume", report) for report in volumes]
    rows = [
        [name, *(_number(report.metrics[key]) for key in OVERLAPS)]
        for name, report in named
        if report.metrics is not None
    ]
    if not rows:
        return ""
    return _table("Agreement with the ground truth", ["Model", *map(SCORES.get, OVERLAPS)], rows)


def notice_list(notices: list[str]) -> str:
    """Notices as paragraphs, without repeats."""
    return "".join(f"<p>{escape(notice)}</p>" for notice in dict.fromkeys(notices))


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


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
