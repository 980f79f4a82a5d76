"""The one-page report: the findings in one self-contained file that prints on A4."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image

from metaseg.demo.lesion_list import count_of
from metaseg.demo.tables import lesion_measures, metrics_table, notice_list
from metaseg.findings.lesions import Lesion
from metaseg.findings.report import RESEARCH_USE, Report
from metaseg.scan import Scan

MOST_LESIONS = 12
"""Rows for one network, so that they fit on the page. The table of lesions holds all."""

TEMPLATE = Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Facts:
    """What the report states about the scan and about itself."""

    file: str
    sha256: str
    """Of the original file."""
    truth: str | None
    """The ground truth file, or None."""
    scan: Scan
    index: int
    """The displayed slice, counted from 0."""
    made: datetime
    """In UTC."""


def one_page(
    facts: Facts,
    pictures: Sequence[tuple[str, np.ndarray]],
    slices: Sequence[Report],
    volumes: Sequence[Report] = (),
) -> str:
    """The report as an HTML page that needs no other file and no network.

    ``pictures`` are captions and (h, w, 3) uint8 RGB; ``slices`` the reports of the slice in view,
    one for each network, and ``volumes`` those of the whole volume, or empty.
    """
    notices = [notice for report in volumes or slices for notice in report.notices]
    return TEMPLATE.substitute(
        title=escape(f"MetaSeg report: {facts.file}"),
        research_use=escape(RESEARCH_USE),
        facts=_rows(_facts(facts)),
        networks=_rows(_networks(volumes or slices)),
        pictures="".join(_figure(*picture) for picture in pictures),
        metrics=metrics_table(slices, volumes),
        lesions="".join(map(_lesions, volumes or slices)),
        notices=notice_list([notice for notice in notices if notice != RESEARCH_USE]),
    )


def _facts(facts: Facts) -> list[tuple[str, str]]:
    depth, height, width = facts.scan.voxels.shape
    size = f"{width} x {height} pixels"
    if depth > 1:
        size += f", {depth} slices"
    if facts.scan.spacing is not None:
        size += ", " + " x ".join(f"{mm:.3g}" for mm in facts.scan.spacing[::-1]) + " mm each"
    rows = [("File", facts.file), ("SHA-256 of the file", facts.sha256), ("Size", size)]
    if depth > 1:
        rows.append(("Slice shown", f"{facts.index} (counted from 0), {facts.scan.plane}"))
    rows.append(("Ground truth", facts.truth or "none"))
    return [*rows, ("Created", f"{facts.made:%Y-%m-%d %H:%M} UTC")]


def _networks(reports: Sequence[Report]) -> list[tuple[str, ...]]:
    return [
        (
            report.model,
            f"threshold {report.threshold:g}",
            f"revision {report.revision}",
            f"{report.seconds:.1f} s",
        )
        for report in reports
    ]


def _lesions(report: Report) -> str:
    """The lesions of one network: their number, and measurements of the largest."""
    lesions, where = report.lesions, "volume" if report.slices > 1 else "slice"
    heading = escape(f"{report.model}: {count_of(lesions)} in the {where}")
    if not lesions:
        return f"<section><h3>{heading}</h3></section>"
    if where == "volume":
        head = ("Lesion", "Slice", "Volume", "Diameter", "Mean probability")
    else:
        head = ("Lesion", "Row, column", "Area", "Diameter", "Mean probability")
    rows = [_lesion(lesion, where == "volume") for lesion in lesions[:MOST_LESIONS]]
    left_out = len(lesions) - MOST_LESIONS
    rest = f"<p>{left_out} smaller lesions are not listed.</p>" if left_out > 0 else ""
    columns = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in head)
    return (
        f"<section><h3>{heading}</h3><table><thead><tr>{columns}</tr></thead>{_rows(rows)}</table>"
        f"{rest}</section>"
    )


def _lesion(lesion: Lesion, in_volume: bool) -> tuple[str, ...]:
    if in_volume:
        place = str(lesion.diameter_slice)
    else:
        place = ", ".join(f"{coordinate:.0f}" for coordinate in lesion.centroid)
    return str(lesion.number), place, *lesion_measures(lesion, in_volume)


def _rows(rows: Sequence[Sequence[str]]) -> str:
    """Rows of a table. The first cell of each is its header."""
    return "".join(
        f"<tr><th scope='row'>{escape(first)}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )


def _figure(caption: str, pixels: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f"<figure><img src='data:image/png;base64,{data}' alt='{escape(caption)}'>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
