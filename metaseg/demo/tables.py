"""Tables and notices as HTML. Text that a user may have written is escaped."""

import math
from collections.abc import Sequence
from html import escape

from metaseg.findings.report import Report
from metaseg.findings.sizes import UNDEFINED
from metaseg.metrics import OVERLAP_NAMES, SCORES

AGREEMENT = "Agreement with the ground truth"
SHOWN_METRICS = {name: SCORES[name] for name in OVERLAP_NAMES if name != "f1"}
"""Their titles by name, without F1, which is the same number as Dice."""


def metrics_table(reports: Sequence[Report]) -> str:
    """``metric_rows`` as HTML; empty without a ground truth."""
    rows = metric_rows(reports)
    return _table(AGREEMENT, ["Model", *SHOWN_METRICS.values()], rows) if rows else ""


def metric_rows(reports: Sequence[Report]) -> list[list[str]]:
    """The model and SHOWN_METRICS of each report with a ground truth, with two digits, or a dash
    where one is undefined."""
    return [
        [report.model, *(_number(report.metrics[key]) for key in SHOWN_METRICS)]
        for report in reports
        if report.metrics is not None
    ]


def notice_list(notices: list[str]) -> str:
    """Notices as paragraphs, without repeats."""
    return "".join(f"<p>{escape(notice)}</p>" for notice in dict.fromkeys(notices))


def _number(value: float) -> str:
    return UNDEFINED if math.isnan(value) else f"{value:.2f}"


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
