"""The figures beside the pictures, as HTML; what a user could have written is escaped."""

from html import escape

from metaseg.metrics import OVERLAP_NAMES

LABELS = {"dice": "Dice", "iou": "IoU", "precision": "Precision", "recall": "Recall", "f1": "F1"}
MOST_LESIONS = 12


def metrics_table(reports: list[dict]) -> str:
    """Dice, IoU, precision, recall and F1 of each report; empty without a ground truth."""
    if reports[0]["metrics"] is None:
        return ""
    rows = [
        [report["model"], *(_number(report["metrics"][name], 3) for name in OVERLAP_NAMES)]
        for report in reports
    ]
    return _table("Agreement with the ground truth", ["", *map(LABELS.get, OVERLAP_NAMES)], rows)


def lesion_table(report: dict) -> str:
    """What one network found: how many lesions, their area, and each of the largest."""
    lesions = report["lesions"]
    if not lesions:
        return f"<h3>{escape(report['model'])}: no lesion found</h3>"
    in_mm = lesions[0]["area_mm2"] is not None
    area, diameter = ("area_mm2", "diameter_mm") if in_mm else ("area_px", "diameter_px")
    total = sum(lesion[area] for lesion in lesions)
    noun = "lesion" if len(lesions) == 1 else "lesions"
    unit, square = ("mm", "mm²") if in_mm else ("px", "px")
    title = f"{report['model']}: {len(lesions)} {noun}, {total:.0f} {square} in all"
    rows = [
        [
            str(number),
            f"{lesion[area]:.0f} {square}",
            f"{lesion[diameter]:.1f} {unit}",
            f"row {lesion['centroid'][0]:.0f}, column {lesion['centroid'][1]:.0f}",
            _number(lesion["mean_probability"], 2),
        ]
        for number, lesion in enumerate(lesions[:MOST_LESIONS], start=1)
    ]
    table = _table(title, ["", "Area", "Diameter", "Centre", "Mean probability"], rows)
    left_out = len(lesions) - MOST_LESIONS
    return table + (f"<p>{left_out} smaller ones are not listed.</p>" if left_out > 0 else "")


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
