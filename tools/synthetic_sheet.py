"""python -m tools.synthetic_sheet: drawn, donated and real lesions side by side, on one picture."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from scipy import ndimage

from metaseg.data.case import Case
from metaseg.data.cases import cases_of_split
from metaseg.data.prepared import FOR_VALIDATION, PreparedSlices, prepare_cases
from metaseg.errors import InputError
from metaseg.findings.lesions import EIGHT_CONNECTED
from metaseg.synthesis.metastases import place_metastases
from metaseg.synthesis.shapes import Donor
from metaseg.training.config import TrainingConfig
from metaseg.training.dataset import find_donors

SIZES = (3, 5, 8, 12, 18, 25)
"""Diameters in mm, a row each."""
SHOWN_MM = 50
"""Height and width of what a tile shows."""
GRID, TILE = 256, 160
"""Pixels: of the network's grid, of a tile."""
TRIES = 200
"""For a lesion that finds room on a slice."""
MOST_CASES = 40
"""Of each data folder."""

RED = (60, 60, 255)
"""In OpenCV's order of the colours."""


def main(arguments: list[str] | None = None) -> int:
    """Read the options and write the sheet; bad input is one sentence and the exit status 2."""
    parser = argparse.ArgumentParser(prog="python -m tools.synthetic_sheet", description=__doc__)
    for option, purpose in (
        ("--data", "data folder whose training slices get metastases; repeatable"),
        ("--real", "data folder whose test lesions stand beside them; repeatable"),
    ):
        parser.add_argument(
            option, required=True, action="append", type=Path, metavar="DIR", help=purpose
        )
    parser.add_argument("--output", required=True, type=Path, metavar="PNG")
    parser.add_argument("--columns", type=int, default=4, help="of each kind; default: 4")
    parser.add_argument("--outlines", action="store_true", help="outline the lesions")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        training = _prepare(options.data, "train", options.seed)
        test = _prepare(options.real, "test", options.seed)
        donors = find_donors(training)
        columns = {
            "drawn": _made(training, [], options),
            "donated": _made(training, donors, options) if donors else [],
            "real": _real(test, options),
        }
        _write(options.output, {title: tiles for title, tiles in columns.items() if tiles})
    except InputError as error:
        print(f"tools.synthetic_sheet: {error}", file=sys.stderr)
        return 2
    print(f"{options.output}: {', '.join(columns)}; {', '.join(map(str, SIZES))} mm from above")
    return 0


def _prepare(folders: list[Path], split: str, seed: int) -> PreparedSlices:
    """Slices of contrast-enhanced T1 of a few cases of each folder."""
    random, chosen = np.random.default_rng(seed), []
    for folder in folders:
        cases = cases_of_split([folder], split)
        if cases[0].dataset.modality != "t1ce":
            raise InputError(f"{cases[0].source} is no contrast-enhanced T1: use other data.")
        chosen += _some(cases, random)
    settings = TrainingConfig(size=GRID).preprocessing
    with TemporaryDirectory() as cache:
        return prepare_cases(chosen, settings, Path(cache), FOR_VALIDATION)


def _some(cases: list[Case], random: np.random.Generator) -> list[Case]:
    return [cases[index] for index in random.permutation(len(cases))[:MOST_CASES]]


def _made(
    slices: PreparedSlices, donors: list[Donor], options: argparse.Namespace
) -> list[list[np.ndarray]]:
    """Tiles of synthetic lesions by size: copies of ``donors``, or drawn where there are none."""
    random = np.random.default_rng(options.seed)
    enough = slices.brains.sum(axis=(1, 2)) > 0.1 * GRID**2
    canvases = np.flatnonzero(enough & np.isfinite(slices.pixel_mm))
    if not len(canvases):
        raise InputError("No slice of known pixel size shows a brain to draw into: use other data.")

    def one(size: float) -> np.ndarray | None:
        for _ in range(TRIES):
            index = int(random.choice(canvases))
            levels, own, pixel_mm = slices.greys[index], slices.masks[index], slices.pixel_mm[index]
            brain = slices.brains[index]
            changed, labels, lesions = place_metastases(
                levels, own, brain, pixel_mm, random, [size], "t1ce", donors
            )
            wanted = [lesion for lesion in lesions if (lesion.kind == "copy") == bool(donors)]
            if wanted:
                return _tile(
                    changed, labels > 0, wanted[0].row, wanted[0].column, pixel_mm, options
                )
        return None

    return [[tile for _ in range(options.columns) if (tile := one(d)) is not None] for d in SIZES]


def _real(slices: PreparedSlices, options: argparse.Namespace) -> list[list[np.ndarray]]:
    """Tiles of real lesions by size, as near to it as there are."""
    found = list(_lesions(slices))
    if not found:
        raise InputError("No test slice of known pixel size has a lesion: use other data.")
    rows = []
    for size in SIZES:
        near = sorted(found, key=lambda lesion: abs(np.log(lesion[0] / size)))
        near = [lesion for lesion in near if 0.7 < lesion[0] / size < 1.4]
        # One of each patient first, so that no tumour stands there slice after slice.
        firsts = list({slices.cases[lesion[1]]: lesion for lesion in reversed(near)}.values())
        rows.append(
            [
                _tile(slices.greys[i], mask, row, column, slices.pixel_mm[i], options)
                for _, i, mask, row, column in firsts[-options.columns :]
            ]
        )
    return rows


def _lesions(slices: PreparedSlices) -> Iterator[tuple[float, int, np.ndarray, int, int]]:
    """Diameter in mm, slice, mask (H, W) bool and place of every lesion."""
    for index in np.flatnonzero(slices.has_lesion & np.isfinite(slices.pixel_mm)):
        labels, count = ndimage.label(slices.masks[index], EIGHT_CONNECTED)
        for number in range(1, count + 1):
            mask = labels == number
            diameter = 2 * np.sqrt(mask.sum() / np.pi) * slices.pixel_mm[index]
            row, column = (round(float(at.mean())) for at in np.nonzero(mask))
            yield float(diameter), int(index), mask, row, column


def _tile(
    levels: np.ndarray,
    mask: np.ndarray,
    row: int,
    column: int,
    pixel_mm: float,
    options: argparse.Namespace,
) -> np.ndarray:
    """SHOWN_MM of the slice ``levels`` (S, S) around a lesion: (TILE, TILE, 3) uint8."""
    half = round(SHOWN_MM / pixel_mm / 2)
    window = np.s_[row : row + 2 * half, column : column + 2 * half]
    # The window begins ``half`` pixels before the place, which the padding moves by as much.
    shown, inside = (np.pad(array, half)[window] for array in (levels, mask))
    tile = cv2.resize(shown, (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    tile = cv2.cvtColor(tile, cv2.COLOR_GRAY2BGR)
    if options.outlines:
        large = cv2.resize(inside.astype(np.uint8), (TILE, TILE), interpolation=cv2.INTER_NEAREST)
        lines, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(tile, lines, -1, RED, 1)
    return tile


def _write(path: Path, columns: dict[str, list[list[np.ndarray]]]) -> None:
    """The rows of every kind beside each other, under its title. InputError for a wrong
    ``path``."""
    blocks = []
    for title, rows in columns.items():
        width = max(1, *(len(row) for row in rows))
        empty = np.zeros((TILE, TILE, 3), np.uint8)
        head = np.zeros((24, width * TILE, 3), np.uint8)
        cv2.putText(head, title, (4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, RED, 1, cv2.LINE_AA)
        lines = [np.hstack([*row, *[empty] * (width - len(row))]) for row in rows]
        blocks.append(np.vstack([head, *lines]))
        blocks.append(np.zeros((len(blocks[-1]), 12, 3), np.uint8))
    if not cv2.imwrite(str(path), np.hstack(blocks[:-1])):
        raise InputError(f"{path.name} cannot be written: use the path of a PNG file.")


if __name__ == "__main__":
    sys.exit(main())
