"""The table of several scans: a picture, what was found, and what went wrong."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import cv2
import numpy as np

from metaseg.findings.sizes import UNDEFINED, count_text

THUMBNAIL = 96
"""Longer side of a picture, in pixels."""
STYLE = """
.batch { overflow-x: auto; }
.batch table { border-collapse: collapse; width: 100%; font-size: .9rem;
  color: var(--body-text-color); }
.batch :is(th, td) { padding: .4rem .6rem; text-align: left; vertical-align: top;
  white-space: normal; border: 0; border-bottom: 1px solid var(--border-color-primary); }
.batch .scan { min-width: 10rem; overflow-wrap: anywhere; }
.batch .result { min-width: 12rem; }
.batch .largest { white-space: nowrap; }
.batch .failed, .batch .notes { min-width: 10rem; }
.batch img { background: #000; border-radius: 4px; max-width: none; }
.batch .open { all: unset; cursor: pointer; text-decoration: underline; }
.batch .open:focus-visible { outline: 2px solid var(--color-accent); outline-offset: 2px; }
@media (max-width: 640px) {
  .batch thead { display: none; }
  .batch tr { display: block; padding: .5rem 0; overflow: hidden;
    border-bottom: 1px solid var(--border-color-primary); }
  .batch td { display: block; border: 0; padding: .1rem 0; }
  .batch td.picture { float: left; margin-right: .8rem; }
  .batch td:empty { display: none; }
}
"""


@dataclass(frozen=True)
class Row:
    """One scan of a batch. What is not known of a scan that failed is empty."""

    scan: str
    """What people read: the file's name, and that of the series or the member of a zip."""
    result: str = ""
    """The verdict in words."""
    largest: str = ""
    notes: tuple[str, ...] = ()
    failed: str = ""
    """One sentence on what was wrong; empty if nothing was."""
    picture: np.ndarray | None = None
    """(h, w, 3) uint8 RGB, its longer side ``THUMBNAIL``."""
    opens: str | None = None
    """The path of the upload that holds this scan, for the viewer."""
    series: int | None = None
    """Its number there, from 1; None if it is the only one."""


def batch_table(rows: Sequence[Row], model: str, threshold: float | str | None) -> str:
    """``rows``, made by ``model`` at ``threshold``, as HTML. A scan that the viewer can open is a
    button with ``data-open`` and what else the viewer needs to show the same."""
    if not rows:
        return ""
    failed = sum(bool(row.failed) for row in rows)
    names = ["picture", "scan", "result", "largest"]
    names += ["notes"] * any(row.notes for row in rows) + ["failed"] * bool(failed)
    opening = f"data-model='{escape(model)}'"
    if threshold is not None:
        opening += f" data-threshold='{escape(str(threshold))}'"
    columns = "".join(f"<th scope='col'>{name.capitalize()}</th>" for name in names)
    body = "".join(
        "<tr>"
        + "".join(f"<td class='{name}'>{_cell(row, name, opening)}</td>" for name in names)
        + "</tr>"
        for row in rows
    )
    return (
        f"<p role='status'>{count_text(len(rows), 'scan')}, {failed or 'none'} failed.</p>"
        "<div class='batch' tabindex='0' role='region' aria-label='Results of the scans'>"
        f"<table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(row: Row, name: str, opening: str) -> str:
    match name:
        case "picture":
            return _picture(row)
        case "scan" if row.opens is not None:
            series = "" if row.series is None else f"data-series='{row.series}' "
            return (
                f"<button type='button' class='open' data-open='{escape(row.opens)}' {series}"
                f"{opening} title='Open in the viewer'>{escape(row.scan)}</button>"
            )
        case "notes":
            return escape(" ".join(row.notes))
    return escape(getattr(row, name)) or ("" if row.failed or name == "failed" else UNDEFINED)


def _picture(row: Row) -> str:
    if row.picture is None:
        return ""
    done, data = cv2.imencode(".jpg", row.picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    height, width = row.picture.shape[:2]
    source = base64.b64encode(data.tobytes()).decode() if done else ""
    return (
        f"<img src='data:image/jpeg;base64,{source}' alt='Slice of {escape(row.scan)}' "
        f"width='{width}' height='{height}'>"
    )
