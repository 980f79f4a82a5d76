"""Tables and notices as HTML. Text that a user may have written is escaped."""

import math
from collections.abc import Sequence
from html import escape

from metaseg.findings.report import Report
from metaseg.metrics import OVERLAP_NAMES, SCORES

SHOWN_METRICS = tuple(name for name in OVERLAP_NAMES if name != "f1")
"""Without F1, which is the same number as Dice."""


def metrics_table(reports: Sequence[Report]) -> str:
    """Dice, IoU, precision and recall of each report; empty without a ground truth."""
    rows = [
        [report.model, *(metric_text(report.metrics[key]) for key in SHOWN_METRICS)]
        for report in reports
        if report.metrics is not None
    ]
    if not rows:
        return ""
    head = ["Model", *map(SCORES.get, SHOWN_METRICS)]
    return _table("Agreement with the ground truth", head, rows)


def notice_list(notices: list[str]) -> str:
    """Notices as paragraphs, without repeats."""
    return "".join(f"<p>{escape(notice)}</p>" for notice in dict.fromkeys(notices))


def metric_text(value: float) -> str:
    """A metric with two digits, or a dash where it is undefined."""
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
