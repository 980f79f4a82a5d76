"""A figure for a paper: panels of one slice in a row, with outlines, scale bar and legend.

Import it late: matplotlib takes half a second.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Line
from scipy.ndimage import find_objects

from metaseg.findings.outlines import outline_mask
from metaseg.findings.panels import Panel
from metaseg.preprocess import Box

WIDTH_INCHES = 7.0
"""Both columns of a page, 178 mm."""
MOST_INCHES = 3.5
"""Widest that a single panel gets: one column."""
TALLEST_INCHES = 8.0
"""Tallest that a panel gets: a page."""
MOST_PIXELS = 2048
"""Longer side of the slice in a figure: twice what print shows of a single panel."""
DPI = 300
BAR_MM = (1, 2, 5, 10, 20, 50, 100)
BAR_SHARE = 0.35
"""Longest that the scale bar may be, as a share of a panel."""
SETTINGS = {
    "svg.fonttype": "none",  # text stays text, so that an editor can change it
    "pdf.fonttype": 42,
    "svg.hashsalt": "MetaSeg",
    "font.family": "sans-serif",
    "font.size": 8,
}
_SETTINGS_LOCK = threading.Lock()


def write_paper_figure(
    path: Path,
    grey: np.ndarray,
    panels: Sequence[Panel],
    box: Box,
    pixel_mm: tuple[float, float] | None,
    aspect: float,
    caption: str,
    description: str,
) -> None:
    """``panels`` of the slice ``grey`` (H, W) uint8, cropped to ``box``, as SVG, PDF or PNG of 300
    dpi, as the ending of ``path`` says.

    Outlines, text and the scale bar are lines and letters in SVG and PDF. ``pixel_mm`` is the
    height and width of a pixel; None leaves the scale bar out. ``aspect`` is its height over its
    width, also where that is unknown. ``caption`` stands below; ``description`` is written into
    the file for whoever finds it later.
    """
    height, width = (box[1] - box[0]) * aspect, box[3] - box[2]
    widest = min(MOST_INCHES, WIDTH_INCHES / len(panels))
    panel_width = min(widest, TALLEST_INCHES * width / height)
    panel_height = panel_width * height / width
    head, foot = 0.22, 0.45
    size = panel_width * len(panels), panel_height + head + foot
    with _SETTINGS_LOCK, matplotlib.rc_context(SETTINGS):
        pixels = _shrunk(grey[box[0] : box[1], box[2] : box[3]])
        figure = Figure(size, layout="none")
        FigureCanvasAgg(figure)
        for number, panel in enumerate(panels):
            gap = 0.01
            place = (
                (number + gap) / len(panels),
                foot / size[1],
                (1 - 2 * gap) / len(panels),
                panel_height / size[1],
            )
            axes = figure.add_axes(place)
            _draw(axes, pixels, panel, box, aspect)
            if number == 0 and pixel_mm is not None:
                _draw_bar(axes, box, pixel_mm)
        _draw_foot(figure, panels, caption, foot / size[1])
        figure.savefig(path, dpi=DPI, metadata=_metadata(path.suffix, description))


def _shrunk(pixels: np.ndarray) -> np.ndarray:
    scale = min(1.0, MOST_PIXELS / max(pixels.shape))
    height, width = (max(1, round(side * scale)) for side in pixels.shape)
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def _draw(axes: Axes, pixels: np.ndarray, panel: Panel, box: Box, aspect: float) -> None:
    top, bottom, left, right = box
    axes.imshow(
        pixels,
        cmap="gray",
        vmin=0,
        vmax=255,
        extent=(left, right, bottom, top),
        interpolation="none",
        aspect=aspect,
    )
    for layer in panel.layers:
        # The outlines of the whole mask, clipped by the axes: a crop must not close them.
        colour = tuple(part / 255 for part in layer.colour)
        for rows, columns in find_objects(layer.mask.astype(np.uint8)):
            for ring in outline_mask(layer.mask[rows, columns]):
                line = Line(np.add(ring, (columns.start, rows.start)))
                axes.add_patch(PathPatch(line, fill=False, edgecolor=colour, linewidth=1.0))
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.set_axis_off()
    axes.set_title(panel.title, pad=3)


def _draw_bar(axes: Axes, box: Box, pixel_mm: tuple[float, float]) -> None:
    """A bar of a round length at the lower left, along the rows."""
    top, bottom, left, right = box
    mm = bar_length((right - left) * pixel_mm[1])
    if mm is None:
        return
    x, y = left + 0.05 * (right - left), bottom - 0.05 * (bottom - top)
    length = mm / pixel_mm[1]
    # What is dark behind it keeps it visible on bright skin. A rim would make text no text.
    for colour, width, name in (("black", 3.5, "rim"), ("white", 2, "bar")):
        ends = [x, x + length], [y, y]
        axes.plot(*ends, color=colour, linewidth=width, solid_capstyle="butt", gid=name)
    axes.text(
        x + length / 2,
        y - 0.03 * (bottom - top),
        f"{mm} mm",
        color="white",
        ha="center",
        bbox={"facecolor": "black", "edgecolor": "none", "alpha": 0.6, "pad": 1},
    )


def bar_length(width_mm: float) -> int | None:
    """The longest of ``BAR_MM`` that fits a panel of ``width_mm``; None if none does."""
    fitting = [mm for mm in BAR_MM if mm <= BAR_SHARE * width_mm]
    return fitting[-1] if fitting else None


def _draw_foot(figure: Figure, panels: Sequence[Panel], caption: str, share: float) -> None:
    colours = {layer.label: layer.colour for panel in panels for layer in panel.layers}
    lines = [
        Line2D([], [], color=tuple(part / 255 for part in colour), linewidth=1.5)
        for colour in colours.values()
    ]
    if lines:
        figure.legend(
            lines,
            list(colours),
            loc="upper center",
            bbox_to_anchor=(0.5, share),
            ncols=len(lines),
            frameon=False,
            borderpad=0.2,
        )
    figure.text(0.5, 0.05 * share, caption, ha="center", va="bottom", fontsize=7, color="0.3")


def _metadata(ending: str, description: str) -> dict:
    if ending == ".png":
        return {"Software": "MetaSeg", "Description": description}
    if ending == ".pdf":
        return {"Creator": "MetaSeg", "Subject": description, "CreationDate": None}
    return {"Creator": "MetaSeg", "Description": description, "Date": None}
