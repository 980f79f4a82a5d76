"""The model card: README.md of a checkpoint, written from what the checkpoint itself records."""

import csv
import io
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from metaseg.card import text
from metaseg.card.metadata import build_metadata
from metaseg.checkpoint import CARD, METRICS, read_config, read_metrics
from metaseg.errors import InputError
from metaseg.files import write_whole

SLICE_DICE = "slice_dice.csv"
"""Dice of every slice that was measured: for paired differences, and to find the best and worst."""
SLICE_COLUMNS = ("data", "case", "slice", "group", "lesion_pixels", "dice")
IDENTITY = ("split", "revision", "threshold", "temperature", "view")
"""Figures with the same of these belong to the same masks."""
EXTRA = ("perturbed", "stress")
"""What is measured when asked for alone."""
CURVES, CURVES_PICTURE = "curves.json", "curves.png"


def write_card(folder: Path, repo_id: str | None = None) -> Path:
    """Write the README.md of the checkpoint in ``folder`` and return its path.

    InputError where ``folder`` holds no checkpoint, or files beside it are damaged.
    """
    path = Path(folder) / CARD
    write_whole(path, render_card(folder, repo_id).encode())
    return path


def record_metrics(
    folder: Path, data_set: str, measured: dict[str, Any], slice_rows: Iterable[dict] = ()
) -> None:
    """Keep what the evaluation measured on ``data_set`` beside the checkpoint, and in its card.

    ``measured`` is one model's object of the evaluation's ``metrics.json``, ``slice_rows`` are
    those of ``Tally.slice_rows``. What was measured on other data sets stays, and so do the changed
    copies and the stress set where they are not measured anew and the network is the same.
    InputError as for ``write_card``.
    """
    path = Path(folder) / METRICS
    metrics = read_metrics(folder)
    before = metrics.get(data_set, {})
    same = all(before.get(key) == measured.get(key) for key in IDENTITY)
    extra = {key: before[key] for key in EXTRA if same and key in before}
    metrics[data_set] = {**extra, **measured}
    write_whole(path, (json.dumps(metrics, indent=2) + "\n").encode())
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
            raise InputError(f"{SLICE_DICE} of the checkpoint {path.parent.name} is damaged.")
        return list(reader)


def _slice_line(data_set: str, row: dict) -> dict:
    dice = "" if math.isnan(row["dice"]) else f"{row['dice']:.4f}"
    return {"data": data_set, **row, "dice": dice}


def render_card(folder: Path, repo_id: str | None = None) -> str:
    """The card of the checkpoint in ``folder``: metadata for the Hub, then text for people.

    ``repo_id`` is where it will lie on the Hub, for the lines on loading it. The figures come from
    the folder's ``metrics.json``, the time of the training from its ``curves.json``, where it has
    them. InputError as for ``write_card``.
    """
    folder = Path(folder)
    config = read_config(folder)
    metrics = read_metrics(folder)
    history = read_json(folder / CURVES) or []
    picture = CURVES_PICTURE if (folder / CURVES_PICTURE).is_file() else None
    sections = [
        f"---\n{build_metadata(config, metrics).to_yaml()}\n---\n",
        f"# MetaSeg: {config.title}\n",
        "Outlines brain tumours on single MR slices, as part of MetaSeg, research software for "
        "brain metastases. A prediction is a probability for every pixel; from "
        f"{config.threshold:g} on, a pixel counts as lesion.\n",
        text.describe_use(config),
        text.describe_loading(config, repo_id),
        text.describe_training(config, history, picture),
        text.describe_results(metrics),
        text.describe_license(config),
        text.describe_papers(),
    ]
    return "\n".join(sections)


def read_json(path: Path) -> Any:
    """The content of ``path``, or None where there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InputError(f"{path.name} of the checkpoint {path.parent.name} is damaged.") from error
