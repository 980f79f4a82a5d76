"""python -m metaseg calibrate CHECKPOINT --data DIR --volumes DIR: fit all but the weights"""

import argparse
from collections.abc import Iterable
from dataclasses import asdict, replace

from tqdm import tqdm

from metaseg.checkpoint import Checkpoint, Config, load_checkpoint, write_config
from metaseg.cli.options import add_modality
from metaseg.data.case import Case
from metaseg.data.cases import cases_of_split
from metaseg.data.record import changed_since, hold_out_as, training_data
from metaseg.errors import InputError
from metaseg.evaluation.calibrate import FALSE_POSITIVES, calibrate, check_input
from metaseg.evaluation.volume_settings import NONE, choose_volume_settings
from metaseg.files import path_of
from metaseg.hub.card import join, write_card
from metaseg.segmenter import Segmenter


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to ``parser``."""
    parser.add_argument("checkpoint", type=path_of, metavar="CHECKPOINT", help="checkpoint folder")
    parser.add_argument(
        "--data", action="append", default=[], type=path_of, metavar="DIR",
        help="data folder that the checkpoint was trained on: its validation patients choose "
        "temperature, thresholds and input check; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--volumes", action="append", default=[], type=path_of, metavar="DIR",
        help="data folder of volumes: its training patients choose the settings for volumes; "
        "repeatable",
    )  # fmt: skip
    add_modality(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write all into the checkpoint's config and its card. Nothing of the test split is used."""
    if not options.data and not options.volumes:
        raise InputError("There is nothing to calibrate on: use --data, --volumes or both.")
    checkpoint = load_checkpoint(options.checkpoint)
    volumes = []
    if options.volumes:
        volumes = cases_of_split(options.volumes, "train", options.modality)
    if options.data:
        checkpoint = replace(checkpoint, config=_calibrated(checkpoint, options))
        write_config(options.checkpoint, checkpoint.config)
        if checkpoint.config.volume is not None and not volumes:
            print(
                "Its settings for volumes were chosen at the threshold before: choose them again "
                "with --volumes."
            )
    if volumes:
        write_config(options.checkpoint, _with_volume_settings(checkpoint, volumes))
    write_card(options.checkpoint)
    return 0


def _calibrated(checkpoint: Checkpoint, options: argparse.Namespace) -> Config:
    plain = replace(checkpoint, config=replace(checkpoint.config, temperature=1.0, volume=None))
    cases = cases_of_split(options.data, "train", options.modality)
    training, validation = hold_out_as(checkpoint.config.training, cases)
    if changed := changed_since(checkpoint.config.training, training, validation):
        raise InputError(
            f"Other patients of {join(changed)} are held out now than when "
            f"{checkpoint.name}, or a network that it began with, was trained, so it may have seen "
            "them: use the same data folders, as they were, or others."
        )
    segmenter = Segmenter([plain])
    found = calibrate(segmenter, plain.name, validation, _progress)
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
    return replace(
        checkpoint.config,
        temperature=round(found.temperature, 4),
        threshold=found.threshold,
        sensitive_threshold=found.sensitive_threshold,
        input_check=check_input(segmenter, plain.name, training, validation, _progress),
        training={**checkpoint.config.training, "calibration": asdict(found)},
    )


def _parts(checkpoint: Checkpoint, cases: list[Case]) -> list[list[Case]]:
    """``cases`` by data folder. Of one that the network was trained on, the patients that training
    held out are a part of their own: a network is surer of those it has seen."""
    record = checkpoint.config.training
    learned = training_data(record).keys()
    seen = [case for case in cases if case.source in learned]
    others = [case for case in cases if case.source not in learned]
    return [
        [case for case in group if case.source == source]
        for group in (*(hold_out_as(record, seen) if seen else ()), others)
        for source in dict.fromkeys(case.source for case in group)
    ]


def _with_volume_settings(checkpoint: Checkpoint, cases: list[Case]) -> Config:
    best, tried = choose_volume_settings(checkpoint, _parts(checkpoint, cases), _progress)
    print("| three planes | growth | smallest, mm3 | Dice | lesion-wise Dice | seconds a volume |")
    print("|---|---|---|---|---|---|")
    for one in tried:
        planes, growth, smallest = asdict(one.settings).values()
        mark = " (chosen)" if one is best else ""
        print(
            f"| {'yes' if planes else 'no'} | {growth:g} | {smallest:g} | {one.dice:.3f} | "
            f"{one.lesion_dice:.3f}{mark} | {one.seconds:.1f} |"
        )
    record = {
        "cases": len(cases),
        **{
            name: {"dice": one.dice, "lesion_dice": one.lesion_dice, "seconds": one.seconds}
            for name, one in (("without", tried[0]), ("with", best))
        },
    }
    return replace(
        checkpoint.config,
        volume=None if best.settings == NONE else best.settings,
        training={**checkpoint.config.training, "volume_settings": record},
    )


def _progress(items: Iterable) -> Iterable:
    return tqdm(items, unit="case")
