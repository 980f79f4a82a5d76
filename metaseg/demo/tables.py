"""The figures beside the pictures, as HTML; what a user could have written is escaped."""

from collections.abc import Sequence
from html import escape

from metaseg.demo.figure import swatch
from metaseg.demo.reading import Reading
from metaseg.metrics import OVERLAP_NAMES

LABELS = {"dice": "Dice", "iou": "IoU", "precision": "Precision", "recall": "Recall", "f1": "F1"}
MOST_LESIONS = 30
"""Of one network; the files hold all."""


def metrics_table(reports: list[dict], volumes: list[dict] = ()) -> str:
    """Dice, IoU, precision, recall and F1 of each report; empty without a ground truth.

    ``volumes`` are the reports of whole volumes, of which ``reports`` are one slice.
    """
    if reports[0]["metrics"] is None:
        return ""
    named = [(report["model"] + (", this slice" if volumes else ""), report) for report in reports]
    named += [(f"{report['model']}, whole volume", report) for report in volumes]
    rows = [
        [name, *(_number(report["metrics"][key], 3) for key in OVERLAP_NAMES)]
        for name, report in named
    ]
    return _table(
        "Agreement with the ground truth", ["Model", *map(LABELS.get, OVERLAP_NAMES)], rows
    )


def _measure(
    value: float | None, unit: str, otherwise: float, other_unit: str, digits: int = 0
) -> str:
    if value is None:
        return f"{otherwise:.{digits}f} {other_unit}"
    return f"{value:.{digits}f} {unit}"


def slice_marks(found: dict[str, list[int]], depth: int, position: int) -> str:
    """A strip for each network with the slices that bear a lesion, and the present one."""
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


def lesion_list(readings: Sequence[Reading], volumes: Sequence[dict] = ()) -> str:
    """The lesions of every network in one table, each a button that shows it.

    ``volumes`` are the reports of the whole volume where the readings are one slice of it.
    """
    reports = volumes or [reading.report for reading in readings]
    counts = "".join(
        f"<li>{swatch(r.colour)}{escape(r.title)}: {count_of(report['lesions'])}</li>"
        for r, report in zip(readings, reports)
    )
    where = "the volume" if volumes else "the slice"
    intro = f"<h3>Lesions of {where}</h3><ul class='legend'>{counts}</ul>"
    rows, left_out = [], 0
    for reading, report in zip(readings, reports):
        left_out += max(0, len(report["lesions"]) - MOST_LESIONS)
        for number, lesion in enumerate(report["lesions"][:MOST_LESIONS], start=1):
            rows.append(_lesion_row(reading, number, lesion))
    if not rows:
        return intro
    columns = ["Lesion", *(["Slice"] if volumes else []), "Volume" if volumes else "Area"]
    head = "".join(f"<th scope='col'>{c}</th>" for c in [*columns, "Diameter", "Mean probability"])
    return (
        f"{intro}<p class='aside'>Choose a lesion to see it in every picture.</p>"
        f"<div class='table tall' tabindex='0' role='region' aria-label='Lesions of {where}'>"
        f"<table><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        + (f"<p class='aside'>{left_out} smaller ones are not listed.</p>" if left_out else "")
    )


def count_of(lesions: Sequence) -> str:
    """How many lesions there are, in words."""
    count = len(lesions)
    return "no lesion" if count == 0 else f"{count} lesion{'s' if count > 1 else ''}"


def _lesion_row(reading: Reading, number: int, lesion: dict) -> str:
    if "volume_voxels" in lesion:
        slice_ = lesion["diameter_slice"]
        cells = [slice_, _measure(lesion["volume_mm3"], "mm³", lesion["volume_voxels"], "voxels")]
        jump = f" data-slice='{slice_}'"
    else:
        cells = [_measure(lesion["area_mm2"], "mm²", lesion["area_px"], "px")]
        jump = ""
    cells.append(_measure(lesion["diameter_mm"], "mm", lesion["diameter_px"], "px", digits=1))
    cells.append(_number(lesion["mean_probability"], 2))
    name, title = escape(reading.name), escape(reading.title)
    return (
        f"<tr data-model='{name}' data-lesion='{number}'{jump}><td><button type='button' "
        f"aria-pressed='false' aria-label='{title}, lesion {number}'>{swatch(reading.colour)}"
        f"{number}</button></td>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    )


def notice_list(notices: list[str]) -> str:
    """Sentences for the reader, one paragraph each, without repeats."""
    return "".join(f"<p>{escape(notice)}</p>" for notice in dict.fromkeys(notices))


def _number(value: float | None, digits: int) -> str:
    return "undefined" if value is None else f"{value:.{digits}f}"


def _table(title: str, head: list[str], rows: list[list[str]]) -> str:
    cells = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<h3>{escape(title)}</h3><div class='table'><table><thead><tr>{cells}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )
