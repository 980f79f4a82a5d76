"""Pictures for the page as SVG: the slice once, and outlines as paths that stay sharp at any size.

The page embeds the slice once and every figure refers to it, so a new threshold sends only paths.
The browser zooms them all together (``viewer/figures.js``).
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import cv2
import numpy as np

from metaseg.findings.lesions import label_lesions
from metaseg.findings.outlines import Outline, Ring, outline_lesions
from metaseg.findings.overlay import TRUTH_COLOUR
from metaseg.preprocess import Box

Colour = tuple[int, int, int]

HATCHES = 72
"""Stripes of a hatching along the longer side of a slice."""


@dataclass(frozen=True)
class Frame:
    """The slice that figures are drawn on."""

    name: str
    height: int
    width: int
    aspect: float
    """Height of a pixel over its width."""
    box: Box
    """The part that figures show."""
    store: str = "mri"
    """The name of the picture of the slice, one for each view of the page."""

    @property
    def view(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of that part, in widths of a pixel."""
        top, bottom, left, right = self.box
        return left, top * self.aspect, right - left, (bottom - top) * self.aspect


def rgb(colour: Colour) -> str:
    """``colour`` as CSS writes it."""
    return f"rgb{colour}".replace(" ", "")


def slice_store(grey: np.ndarray, frame: Frame) -> str:
    """The slice ``grey`` (H, W) uint8, which all figures in ``frame`` show."""
    height, width = grey.shape
    _, data = cv2.imencode(".png", grey)
    address = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return _store(
        f"<image id='{frame.store}' width='{width}' height='{height * frame.aspect:.3f}' "
        f"preserveAspectRatio='none' href='{address}'/>"
    )


def hatchings(frame: Frame) -> str:
    """The hatchings of ``area_layer`` at the scale of ``frame``."""
    step = max(frame.width, frame.height * frame.aspect) / HATCHES
    return _store(
        "".join(
            f"<pattern id='{name}' width='{step:.2f}' height='{step:.2f}' "
            f"patternUnits='userSpaceOnUse' patternTransform='rotate({angle})'>"
            f"<rect width='{step * 0.45:.2f}' height='{step:.2f}' fill='{colour}'/></pattern>"
            for name, angle, colour in (("rising", 45, "#fff"), ("falling", -45, "#000"))
        )
    )


def _store(definitions: str) -> str:
    return (
        "<svg class='store' width='0' height='0' aria-hidden='true' focusable='false'><defs>"
        f"{definitions}</defs></svg>"
    )


def figure(title: str, frame: Frame, layers: str, caption: str, description: str = "") -> str:
    """A panel with the slice under ``layers``; ``caption`` is HTML, the rest plain text."""
    view = " ".join(f"{side:g}" for side in frame.view)
    label = escape(f"{title}, {frame.name}. {description}".strip())
    return (
        f"<figure class='panel'><svg class='scan' role='img' aria-label='{label}' "
        f"data-view='{view}' viewBox='{view}'>"
        f"<use href='#{frame.store}' class='mri'/>"
        f"<g transform='scale(1 {frame.aspect:g})'>{layers}</g></svg>"
        f"<figcaption>{caption}</figcaption></figure>"
    )


def truth_layer(truth: np.ndarray) -> tuple[list[Outline], str]:
    """The outlines of ``truth`` (H, W) bool, and their paths."""
    outlines = outline_lesions(truth.astype(np.float32), 0.5, label_lesions(truth[None]))
    numbers = [outline.number for outline in outlines]
    return outlines, lesion_layer(outlines, numbers, "Ground truth", TRUTH_COLOUR)


def lesion_layer(
    outlines: Iterable[Outline], numbers: Iterable[int], title: str, colour: Colour
) -> str:
    """One path for each lesion."""
    paths = [
        f"<path class='lesion' d='{path_data(outline.rings)}'>"
        f"<title>{escape(title)}, lesion {number}</title></path>"
        for outline, number in zip(outlines, numbers)
    ]
    return f"<g style='color:{rgb(colour)}'>{''.join(paths)}</g>"


def area_layer(rings: list[Ring], colour: Colour, cue: str) -> str:
    """An area; ``cue`` is ``plain``, ``rising`` or ``falling`` (a hatching) beside its colour."""
    if not rings:
        return ""
    data = path_data(rings)
    hatching = "" if cue == "plain" else f"<path class='hatching' fill='url(#{cue})' d='{data}'/>"
    return (
        f"<g class='area {cue}' style='color:{rgb(colour)}'><path class='ground' d='{data}'/>"
        f"{hatching}</g>"
    )


def heat_layer(picture: np.ndarray, frame: Frame) -> str:
    """A colour map ``picture`` (h, w, 4) uint8 RGBA over the whole slice."""
    _, data = cv2.imencode(
        ".webp", cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_WEBP_QUALITY, 85]
    )
    address = f"data:image/webp;base64,{base64.b64encode(data).decode()}"
    return (
        f"<image class='heat' width='{frame.width}' height='{frame.height}' "
        f"preserveAspectRatio='none' href='{address}'/>"
    )


def swatch(colour: Colour, cue: str = "plain") -> str:
    """A sample of a colour, with its hatching, for legends."""
    return f"<i class='swatch {cue}' style='--colour:{rgb(colour)}' aria-hidden='true'></i>"


def path_data(rings: Iterable[Ring]) -> str:
    """Closed lines as the ``d`` of an SVG path, to a hundredth of a pixel."""
    return "".join(
        "M" + " ".join(f"{x:g},{y:g}" for x, y in np.round(ring[:-1], 2)) + "Z" for ring in rings
    )
