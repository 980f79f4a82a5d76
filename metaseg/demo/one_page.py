"""The printable report: the findings in one self-contained file for A4, with a picture a lesion."""

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

from metaseg.demo.tables import AGREEMENT, SHOWN_METRICS, metric_rows
from metaseg.findings.matching import Region, Regions
from metaseg.findings.report import RESEARCH_USE, Report
from metaseg.findings.sizes import UNDEFINED, count_text, diameter_of, extent_of
from metaseg.findings.verdict import verdict
from metaseg.scan import Scan

MOST_REGIONS = 12
"""Regions with a row and a picture. The table of the zip holds all."""

TEMPLATE = Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))

Picture = tuple[str, np.ndarray]
"""A caption, and (h, w, 3) uint8 RGB."""


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
    """The slice of ``pictures``, counted from 0."""
    made: datetime
    """In UTC."""


def one_page(
    facts: Facts,
    reports: Sequence[Report],
    regions: Regions,
    pictures: Sequence[Picture],
    lesions: Sequence[Picture],
) -> str:
    """The report as an HTML page that needs no other file and no network.

    ``reports`` hold one for each network; ``pictures`` show the slice ``facts.index``, and
    ``lesions`` each of the first ``MOST_REGIONS`` regions on its own slice.
    """
    notices = dict.fromkeys(notice for report in reports for notice in report.notices)
    return TEMPLATE.substitute(
        title=escape(f"MetaSeg report: {facts.file}"),
        research_use=escape(RESEARCH_USE),
        verdict=escape(verdict(regions, reports[0].review)),
        notices="".join(f"<p>{escape(text)}</p>" for text in notices if text != RESEARCH_USE),
        facts=_rows(_facts(facts)),
        networks=_rows(_networks(reports)),
        pictures="".join(_figure(*picture) for picture in pictures),
        metrics=_metrics(reports),
        regions=_regions(regions, facts.scan.is_volume),
        lesions="".join(_figure(*picture) for picture in lesions),
    )


def slice_text(index: int, scan: Scan) -> str:
    """Where a slice lies, in words: its number from 1, plane and patient coordinate."""
    words = [f"slice {index + 1} of {len(scan.voxels)}"] if scan.is_volume else []
    if scan.affine is not None:
        _, height, width = scan.voxels.shape
        centre = scan.affine @ [(width - 1) / 2, (height - 1) / 2, index, 1]
        axis = ("sagittal", "coronal", "axial").index(scan.plane)
        words += [scan.plane, f"{'xyz'[axis]} = {round(centre[axis])} mm".replace("-", "−")]
    return ", ".join(words)


def _facts(facts: Facts) -> list[tuple[str, str]]:
    depth, height, width = facts.scan.voxels.shape
    size = f"{width} x {height} pixels"
    if depth > 1:
        size += f", {depth} slices"
    if facts.scan.spacing is not None:
        size += ", " + " x ".join(f"{mm:.3g}" for mm in facts.scan.spacing[::-1]) + " mm each"
    rows = [("File", facts.file), ("SHA-256 of the file", facts.sha256), ("Size", size)]
    if depth > 1:
        rows.append(("Slice shown", slice_text(facts.index, facts.scan)))
    rows.append(("Ground truth", facts.truth or "none"))
    return [*rows, ("Created", f"{facts.made:%Y-%m-%d %H:%M} UTC")]


def _networks(reports: Sequence[Report]) -> list[tuple[str, ...]]:
    return [
        (
            report.model,
            count_text(len(report.lesions)),
            f"threshold {report.threshold:g}",
            f"revision {report.revision}",
            f"{report.seconds:.1f} s",
        )
        for report in reports
    ]


def _metrics(reports: Sequence[Report]) -> str:
    """The metrics of each network as a table; empty without a ground truth."""
    rows = metric_rows(reports)
    if not rows:
        return ""
    return f"<h2>{AGREEMENT}</h2>{_table(['Network', *SHOWN_METRICS.values()], rows)}"


def _regions(regions: Regions, in_volume: bool) -> str:
    """The regions that are listed, one row each; empty if there is none."""
    listed = regions.rows[:MOST_REGIONS]
    if not listed:
        return ""
    head = ["Region", "Diameter", "Volume" if in_volume else "Area", *["Slices"] * in_volume]
    head += [f"p, {title}" for title in regions.titles]
    head += ["Overlap"] * (len(regions.titles) > 1)
    head += ["Ground truth"] * (regions.truth_count is not None)
    rest = len(regions.rows) - len(listed)
    more = f"<p>{count_text(rest, 'more region')} not listed.</p>" if rest else ""
    return f"<h2>Regions</h2>{_table(head, [_region(row, in_volume) for row in listed])}{more}"


def _region(row: Region, in_volume: bool) -> list[str]:
    lesion = row.lesion
    cells = [str(row.number), diameter_of(lesion), extent_of(lesion, in_volume)]
    if in_volume:
        first, last = lesion.first_slice + 1, lesion.last_slice + 1
        cells.append(str(first) if first == last else f"{first} to {last}")
    for opinion in row.opinions:
        seen = "" if opinion.outlines else " (not outlined)"
        cells.append(f"{opinion.probability:.2f}{seen}")
    if len(row.opinions) > 1:
        cells.append(UNDEFINED if row.agreement is None else f"{row.agreement * 100:.0f} %")
    return cells if row.truth is None else [*cells, row.truth]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    columns = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in head)
    return f"<table><thead><tr>{columns}</tr></thead>{_rows(rows)}</table>"


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
