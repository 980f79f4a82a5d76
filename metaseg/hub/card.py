"""The model card: README.md of a checkpoint. All its statements come from the record."""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from metaseg.checkpoint import (
    CARD,
    WEIGHTS,
    Checkpoint,
    read_config,
    read_metrics,
    valid_metrics,
)
from metaseg.config import Config
from metaseg.data.record import training_data
from metaseg.files import write_whole
from metaseg.metrics import SCORES, is_defined, show_score
from metaseg.prediction import ALONE

CURVES, CURVES_PICTURE = "curves.json", "curves.png"
TEMPLATE = Path(__file__).with_name("card.md.j2")
UNKNOWN = "not recorded"
SEAL = "\n<!-- MetaSeg wrote this card: {} -->\n"
"""Ends a card, with a digest of what comes before, so that one which a person edited is known."""


def write_card(folder: Path) -> Path:
    """Write the README.md of the checkpoint in ``folder``, unless a person edited it, and return
    its path.

    Raises InputError if ``folder`` has no checkpoint or a file is damaged.
    """
    path, text = Path(folder) / CARD, render_card(folder)
    if path.is_file() and is_edited(path.read_text(encoding="utf-8")):
        print(
            f"{path.parent.name}/{CARD} was edited by hand and stays as it is: update its results, "
            "or delete it.",
            file=sys.stderr,
        )
    else:
        write_whole(path, text.encode())
    return path


def render_card(folder: Path, repo_id: str | None = None) -> str:
    """The card of the checkpoint in ``folder``: metadata for the Hub, then text for people.

    ``repo_id`` is its name on the Hub, for the example. Results of other weights, thresholds or
    settings than the folder's are left out. Raises InputError like ``write_card``.
    """
    folder = Path(folder)
    config, weights = read_config(folder), folder / WEIGHTS
    digest = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else ""
    metrics = valid_metrics(read_metrics(folder), config, digest)
    picture = CURVES_PICTURE if (folder / CURVES_PICTURE).is_file() else None
    text = str(_fill(config, metrics, repo_id or "USER/NAME", picture))
    return text + SEAL.format(_digest(text))


def is_edited(card: str) -> bool:
    """Whether a person wrote or changed ``card``."""
    text = card.rpartition(SEAL.partition("{}")[0])[0]
    return card != text + SEAL.format(_digest(text))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def card_text(checkpoint: Checkpoint) -> str:
    """The card of a loaded checkpoint without its metadata, title and curves, as Markdown."""
    text = _fill(checkpoint.config, checkpoint.metrics, checkpoint.name, None).text
    return text[text.index("\n## ") :].strip()


def training_notes(records: dict[str, dict[str, Any]]) -> list[str]:
    """The ``notes`` on limits in training ``records``, keyed by the titles of the networks.

    Each note appears once. Unless it applies to all networks, it begins with the titles of those
    it applies to.
    """
    notes: dict[str, list[str]] = {}
    for title, record in records.items():
        for note in record.get("notes") or [f"Limits are {UNKNOWN}."]:
            notes.setdefault(note, []).append(title)
    return [
        note if len(titles) == len(records) else f"{join(titles)}: {note}"
        for note, titles in notes.items()
    ]


def data_title(name: str, measured: dict[str, Any]) -> str:
    """Displayed title of the data folder ``name``. ``measured`` is its object in metrics.json."""
    return measured.get("dataset", {}).get("title", name)


def join(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _fill(config: Config, metrics: dict[str, dict], place: str, picture: str | None) -> ModelCard:
    return ModelCard.from_template(
        _metadata(config, metrics),
        TEMPLATE,
        config=config,
        record=config.training,
        data=training_data(config.training),
        measured={
            f"{data_title(name, found)} (`{name}`)": found for name, found in metrics.items()
        },
        place=place,
        picture=picture,
        scores=SCORES,
        show=show_score,
        known=lambda text: str(text or UNKNOWN).rstrip("."),
        alone=ALONE,
        count=lambda part, groups: _count(part, groups) if part else UNKNOWN,
        epochs=_epochs,
    )


def _metadata(config: Config, metrics: dict[str, dict]) -> ModelCardData:
    """Library, task, licence, data sets and metrics of a checkpoint, for the Hub."""
    results = [
        EvalResult(
            task_type="image-segmentation",
            dataset_type=name,
            dataset_name=data_title(name, found),
            dataset_split=found.get("split", "test"),
            metric_type=key,
            metric_name=title,
            **_value(found[key]),
        )
        for name, found in metrics.items()
        for key, title in SCORES.items()
        if is_defined(found.get(key))
    ]
    other = config.license == "other"
    return ModelCardData(
        library_name="metaseg",
        pipeline_tag="image-segmentation",
        license=config.license,
        license_name="as-the-training-data" if other else None,
        license_link=CARD if other else None,
        datasets=list(training_data(config.training)) or None,
        metrics=[key for key in SCORES if any(r.metric_type == key for r in results)] or None,
        tags=["brain", "brain-tumor", "brain-metastases", "mri", "medical", config.architecture],
        model_name=f"MetaSeg {config.title}" if results else None,
        eval_results=results or None,
    )


def _value(score: float | dict[str, float]) -> dict[str, Any]:
    """A score as arguments of EvalResult, with its interval."""
    if not isinstance(score, dict):
        return {"metric_value": round(score, 4)}
    interval = {f"interval_95_{end}": score.get(end) for end in ("low", "high")}
    interval = {end: round(value, 4) for end, value in interval.items() if value is not None}
    return {"metric_value": round(score["mean"], 4), "metric_args": interval or None}


def _count(part: dict[str, int], groups: str | None) -> str:
    word = "patient" if groups == "patients" else "group"
    cases, of = part["cases"], part["groups"]
    return f"{cases} case{'s' * (cases != 1)} from {of} {word}{'s' * (of != 1)}"


def _epochs(record: dict[str, Any]) -> int:
    """Epochs up to the chosen weights, including earlier trainings."""
    earlier = record.get("started_from")
    return record.get("best", {}).get("epoch", 0) + (_epochs(earlier) if earlier else 0)
