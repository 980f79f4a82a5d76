"""python -m metaseg calibrate CHECKPOINT --data DIR: fit temperature and thresholds"""

import argparse
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from tqdm import tqdm

from metaseg.checkpoint import load_checkpoint, write_config
from metaseg.cli.options import add_modality
from metaseg.data.cases import cases_of_split, hold_out_validation
from metaseg.evaluation.calibrate import FALSE_POSITIVES, calibrate, check_input
from metaseg.hub.card import write_card
from metaseg.segmenter import Segmenter


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to ``parser``."""
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="checkpoint folder")
    parser.add_argument(
        "--data", action="append", required=True, type=Path, metavar="DIR",
        help="data folder that the checkpoint was trained on; repeatable",
    )  # fmt: skip
    add_modality(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write all into the checkpoint's config and its card, and what tells a strange slice.

    Uses the validation patients that training held out, and nothing of the test split.
    """
    checkpoint = load_checkpoint(options.checkpoint)
    plain = replace(checkpoint, config=replace(checkpoint.config, temperature=1.0, volume=None))
    settings = checkpoint.config.training.get("config", {})
    training, validation = hold_out_validation(
        cases_of_split(options.data, "train", options.modality),
        settings.get("validation_share", 0.1),
        settings.get("validation_by", "group"),
    )
    segmenter = Segmenter([plain])

    def progress(items: Iterable) -> Iterable:
        return tqdm(items, unit="case")

    found = calibrate(segmenter, plain.name, validation, progress)
    config = replace(
        checkpoint.config,
        temperature=round(found.temperature, 4),
        threshold=found.threshold,
        sensitive_threshold=found.sensitive_threshold,
        input_check=check_input(segmenter, plain.name, training, validation, progress),
        training={**checkpoint.config.training, "calibration": asdict(found)},
    )
    write_config(options.checkpoint, config)
    write_card(options.checkpoint)
    sensitive = f"no threshold has {FALSE_POSITIVES:g} false positives per slice or fewer"
    if found.sensitive_threshold is not None:
        sensitive = (
            f"sensitive threshold {found.sensitive_threshold:g} finds {found.sensitivity:.1%} of "
            f"the lesions at {found.false_positives_per_slice:.2f} false positives per slice"
        )
    print(
        f"{checkpoint.name}: temperature {found.temperature:.3f}, threshold {found.threshold:g}, "
        f"Dice by patient {found.group_dice:.3f}, {sensitive}; calibration error "
        f"{found.ece_before:.4f} before and {found.ece:.4f} after, on {found.cases} validation "
        f"cases and {found.synthetic_slices} slices with synthetic metastases"
    )
    return 0
