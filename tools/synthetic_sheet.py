"""python -m tools.synthetic_sheet: synthetic metastases beside real lesions, on one picture."""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from metaseg.data.case import Case, read_case
from metaseg.data.cases import cases_of_split
from metaseg.errors import InputError
from metaseg.preprocess import Preprocessing, brain_mask, prepare, to_grey_levels
from metaseg.synthesis.canvas import MODALITIES
from metaseg.synthesis.metastases import add_metastases
from metaseg.synthesis.shapes import collect_donors
from metaseg.training.config import TrainingConfig

PIXEL_MM = 0.9
"""A usual pixel size, where the data folder states none."""

TILE = 256
"""Height and width of one slice on the sheet, in pixels."""

RED = (60, 60, 255)
"""Outlines, in OpenCV's order of the colours."""


def main(arguments: list[str] | None = None) -> int:
    """Read the options and write the sheet; bad input is one sentence and the exit status 2."""
    parser = argparse.ArgumentParser(prog="python -m tools.synthetic_sheet", description=__doc__)
    parser.add_argument("--data", required=True, type=Path, metavar="DIR",
                        help="data folder whose training slices get metastases")  # fmt: skip
    parser.add_argument("--real", type=Path, metavar="DIR",
                        help="data folder whose test lesions stand beside them")  # fmt: skip
    parser.add_argument("--output", required=True, type=Path, metavar="PNG")
    parser.add_argument("--slices", type=int, default=12, help="of each kind; default: 12")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    random = np.random.default_rng(options.seed)
    settings = TrainingConfig(size=TILE).preprocessing
    try:
        tiles = _synthetic(options.data, options.slices, random, settings)
        if options.real is not None:
            tiles += _real(options.real, options.slices, random, settings)
        _write(options.output, tiles)
    except InputError as error:
        print(f"tools.synthetic_sheet: {error}", file=sys.stderr)
        return 2
    print(f"{options.output}: each slice as it is and, below, with its lesions outlined")
    return 0


def _write(path: Path, tiles: list[np.ndarray]) -> None:
    """``tiles`` in rows of six as one PNG; raises InputError if none is given or ``path`` is
    wrong."""
    if not tiles:
        raise InputError("No slice shows a brain to draw metastases into: give other data.")
    columns = min(6, len(tiles))
    tiles = tiles + [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)]
    if not cv2.imwrite(str(path), np.vstack(rows)):
        raise InputError(f"{path.name} cannot be written: give the path of a PNG file.")


def _synthetic(
    folder: Path, count: int, random: np.random.Generator, settings: Preprocessing
) -> list[np.ndarray]:
    cases = cases_of_split([folder], "train")
    modality = cases[0].dataset.modality
    if modality not in MODALITIES:
        raise InputError(f"Metastases can be drawn on {', '.join(MODALITIES)}: give other data.")
    slices = []
    for index in random.permutation(len(cases)):
        grey, truth = _read(cases[index], settings)
        prepared, brain = prepare(grey, settings), brain_mask(grey)
        if prepared is None or brain is None:
            continue
        levels, geometry = prepared
        side = max(geometry.bottom - geometry.top, geometry.right - geometry.left)
        pixel_mm = (cases[0].dataset.pixel_mm or PIXEL_MM) * side / settings.size
        masks = geometry.forward_mask(truth), geometry.forward_mask(brain)
        slices.append((levels, *masks, pixel_mm))
        # More slices than are shown: the tumours to copy come from others than the slice itself.
        if len(slices) == 2 * count:
            break
    shown, others = slices[:count], slices[count:]
    donors = []
    if modality == "t1ce" and others:
        donors = collect_donors([item[0] for item in others], [item[1] for item in others])
    tiles = []
    for levels, truth, brain, pixel_mm in shown:
        changed, mask = add_metastases(levels, truth, brain, pixel_mm, random, modality, donors)
        tiles.append(_tile(changed, mask & ~truth, "synthetic"))
    return tiles


def _real(
    folder: Path, count: int, random: np.random.Generator, settings: Preprocessing
) -> list[np.ndarray]:
    cases = cases_of_split([folder], "test")
    tiles = []
    for index in random.permutation(len(cases)):
        grey, truth = _read(cases[index], settings)
        prepared = prepare(grey, settings)
        if truth.any() and prepared is not None:
            tiles.append(_tile(prepared[0], prepared[1].forward_mask(truth), "real"))
        if len(tiles) == count:
            break
    return tiles


def _read(case: Case, settings: Preprocessing) -> tuple[np.ndarray, np.ndarray]:
    """The slice with the largest lesion as grey levels (H, W) uint8, and its mask (H, W) bool."""
    scan, masks = read_case(case)
    number = int(masks.sum(axis=(1, 2)).argmax())
    grey = to_grey_levels(scan.voxels[number], scan.eight_bit, settings)
    return grey, masks[number]


def _tile(levels: np.ndarray, mask: np.ndarray, title: str) -> np.ndarray:
    """A slice (S, S) above the same with its lesions outlined: (2 S, S, 3) uint8."""
    plain = cv2.cvtColor(levels, cv2.COLOR_GRAY2BGR)
    outlined = plain.copy()
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(outlined, contours, -1, RED, 1)
    cv2.putText(outlined, title, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, RED, 1, cv2.LINE_AA)
    return np.vstack([plain, outlined])


if __name__ == "__main__":
    sys.exit(main())
