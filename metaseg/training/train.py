"""Train checkpoints from data folders, step by step."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from accelerate import PartialState

from metaseg.checkpoint import CONFIG
from metaseg.checkpoint import read_config as read_checkpoint_config
from metaseg.data.case import Case
from metaseg.data.cases import cases_of_split, hold_out_validation
from metaseg.data.prepared import FOR_TRAINING, FOR_VALIDATION, PreparedSlices, prepare_cases
from metaseg.data.record import changed_since, describe_data, training_data
from metaseg.errors import InputError, together
from metaseg.hub.card import write_card
from metaseg.models import build_network
from metaseg.models.pretrained import read_imagenet
from metaseg.synthesis.folder import NAME as SYNTHETIC
from metaseg.synthesis.folder import write_synthetic_folder
from metaseg.training.config import TrainingConfig
from metaseg.training.loop import train_network
from metaseg.training.provenance import describe_provenance
from metaseg.training.schedule import STATES


def train(
    models: list[str],
    data: list[Path],
    output: Path,
    config: TrainingConfig,
    resume: bool = False,
    start: Path | None = None,
    modality: str | None = None,
    judge: Sequence[Path] = (),
    recipe: str | None = None,
) -> list[Path]:
    """Train each of ``models`` in turn on the training split of the folders in ``data``.

    ``start`` is the output of an earlier training to fine-tune. ``modality`` applies to data
    folders without a description. ``judge`` names data folders that are not used for training:
    every epoch is evaluated on their training split as well. ``recipe`` is the name of the recipe
    behind ``config``, for the record. The folder "synthetic" stands for drawn heads with drawn
    metastases, which are written to ``output/synthetic`` unless such a folder exists.

    Returns the checkpoint folders, ``output/<model>``. Raises InputError for invalid data, before
    any training starts.
    """
    # Unless it is told, the processes of torchrun do not find each other on processor cores.
    PartialState(cpu=not torch.accelerator.is_available())
    # The main process writes first; the others then find the files.
    with PartialState().main_process_first():
        data = [_resolve(folder, output) for folder in data]
    # Check the weights once, not for every network: the error is the same.
    weights = [partial(read_imagenet, config.encoder)] if config.encoder_weights else []
    *_, cases, judges = together(
        *weights,
        *(partial(_check_network, model, config, start) for model in models),
        *(partial(_check_free, output / model, resume) for model in models),
        partial(cases_of_split, data, "train", modality),
        partial(cases_of_split, judge, "train", modality) if judge else list,
    )
    records = [read_checkpoint_config(start / model).training for model in models] if start else []
    _check_apart(cases, {name for one in records for name in training_data(one)}, judges)
    training, validation = hold_out_validation(cases, config.validation_share, config.validation_by)
    for changed in {name for one in records for name in changed_since(one, training, validation)}:
        print(
            f"{changed} changed since the training of --start, which may have seen some of its "
            "validation patients: its validation Dice may be too high.",
            file=sys.stderr,
        )
    prepare = partial(prepare_cases, settings=config.preprocessing, cache=output / "cache")
    # One process prepares the slices; the others read its cache.
    with PartialState().main_process_first():
        slices = together(
            partial(prepare, training, cuts=FOR_TRAINING),
            partial(prepare, validation, cuts=FOR_VALIDATION),
            partial(prepare, judges, cuts=FOR_VALIDATION) if judges else lambda: None,
        )
    parts = zip(("training", "validation", "judging"), slices)
    together(*(partial(_check_lesions, part, own) for part, own in parts if own is not None))
    record = {
        "data": describe_data(training, validation),
        "provenance": describe_provenance(recipe, training, validation, config.preprocessing),
    }
    folders = []
    for model in models:
        folder = output / model
        train_network(model, config, *slices, folder, record, resume, start and start / model)
        if is_main_process():
            write_card(folder)
        folders.append(folder)
    return folders


def _check_free(folder: Path, resume: bool) -> None:
    """Raise InputError if ``folder`` holds a network, which a new training would replace."""
    if not (folder / CONFIG).exists():
        return
    if not resume:
        raise InputError(
            f"{folder.name} in the output folder is a trained network already: continue it with "
            "--resume, or use another --output."
        )
    # A training may have ended between the first checkpoint and the state to resume from.
    first = read_checkpoint_config(folder).training.get("best", {}).get("epoch") == 1
    if not first and not any((folder / name).is_file() for name in STATES):
        raise InputError(
            f"{folder.name} in the output folder is a trained network without the {STATES[0]} that "
            "--resume needs: fine-tune it with --start, or use another --output."
        )


def _resolve(folder: Path, output: Path) -> Path:
    drawn = str(folder) == SYNTHETIC and not folder.is_dir()
    return write_synthetic_folder(output / SYNTHETIC) if drawn else folder


def _check_apart(cases: list[Case], earlier: set[str], judges: list[Case]) -> None:
    """Raise InputError if a data folder, those of ``earlier`` trainings included, or a patient is
    used for both training and judging."""
    groups = {case.group for case in cases}
    trained = earlier | {case.source for case in cases}
    both = sorted({one.source for one in judges if one.source in trained or one.group in groups})
    if both:
        raise InputError(
            f"--judge names {', '.join(both)}, which --data or --start was trained on, or which "
            "has groups of the same names: use other folders, or rename other patients."
        )


def _check_network(model: str, config: TrainingConfig, start: Path | None) -> None:
    """Raise InputError if it cannot be built or cannot use the weights of ``start``."""
    build_network(model, config.encoder, config.decoder_channels, len(config.channels))
    if start is None:
        return
    earlier = read_checkpoint_config(start / model, f"{start.name}/{model}")
    if (earlier.encoder, earlier.decoder_channels) != (config.encoder, config.decoder_channels):
        widths = ", ".join(map(str, earlier.decoder_channels))
        raise InputError(
            f"{start.name}/{model} has the encoder {earlier.encoder} and the widths {widths}: use "
            "the same, or leave out --start."
        )
    if len(earlier.preprocessing.channels) != len(config.channels):
        channels = ", ".join(earlier.preprocessing.channels)
        raise InputError(
            f"{start.name}/{model} has the channels {channels}: use the same number, or leave out "
            "--start."
        )


def _check_lesions(part: str, slices: PreparedSlices) -> None:
    if not slices.has_lesion.any():
        raise InputError(
            f"No {part} slice has a lesion: use more patients, or masks with a lesion."
        )


def is_main_process() -> bool:
    """Whether this is the main one of the training processes."""
    return PartialState().is_main_process
