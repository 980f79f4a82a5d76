"""python -m metaseg predict SLICE... --model NAME --threshold T --output DIR"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from tqdm import tqdm

from metaseg.checkpoint import write_whole
from metaseg.commands.options import output_folder
from metaseg.errors import InputError
from metaseg.overlay import PREDICTION_COLOURS, draw_overlay, write_png
from metaseg.report import build_report
from metaseg.scan import Scan, read_scan
from metaseg.scan.nifti import write_nifti
from metaseg.scan.types import display_name
from metaseg.segmenter import Prediction, Segmenter, check_threshold, load_models


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser("predict", help="segment slices or volumes into files")
    parser.add_argument("scans", nargs="+", type=Path, metavar="SLICE")
    parser.add_argument("--model", default="attention_unet", help="default: attention_unet")
    parser.add_argument(
        "--threshold", type=float, help="0 to 1; default: the checkpoint's own threshold"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Segment every scan. A bad one is named on standard error, and the others go on."""
    checkpoint = load_models([options.model])[0]
    threshold = checkpoint.config.threshold if options.threshold is None else options.threshold
    threshold = check_threshold(threshold)
    segmenter = Segmenter([checkpoint])
    folder = output_folder(options.output)
    failed = False
    for path, name in tqdm(list(zip(options.scans, output_names(options.scans))), unit="scan"):
        try:
            scan = read_scan(path)
            write_results(folder, name, segmenter, scan, checkpoint.name, threshold)
        except InputError as error:
            tqdm.write(f"metaseg: {error}", file=sys.stderr)
            failed = True
    return 2 if failed else 0


def output_names(paths: list[Path]) -> list[str]:
    """A name for the results of each path: its own, with its parent folder's where two agree."""
    names = [display_name(path) for path in paths]
    counts = Counter(names)
    names = [
        f"{path.resolve().parent.name}_{name}" if counts[name] > 1 else name
        for path, name in zip(paths, names)
    ]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"Two scans would both be written as {twice[0]}: rename one of them.")
    return names


def write_results(
    folder: Path, name: str, segmenter: Segmenter, scan: Scan, model: str, threshold: float
) -> None:
    """Mask, overlay and report of one scan into ``folder``."""
    prediction = segmenter.predict(
        scan, model, lambda batches: tqdm(batches, desc=name, unit="slice", leave=False)
    )
    mask = prediction.mask(threshold)
    if scan.is_volume:
        write_nifti(folder / f"{name}_mask.nii.gz", mask.astype(np.uint8), scan)
    else:
        write_png(folder / f"{name}_mask.png", mask[0])
    report = build_report(scan, prediction, threshold)
    write_png(folder / f"{name}_overlay.png", _overlay(segmenter, scan, prediction, mask))
    write_whole(folder / f"{name}.json", (json.dumps(report, indent=2) + "\n").encode())


def _overlay(
    segmenter: Segmenter, scan: Scan, prediction: Prediction, mask: np.ndarray
) -> np.ndarray:
    """The slice with the most lesion, or the middle one where there is none."""
    areas = mask.sum(axis=(1, 2))
    index = int(areas.argmax()) if areas.any() else len(areas) // 2
    colour = PREDICTION_COLOURS[segmenter.find(prediction.model).config.architecture]
    return draw_overlay(segmenter.view(scan, index, enhanced=False), [(mask[index], colour)])
