"""The best, the median and the worst slice of a data set, drawn with what the networks outline."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from metaseg.card.facts import data_title
from metaseg.checkpoint import write_whole
from metaseg.comparison.figures import colour
from metaseg.comparison.markdown import code, figure
from metaseg.comparison.material import Material
from metaseg.comparison.measured import Measured
from metaseg.data.case import read_case
from metaseg.data.cases import read_cases
from metaseg.data.known import KNOWN_DATA
from metaseg.errors import InputError
from metaseg.overlay import PREDICTION_COLOURS, TRUTH_COLOUR, draw_overlay
from metaseg.segmenter import Segmenter, take_slice

CASES = "Best, median and worst slices"
RANKS = ("best", "median", "worst")


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
        "Ranked by the mean Dice of both networks over all test slices with a lesion, and chosen "
        "by that rank alone.",
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
        known = KNOWN_DATA.get(name)
        origin = f" {known.source}, {known.license.upper()}." if known else ""
        places = ", ".join(f"{r} {_place(one)}" for r, one in zip(RANKS, ranked))
        alt = f"Three slices of {data_title(name)} with outlines: {'; '.join(RANKS)}"
        said = f"{data_title(name)}: {places}.{origin}"
        blocks.append(figure(address, alt, said))
    return blocks


def _place(ranked: Ranked) -> str:
    return f"{ranked.case}, slice {ranked.index}" if ranked.index else ranked.case


def _draw_cases(
    path: Path, material: Material, segmenter: Segmenter, folder: Path, ranked: list[Ranked]
) -> None:
    cases = {case.name: case for case in read_cases(folder)}
    networks = list(material.shipped.items())
    with matplotlib.rc_context({"font.size": 9}):
        drawing = Figure(figsize=(7.5, 5.6), layout="constrained")
        axes = drawing.subplots(2, len(ranked))
        for column, (rank, one) in enumerate(zip(RANKS, ranked)):
            if one.case not in cases:
                raise InputError(f"{folder.name} has no case {one.case}: give the same data.")
            scan, truths = read_case(cases[one.case])
            scan, truth = take_slice(scan, one.index)[0], truths[one.index]
            grey = segmenter.view(scan, 0, enhanced=False)
            masks = [(truth, TRUTH_COLOUR)]
            for name, network in networks:
                mask = segmenter.predict(scan, name).mask(network.config.threshold)[0]
                masks.append((mask, PREDICTION_COLOURS[name]))
            for axis, shown in zip(axes[:, column], (masks[:0], masks)):
                axis.imshow(draw_overlay(grey, shown, scan.aspect), interpolation="antialiased")
                axis.set_axis_off()
            axes[0, column].set_title(
                f"{rank}: Dice " + ", ".join(f"{dice:.2f}" for dice in one.dice)
            )
        names = {"ground truth": "#" + bytes(TRUTH_COLOUR).hex()}
        names |= {network.title: colour(name) for name, network in networks}
        drawing.legend(
            handles=[Patch(color=tint, label=name) for name, tint in names.items()],
            loc="outside lower center", ncols=len(names), frameon=False,
        )  # fmt: skip
        picture = io.BytesIO()
        drawing.savefig(picture, format="raw", dpi=130)
        height, width = (round(130 * side) for side in (5.6, 7.5))
    pixels = np.frombuffer(picture.getvalue(), np.uint8).reshape(height, width, 4)[..., :3]
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "JPEG", quality=85, optimize=True)
    write_whole(path, packed.getvalue())
