"""python -m metaseg evaluate DATA --split SPLIT --model NAME [--model NAME] --output DIR"""

import argparse
import json
from pathlib import Path

from tqdm import tqdm

from metaseg.checkpoint import write_whole
from metaseg.commands.options import output_folder
from metaseg.data.cases import cases_of_split
from metaseg.evaluation import evaluate
from metaseg.metrics import to_json
from metaseg.segmenter import Segmenter, load_models


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser("evaluate", help="measure models on a data folder")
    parser.add_argument("data", type=Path, metavar="DATA", help="a folder with a cases.csv")
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument(
        "--model", action="append", dest="models", default=[], help="default: all shipped"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write ``metrics.json`` and print its main figures."""
    cases = cases_of_split([options.data], options.split)
    segmenter = Segmenter(load_models(options.models))
    folder = output_folder(options.output)
    results = evaluate(segmenter, cases, lambda items: tqdm(items, unit="case"))
    data = {"data": options.data.resolve().name, "split": options.split}
    metrics = {name: {**data, **result} for name, result in results.items()}
    text = json.dumps(to_json(metrics), indent=2) + "\n"
    write_whole(folder / "metrics.json", text.encode())
    for name, result in results.items():
        dice = result["dice"]
        print(
            f"{segmenter.titles[name]} on {data['data']}, {options.split}: "
            f"{result['cases']} slices of {result['groups']} groups, "
            f"mean Dice {dice['mean']:.3f} ({dice['low']:.3f} to {dice['high']:.3f}), "
            f"per group {result['group_dice']:.3f}, pooled {result['pooled_dice']:.3f}, "
            f"false positives on {result['empty_false_positive_rate']:.1%} "
            f"of {result['empty_cases']} empty slices"
        )
    print(f"Written to {folder / 'metrics.json'}. Pixel-wise F1 equals Dice.")
    return 0
