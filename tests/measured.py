"""Handmade folders of measured networks: round figures, two data sets, no weights."""

import csv
import json
from dataclasses import asdict
from pathlib import Path

from metaseg.evaluation.record import SLICE_COLUMNS
from tests.conftest import config_of
from tests.hub.tiny import RECORD

THRESHOLDS = [round(0.05 * k, 2) for k in range(1, 20)]
GROUPS = 4


def write_network(folder: Path, architecture: str, shift: float = 0.0, data: tuple = ()) -> Path:
    """What training and evaluation leave of one network, without weights; every Dice is 0.6 plus
    ``shift``, and 0.2 less on each following data set of ``data``."""
    folder.mkdir(parents=True)
    data = data or ("t1ce_slices", "metastasis_t2_slices")
    counts = {"cases": 40, "groups": 8}
    training = {
        "data": [{**RECORD["data"][1], "training": counts, "validation": counts}],
        "config": {
            "epochs": 2, "batch_size": 4, "loss": "bce", "learning_rate": 1e-3, "seed": 0,
        },
        "best": {"epoch": 2, "dice": 0.8 + shift},
    }  # fmt: skip
    config = config_of(architecture, training=training)
    (folder / "config.json").write_text(json.dumps(asdict(config)))
    history = [
        {"epoch": epoch, "loss": 1 / epoch, "dice": 0.4 * epoch, "seconds": 60.0}
        for epoch in (1, 2)
    ]
    (folder / "curves.json").write_text(json.dumps(history))
    metrics, rows = {}, []
    for place, name in enumerate(data):
        dice = 0.6 + shift - 0.2 * place
        metrics[name] = figures(dice)
        rows += slice_rows(name, dice)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    with (folder / "slice_dice.csv").open("w", newline="") as file:
        csv.writer(file).writerows([SLICE_COLUMNS, *rows])
    return folder


def slice_rows(name: str, dice: float) -> list[list]:
    """Three slices of each group: one better and one worse than ``dice``, one without a lesion."""
    return [
        [name, f"case{group}", index, f"group{group}", pixels, found]
        for group in range(GROUPS)
        for index, pixels, found in (
            (0, 50 + group, f"{dice + 0.05 + 0.01 * group:.4f}"),
            (1, 50 + group, f"{dice - 0.05 - 0.01 * group:.4f}"),
            (2, 0, ""),
        )
    ]


def figures(dice: float) -> dict:
    """One data set's object of a ``metrics.json``."""
    interval = {"mean": dice, "low": dice - 0.1, "high": dice + 0.1}
    size = {"lesions": 8, "sensitivity": 0.75}
    return {
        "split": "test", "revision": "0" * 64, "threshold": 0.5, "temperature": 1.5,
        "cases": 12, "groups": GROUPS,
        **dict.fromkeys(("dice", "iou", "precision", "recall", "f1", "surface_dice"), interval),
        "brats_lesion_dice": {"mean": 0.321, "low": None, "high": None},
        "hd95": {"mean": 12.5, "low": 10.0, "high": 15.0},
        "group_dice": dice, "pooled_dice": dice,
        "empty_cases": 4, "empty_false_positive_rate": 0.25,
        "lesion_wise": {
            "lesions": 8, "sensitivity": 0.75,
            "sensitivity_by_size": {"0-5": {"lesions": 0, "sensitivity": None}, "5-10": size},
            "false_positives_per_slice": 0.5, "f1": 0.7,
        },
        "precision_recall": {
            "average_precision": dice,
            "curve": [{"threshold": t, "precision": t, "recall": 1 - t} for t in THRESHOLDS],
        },
        "froc": [
            {"threshold": t, "sensitivity": 1 - t, "false_positives_per_slice": 1 - t}
            for t in THRESHOLDS
        ],
        "operating_points": {
            "threshold": {
                "threshold": 0.5, "sensitivity": 0.75, "false_positives_per_slice": 0.25,
            },
            "sensitive_threshold": {
                "threshold": 0.2, "sensitivity": 0.8, "false_positives_per_slice": 0.5,
            },
        },
        "input_check": 0.975,
        "challenge": {"dice": interval, "f1": interval, "f1_small": {"mean": None}},
        "calibration": {
            "slices": 12, "ece_before": 0.04, "ece": 0.02,
            "reliability_before": [{"confidence": 0.5, "lesion": 0.3, "pixels": 9}],
            "reliability": [{"confidence": 0.4, "lesion": 0.3, "pixels": 9}],
        },
        "cost": {"parameters": 5_000_000, "gflop": 2.5, "seconds_per_slice": 0.06},
        "perturbed": {"dark": {"slices": 8, "dice": dice, "drop": interval}},
        "stress": {
            "slices": 5, "lesions": 8, "sensitivity": 0.75, "false_positives_per_slice": 0.5,
            "sensitivity_by_size": {"5-10": size},
        },
    }  # fmt: skip
