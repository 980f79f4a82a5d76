"""python -m metaseg evaluate DATA --split SPLIT --model NAME [--model NAME] --output DIR"""

import argparse
import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path

from tqdm import tqdm

from metaseg.cli.options import add_modality
from metaseg.data.cases import cases_of_split
from metaseg.errors import InputError
from metaseg.evaluation.benchmark import evaluate_benchmark
from metaseg.evaluation.evaluate import evaluate
from metaseg.evaluation.perturbations import evaluate_perturbed
from metaseg.evaluation.record import record_metrics
from metaseg.files import output_folder, path_of, to_json, write_json, write_whole
from metaseg.hub.resolve import load_models, local_folder
from metaseg.metrics import show_score
from metaseg.segmenter import Segmenter
from metaseg.synthesis.benchmark import benchmark_slices


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to ``parser``."""
    parser.add_argument("data", type=path_of, metavar="DATA", help="data folder with cases.csv")
    add_modality(parser)
    parser.add_argument("--split", default="test", help="split to evaluate (default: test)")
    parser.add_argument(
        "--model",
        action="append",
        dest="models",
        default=[],
        help="shipped name, folder or Hub name; repeatable (default: all shipped)",
    )
    parser.add_argument("--output", required=True, type=path_of, metavar="DIR")
    parser.add_argument(
        "--record",
        action="store_true",
        help="also store the metrics in each model's folder and card (test split only)",
    )
    parser.add_argument(
        "--perturbed",
        action="store_true",
        help="also evaluate altered copies: without skull, framed, rotated, darker and so on",
    )
    parser.add_argument(
        "--stress",
        action="store_true",
        help="also run the synthetic lesion benchmark: metastases of known size drawn into test "
        "slices (contrast-enhanced T1, with pixel_mm or as skull-stripped volumes)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write ``metrics.json`` and ``case_dice.csv`` (one row per case); print the main metrics.

    ``perturbed`` and ``stress`` are separate objects beside each model's other metrics.
    """
    if options.record and options.split != "test":
        raise InputError(
            "Cards show only metrics of the test split: leave out --record or --split."
        )
    cases = cases_of_split([options.data], options.split, options.modality)
    stress = list(benchmark_slices(options.data, options.modality)) if options.stress else []
    if options.stress and not stress:
        raise InputError(
            "The synthetic lesion benchmark needs contrast-enhanced T1 slices that show a brain, "
            "and the test split has none: leave out --stress."
        )
    checkpoints = load_models(options.models)
    names = [checkpoint.name for checkpoint in checkpoints]
    if len(set(names)) < len(names):
        raise InputError("Two models have the same name: evaluate them one at a time.")
    homes = _homes(options.models or names) if options.record else []
    segmenter = Segmenter(checkpoints)
    folder = output_folder(options.output)
    results = evaluate(segmenter, cases, _progress("unaltered"))
    slice_rows = {name: result.pop("slice_rows") for name, result in results.items()}
    rows = [
        {"model": name} | row for name, result in results.items() for row in result.pop("case_rows")
    ]
    write_whole(folder / "case_dice.csv", _table(rows).encode())
    more = {}
    if options.perturbed:
        more["perturbed"] = evaluate_perturbed(segmenter, cases, _progress("perturbed"))
    if options.stress:
        more["stress"] = evaluate_benchmark(
            segmenter, stress, _progress("synthetic lesion benchmark")
        )
    for title, measured in more.items():
        for name, of_model in measured.items():
            results[name][title] = of_model
    dataset = cases[0].dataset.model_dump(exclude_none=True)
    data = {"data": cases[0].source, "dataset": dataset, "split": options.split}
    metrics = {name: {**data, **result} for name, result in results.items()}
    write_json(folder / "metrics.json", metrics)
    for home, name in zip(homes, names):
        record_metrics(home, data["data"], to_json(metrics[name]), slice_rows[name])
    for name, result in results.items():
        summary = _summary(to_json(result), dataset["groups"])
        print(f"{segmenter.titles[name]} on {data['data']}, {options.split}: {summary}")
    print(f"Written to {folder / 'metrics.json'}. Pixel-wise F1 equals Dice.")
    return 0


def _summary(result: dict, groups: str) -> str:
    """The main metrics, a line for each kind, of ``result`` as in ``metrics.json``. ``groups`` says
    what the groups are."""
    unit = "patient" if groups == "patients" else "group"
    dice, empty = result["dice"], "no empty slices"
    if result["empty_cases"]:
        empty = (
            f"false positives on {result['empty_false_positive_rate']:.1%} of "
            f"{result['empty_cases']} empty slices"
        )
    lines = [
        f"{result['cases']} slices of {result['groups']} {unit}{'s' * (result['groups'] != 1)}, "
        f"mean Dice {show_score(dice)}, by {unit} {show_score(result['group_dice'])}, "
        f"pooled {show_score(result['pooled_dice'])}, {empty}"
    ]
    for name, point in result["operating_points"].items():
        found = point["sensitivity"]
        lines.append(
            f"{name.replace('_', ' ')} {point['threshold']:g}: "
            f"{'' if found is None else f'finds {found:.1%} of the lesions, '}"
            f"{point['false_positives_per_slice']:.2f} false positives per slice"
        )
    challenge = {name: found["mean"] for name, found in result["challenge"].items()}
    if challenge["dice"] is not None:
        lines.append(
            f"lesion-wise as in BraTS-METS 2026: Dice {challenge['dice']:.3f}, "
            f"F1 {challenge['f1']:.3f} from 20 {result['challenge_unit']}, "
            f"{challenge['f1_small']:.3f} below"
        )
    for kind, changed in result.get("perturbed", {}).items():
        drop = changed["drop"]["mean"]
        lines.append(f"{kind}: Dice {changed['dice']:.3f} on {changed['slices']}, drop {drop:.3f}")
    if on_drawn := result.get("stress"):
        found = on_drawn["from_5_mm"]["sensitivity"]
        false = on_drawn["false_positives_per_slice"]
        lines.append(
            f"synthetic lesion benchmark {on_drawn['fingerprint']}: finds {found:.1%} of the "
            f"lesions from 5 mm on, {false:.2f} false positives per slice"
        )
    return "\n  ".join(lines)


def _homes(models: list[str]) -> list[Path]:
    """The folders of ``models``. Raises InputError if one is only on the Hub."""
    homes = []
    for model in models:
        home = local_folder(model)
        if home is None:
            raise InputError(f"{model} has no local folder to record in: leave out --record.")
        homes.append(home)
    return homes


def _table(rows: list[dict]) -> str:
    """``rows`` as CSV. Undefined values stay empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "" if value != value else value for key, value in row.items()})
    return text.getvalue()


def _progress(title: str) -> Callable[[Iterable], Iterable]:
    return lambda items: tqdm(items, desc=title, unit="case")
