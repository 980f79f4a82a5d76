"""Metrics, kept beside the checkpoint that they belong to."""

import csv
import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from metaseg.checkpoint import METRICS, read_metrics
from metaseg.errors import InputError
from metaseg.files import write_json, write_whole
from metaseg.hub.card import write_card

SLICE_DICE = "slice_dice.csv"
"""Dice of every evaluated slice, for paired differences and for the best and worst slices."""
SLICE_COLUMNS = ("data", "case", "slice", "group", "lesion_pixels", "dice")
IDENTITY = ("split", "cases", "groups", "revision", "threshold", "temperature", "view")
"""Metrics with equal values of these belong to the same masks of the same slices."""
EXTRA = ("perturbed", "stress")
"""Evaluated only on request."""


def record_metrics(
    folder: Path, data_set: str, measured: dict[str, Any], slice_rows: Iterable[dict] = ()
) -> None:
    """Store the metrics of ``data_set`` beside the checkpoint and in its card.

    ``measured`` is one model's object of the evaluation's ``metrics.json``, ``slice_rows`` are
    those of ``Tally.slice_rows``. What was measured on other data sets stays, and so do the changed
    copies and the synthetic lesion benchmark where they are not measured anew and the network is
    the same. InputError as for ``write_card``.
    """
    metrics = read_metrics(folder)
    before = metrics.get(data_set, {})
    same = all(before.get(key) == measured.get(key) for key in IDENTITY)
    extra = {key: before[key] for key in EXTRA if same and key in before}
    metrics[data_set] = {**extra, **measured}
    write_json(Path(folder) / METRICS, metrics)
    kept = [row for row in read_slice_dice(folder) if row["data"] != data_set]
    text = io.StringIO()
    writer = csv.DictWriter(text, SLICE_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows([*kept, *(_slice_line(data_set, row) for row in slice_rows)])
    write_whole(Path(folder) / SLICE_DICE, text.getvalue().encode())
    write_card(folder)


def read_slice_dice(folder: Path) -> list[dict[str, str]]:
    """The rows of the checkpoint's ``slice_dice.csv``, none where it has no such file."""
    path = Path(folder) / SLICE_DICE
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != SLICE_COLUMNS:
            raise InputError(
                f"{SLICE_DICE} of the checkpoint {path.parent.name} is damaged: "
                "delete it and evaluate again."
            )
        return list(reader)


def _slice_line(data_set: str, row: dict) -> dict:
    dice = "" if math.isnan(row["dice"]) else f"{row['dice']:.4f}"
    return {"data": data_set, **row, "dice": dice}
