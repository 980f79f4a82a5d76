"""The list of lesions beside the pictures. A click on a row shows its lesion."""

from collections.abc import Sequence
from html import escape

from metaseg.demo.figure import swatch
from metaseg.demo.reading import Reading
from metaseg.demo.tables import lesion_measures
from metaseg.findings.lesions import Lesion
from metaseg.findings.report import Report

MOST_LESIONS = 30
"""Rows for one network. The files hold all lesions."""


def lesion_list(readings: Sequence[Reading], volumes: Sequence[Report] = ()) -> str:
    """The lesions of every network in one table, each a button that shows it.

    ``volumes`` are the reports of the whole volume where the readings are one slice of it.
    """
    reports = volumes or [reading.report for reading in readings]
    counts = "".join(
        f"<li>{swatch(r.colour)}{escape(r.title)}: {count_of(report.lesions)}</li>"
        for r, report in zip(readings, reports)
    )
    where = "this volume" if volumes else "this slice"
    intro = f"<h3>Lesions in {where}</h3><ul class='legend'>{counts}</ul>"
    rows, left_out = [], 0
    for reading, report in zip(readings, reports):
        left_out += max(0, len(report.lesions) - MOST_LESIONS)
        for lesion in report.lesions[:MOST_LESIONS]:
            rows.append(_lesion_row(reading, lesion, bool(volumes)))
    if not rows:
        return intro
    columns = ["Lesion", *(["Slice"] if volumes else []), "Volume" if volumes else "Area"]
    head = "".join(f"<th scope='col'>{c}</th>" for c in [*columns, "Diameter", "Mean probability"])
    return (
        f"{intro}<p class='aside'>Select a lesion to show it in every picture.</p>"
        f"<div class='table tall' tabindex='0' role='region' aria-label='Lesions in {where}'>"
        f"<table><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        + (f"<p class='aside'>{left_out} smaller lesions are not listed.</p>" if left_out else "")
    )


def count_of(lesions: Sequence) -> str:
    """How many lesions there are, in words."""
    count = len(lesions)
    return "no lesion" if count == 0 else f"{count} lesion{'s' if count > 1 else ''}"


def _lesion_row(reading: Reading, lesion: Lesion, in_volume: bool) -> str:
    cells, jump, number = lesion_measures(lesion, in_volume), "", lesion.number
    if in_volume:
        slice_ = str(lesion.diameter_slice)
        cells, jump = (slice_, *cells), f" data-slice='{slice_}'"
    name, title = escape(reading.name), escape(reading.title)
    return (
        f"<tr data-model='{name}' data-lesion='{number}'{jump}><td><button type='button' "
        f"aria-pressed='false' aria-label='{title}, lesion {number}'>{swatch(reading.colour)}"
        f"{number}</button></td>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    )
