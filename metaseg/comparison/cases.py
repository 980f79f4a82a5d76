"""The best, the median and the worst slice of a data set, drawn with what the networks outline."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from metaseg.comparison.figures import colour
from metaseg.comparison.markdown import code, figure
from metaseg.comparison.material import Material
from metaseg.comparison.measured import Measured, description
from metaseg.data.case import read_case
from metaseg.data.cases import read_cases
from metaseg.errors import InputError
from metaseg.files import write_whole
from metaseg.overlay import PREDICTION_COLOURS, TRUTH_COLOUR, draw_overlay
from metaseg.preprocess import Preprocessing, find_tissue
from metaseg.segmenter import Segmenter, take_slice

CASES = "Best, median and worst slices"
RANKS = ("best", "median", "worst")
DPI = 115


@dataclass(frozen=True)
class Ranked:
    """A slice, and its Dice by the networks, in their order."""

    case: str
    index: int
    dice: tuple[float, ...]


def rank_slices(networks: Sequence[Measured], data: str) -> list[Ranked]:
    """The best, the median and the worst slice of ``data`` with a lesion by the mean Dice of
    ``networks``; of equals, the one with more lesion is the worse. Empty unless every network
    was measured there slice by slice.
    """
    tables = [network.slices.get(data, {}) for network in networks]
    if not tables or any(set(table) != set(tables[0]) for table in tables):
        return []
    rows = [
        (sum(dice) / len(dice), -int(row["lesion_pixels"]), Ranked(key[0], int(key[1]), dice))
        for key, row in tables[0].items()
        if int(row["lesion_pixels"])
        for dice in [tuple(float(table[key]["dice"]) for table in tables)]
    ]
    rows.sort(key=lambda row: (*row[:2], row[2].case, row[2].index))
    return [rows[place][2] for place in (-1, len(rows) // 2, 0)] if rows else []


def describe_cases(
    material: Material, segmenter: Segmenter | None, folders: Sequence[Path]
) -> list[str]:
    """A picture for each of ``folders``, data folders; ``segmenter`` holds the shipped networks.

    InputError where a folder lacks a case that was measured.
    """
    blocks = [
        f"## {CASES}",
        "Ranked by the mean Dice of all shipped networks over all test slices with a lesion, and "
        "chosen by that rank alone.",
    ]
    if segmenter is None or not folders:
        return [*blocks, "They are drawn where the report is made with `--data`."]
    for folder in folders:
        name = folder.resolve().name
        ranked = rank_slices(list(material.shipped.values()), name)
        if not ranked:
            blocks.append(f"{code(name)} has not been recorded slice by slice for every network.")
            continue
        path, address = material.figure(f"cases_{name}.jpg")
        _draw_cases(path, material, segmenter, folder, ranked)
        known = description(material.shipped.values(), name)
        origin = f" {known['citation']}, {known['license']}." if known else ""
        places = ", ".join(f"{r} {_place(one)}" for r, one in zip(RANKS, ranked))
        alt = f"Three slices of {name} with outlines: {'; '.join(RANKS)}"
        said = f"{name}: {places}.{origin}"
        blocks.append(figure(address, alt, said))
    return blocks


def _place(ranked: Ranked) -> str:
    return f"{ranked.case}, slice {ranked.index}" if ranked.index else ranked.case


def _draw_cases(
    path: Path, material: Material, segmenter: Segmenter, folder: Path, ranked: list[Ranked]
) -> None:
    """A column for each of ``ranked``; the slice alone, then a row for each network."""
    cases = {case.name: case for case in read_cases(folder)}
    networks = list(material.shipped.items())
    size = 7.5, 2.55 * (1 + len(networks)) + 0.4
    with matplotlib.rc_context({"font.size": 9}):
        drawing = Figure(figsize=size, dpi=DPI, layout="constrained")
        rows = drawing.subplots(1 + len(networks), len(ranked), squeeze=False)
        for column, (rank, one) in enumerate(zip(RANKS, ranked)):
            if one.case not in cases:
                raise InputError(f"{folder.name} has no case {one.case}: give the data measured.")
            scan, truths = read_case(cases[one.case])
            scan, truth = take_slice(scan, one.index)[0], truths[one.index]
            grey = segmenter.view(scan, 0, enhanced=False)
            settings = networks[0][1].config.preprocessing
            show = partial(_show, grey, _head(grey, settings), scan.aspect)
            show(rows[0, column], [], rank)
            for row, (name, network), dice in zip(rows[1:], networks, one.dice):
                mask = segmenter.predict(scan, name).mask(network.config.threshold)[0]
                masks = [(truth, TRUTH_COLOUR), (mask, PREDICTION_COLOURS[name])]
                show(row[column], masks, f"Dice {dice:.2f}")
        for axis, label in zip(rows[:, 0], ("slice", *(n.title for _, n in networks))):
            axis.set_ylabel(label)
        tints = {"ground truth": "#" + bytes(TRUTH_COLOUR).hex()}
        tints |= {network.title: colour(name) for name, network in networks}
        drawing.legend(
            handles=[Patch(color=tint, label=name) for name, tint in tints.items()],
            loc="outside lower center", ncols=len(tints), frameon=False,
        )  # fmt: skip
        packed = io.BytesIO()
        drawing.savefig(packed, format="jpg", pil_kwargs={"quality": 85, "optimize": True})
    write_whole(path, packed.getvalue())


def _head(grey: np.ndarray, settings: Preprocessing) -> tuple[slice, slice]:
    """The part of ``grey`` (H, W) uint8 that shows tissue; all of it where there is none."""
    height, width = grey.shape
    top, bottom, left, right = find_tissue(grey, settings) or (0, height, 0, width)
    return np.s_[top:bottom, left:right]


def _show(grey: np.ndarray, box: tuple, aspect: float, axis: Axes, masks: list, title: str) -> None:
    picture = draw_overlay(grey[box], [(mask[box], tint) for mask, tint in masks], aspect)
    axis.imshow(picture, interpolation="antialiased")
    axis.set(xticks=[], yticks=[], title=title)
