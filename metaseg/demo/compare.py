"""The Compare view: agreement of the networks, their errors, and Dice by threshold."""

from collections.abc import Sequence
from html import escape

import numpy as np

from metaseg.demo.curve import threshold_curve
from metaseg.demo.figure import (
    Colour,
    Frame,
    area_layer,
    figure,
    hatchings,
    lesion_layer,
    swatch,
    truth_layer,
)
from metaseg.demo.reading import Reading
from metaseg.findings.outlines import outline_mask
from metaseg.findings.overlay import BOTH_COLOUR, FALSE_POSITIVE_COLOUR, MISSED_COLOUR, TRUTH_COLOUR
from metaseg.findings.sizes import area_text

Area = tuple[str, np.ndarray, Colour, str]
"""Displayed name, mask (H, W) bool, colour and hatching."""


def compare_view(
    frame: Frame, readings: Sequence[Reading], truth: np.ndarray | None, unit_mm2: float | None
) -> str:
    """HTML of the view. ``truth`` is (H, W) bool or None, ``unit_mm2`` a pixel's area or None."""
    maps = [_before_and_after(frame, readings, truth)]
    if len(readings) == 2:
        maps.append(_agreement(frame, readings, unit_mm2))
    if truth is not None:
        maps += [_errors(frame, reading, truth, unit_mm2) for reading in readings]
    parts = [hatchings(frame), f"<div class='panels'>{''.join(maps)}</div>"]
    if len(readings) == 1:
        parts.append(
            "<p class='aside'>With two networks, the model \"Both\" shows where they agree.</p>"
        )
    if truth is None:
        parts.append(
            "<p class='aside'>Add a ground truth mask to see what is correct, what is a false "
            "positive and what is missed.</p>"
        )
    elif any(reading.grows for reading in readings):
        parts.append(
            "<p class='aside'>Dice by threshold is drawn for single slices alone: in a volume, "
            "lesions grow below the threshold into neighbouring slices.</p>"
        )
    elif truth.any():
        parts.append(
            "<h3>Dice by threshold</h3><p class='aside'>Dice is 1 if outline and ground truth are "
            "equal and 0 if they do not overlap. The dots mark the current threshold.</p>"
            + threshold_curve(readings, truth)
        )
    else:
        parts.append(
            "<p class='aside'>The ground truth is empty in this slice, so Dice is undefined.</p>"
        )
    return "".join(parts)


def _before_and_after(frame: Frame, readings: Sequence[Reading], truth: np.ndarray | None) -> str:
    layers = [lesion_layer(r.outlines, r.numbers, r.title, r.colour) for r in readings]
    if truth is not None:
        layers.insert(0, truth_layer(truth)[1])
    height = frame.height
    left, _, width, _ = frame.view
    middle, ends = left + width / 2, f"data-left='{left}' data-width='{width}'"
    layer = (
        f"<clipPath id='after'><rect class='after' {ends} x='{middle}' y='0' "
        f"width='{frame.width}' height='{height}'/></clipPath>"
        f"<g class='lines' clip-path='url(#after)'>{''.join(layers)}</g>"
        f"<line class='divider' {ends} x1='{middle}' x2='{middle}' y1='0' y2='{height}'/>"
    )
    caption = (
        "<b>Before and after</b> Left of the line: the slice. Right of it: all outlines. "
        "<label class='split'>Move the line <input type='range' data-setting='split' min='0' "
        "max='100' value='50'></label>"
    )
    return figure("Before and after", frame, layer, caption)


def _agreement(frame: Frame, readings: Sequence[Reading], unit_mm2: float | None) -> str:
    first, second = readings
    one, other = first.mask, second.mask
    areas = [
        ("Both", one & other, BOTH_COLOUR, "plain"),
        (f"Only {first.title}", one & ~other, first.colour, "rising"),
        (f"Only {second.title}", other & ~one, second.colour, "falling"),
    ]
    return _map("Agreement", "Where the two networks agree.", frame, areas, unit_mm2)


def _errors(frame: Frame, reading: Reading, truth: np.ndarray, unit_mm2: float | None) -> str:
    mask = reading.mask
    areas = [
        ("Correct", mask & truth, TRUTH_COLOUR, "plain"),
        ("False positive", mask & ~truth, FALSE_POSITIVE_COLOUR, "rising"),
        ("Missed", truth & ~mask, MISSED_COLOUR, "falling"),
    ]
    return _map(reading.title, "Compared with the ground truth.", frame, areas, unit_mm2)


def _map(
    title: str, words: str, frame: Frame, areas: Sequence[Area], unit_mm2: float | None
) -> str:
    layers = "".join(area_layer(outline_mask(mask), colour, cue) for _, mask, colour, cue in areas)
    measured = [(name, _area(mask, unit_mm2)) for name, mask, _, _ in areas]
    legend = "".join(
        f"<li>{swatch(colour, cue)}{escape(name)}: {size}</li>"
        for (name, size), (_, _, colour, cue) in zip(measured, areas)
    )
    caption = f"<b>{escape(title)}</b> {words}<ul class='legend'>{legend}</ul>"
    spoken = "; ".join(f"{name} {size}" for name, size in measured)
    return figure(title, frame, layers, caption, f"{words} {spoken}.")


def _area(mask: np.ndarray, unit_mm2: float | None) -> str:
    count = int(np.count_nonzero(mask))
    return area_text(unit_mm2 and count * unit_mm2, count)
