"""How Dice changes with the threshold, as a drawing."""

from collections.abc import Sequence
from html import escape

import numpy as np

from metaseg.demo.figure import rgb
from metaseg.demo.reading import Reading
from metaseg.metrics import dice_by_threshold

THRESHOLDS = np.linspace(0, 1, 101)
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 560, 260, 60, 44, 14
DASHES = ("", "7 4")
"""Solid and dashed, so the lines differ without colour as well."""


def threshold_curve(readings: Sequence[Reading], truth: np.ndarray) -> str:
    """A figure with a line for each of ``readings`` against ``truth`` (H, W) bool, which must not
    be empty, and a mark at its threshold."""
    lines, legend, spoken = [], [], []
    for reading, dash in zip(readings, DASHES):
        threshold, colour = reading.threshold, reading.colour
        dice = dice_by_threshold(reading.probability, truth, THRESHOLDS)
        points = " ".join(f"{_x(t):.1f},{_y(d):.1f}" for t, d in zip(THRESHOLDS, dice))
        (present,) = dice_by_threshold(reading.probability, truth, np.array([threshold]))
        best = int(np.argmax(dice))
        style = f"style='color:{rgb(colour)}' stroke-dasharray='{dash}'"
        lines.append(f"<polyline class='line' {style} points='{points}'/>")
        x = f"{_x(threshold):.1f}"
        lines.append(
            f"<line class='present' x1='{x}' x2='{x}' y1='{_y(1)}' y2='{_y(0)}'/>"
            f"<circle class='dot' style='color:{rgb(colour)}' cx='{x}' "
            f"cy='{_y(present):.1f}' r='5'/>"
        )
        words = (
            f"{reading.title}: {present:.3f} at {threshold:g}, "
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
        f"viewBox='0 0 {WIDTH} {HEIGHT}'>{_axes()}{''.join(lines)}</svg>"
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
