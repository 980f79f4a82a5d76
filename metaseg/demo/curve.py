"""How Dice changes with the threshold, as a drawing."""

from collections.abc import Sequence
from html import escape

import numpy as np

from metaseg.demo.figure import Colour, rgb
from metaseg.metrics import dice_by_threshold

THRESHOLDS = np.linspace(0, 1, 101)
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 560, 260, 60, 44, 14
DASHES = ("", "7 4")
"""Solid and dashed, so the lines differ without colour as well."""


def threshold_curve(
    readings: Sequence[tuple[str, Colour, np.ndarray]], truth: np.ndarray, threshold: float
) -> str:
    """A figure with a line for each (title, colour, probability (H, W)) against ``truth`` (H, W)
    bool, which must not be empty, and a mark at ``threshold``."""
    lines, legend, spoken = [], [], []
    for (title, colour, probability), dash in zip(readings, DASHES):
        dice = dice_by_threshold(probability, truth, THRESHOLDS)
        points = " ".join(f"{_x(t):.1f},{_y(d):.1f}" for t, d in zip(THRESHOLDS, dice))
        (present,) = dice_by_threshold(probability, truth, np.array([threshold]))
        best = int(np.argmax(dice))
        style = f"style='color:{rgb(colour)}' stroke-dasharray='{dash}'"
        lines.append(f"<polyline class='line' {style} points='{points}'/>")
        lines.append(
            f"<circle class='dot' style='color:{rgb(colour)}' cx='{_x(threshold):.1f}' "
            f"cy='{_y(present):.1f}' r='5'/>"
        )
        words = (
            f"{title}: {present:.3f} at {threshold:g}, "
            f"best {dice[best]:.3f} at {THRESHOLDS[best]:.2f}"
        )
        spoken.append(words)
        legend.append(
            f"<li><svg class='sample' viewBox='0 0 28 6' aria-hidden='true'><line class='line' "
            f"{style} x1='0' y1='3' x2='28' y2='3'/></svg>{escape(words)}</li>"
        )
    label = escape("Dice by threshold. " + "; ".join(spoken) + ".")
    return (
        f"<figure class='curve'><svg role='img' aria-label='{label}' "
        f"viewBox='0 0 {WIDTH} {HEIGHT}'>{_axes()}{''.join(lines)}{_mark(threshold)}</svg>"
        f"<figcaption><ul class='legend'>{''.join(legend)}</ul></figcaption></figure>"
    )


def _x(threshold: float) -> float:
    return LEFT + threshold * (WIDTH - LEFT - 14)


def _y(dice: float) -> float:
    return TOP + (1 - dice) * (HEIGHT - TOP - BOTTOM)


def _axes() -> str:
    parts = []
    for value in (0, 0.25, 0.5, 0.75, 1):
        parts.append(
            f"<line class='grid' x1='{_x(0)}' x2='{_x(1)}' y1='{_y(value)}' y2='{_y(value)}'/>"
            f"<text x='{LEFT - 8}' y='{_y(value) + 4}' text-anchor='end'>{value:g}</text>"
            f"<text x='{_x(value)}' y='{_y(0) + 18}' text-anchor='middle'>{value:g}</text>"
        )
    middle = (_x(0) + _x(1)) / 2
    parts.append(f"<text x='{middle}' y='{HEIGHT - 4}' text-anchor='middle'>Threshold</text>")
    centre = (_y(0) + _y(1)) / 2
    parts.append(
        f"<text x='12' y='{centre}' text-anchor='middle' transform='rotate(-90 12 {centre})'>"
        "Dice</text>"
    )
    return "".join(parts)


def _mark(threshold: float) -> str:
    x = _x(threshold)
    return f"<line class='present' x1='{x:.1f}' x2='{x:.1f}' y1='{_y(1)}' y2='{_y(0)}'/>"
