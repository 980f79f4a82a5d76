"""From data folders to trained checkpoints, in the order it happens."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from accelerate import PartialState

from metaseg.checkpoint import read_config as read_checkpoint_config
from metaseg.data.case import Case
from metaseg.data.cases import carve_validation, cases_of_split
from metaseg.data.prepared import FOR_TRAINING, FOR_VALIDATION, PreparedSlices, prepare_cases
from metaseg.data.record import describe_data
from metaseg.errors import InputError, together
from metaseg.hub.card import write_card
from metaseg.models import build_network
from metaseg.models.pretrained import read_imagenet
from metaseg.synthesis.folder import NAME as SYNTHETIC
from metaseg.synthesis.folder import write_synthetic_folder
from metaseg.training.config import TrainingConfig
from metaseg.training.loop import train_network
from metaseg.training.provenance import describe_provenance


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

    ``start`` is the output of an earlier training, whose weights are trained further.
    ``modality`` is that of data folders that do not describe themselves. ``judge`` names data
    folders of which nothing is learned: every epoch is measured on their training split as well.
    ``recipe`` is the name of the recipe that ``config`` was read from, for the record.
    The folder «synthetic» stands for drawn heads with drawn metastases, which are written to
    ``output/synthetic`` unless such a folder exists.
    Returns the checkpoint folders, ``output/<model>``. InputError where the data are at fault; it
    comes before any training starts.
    """
    # The main process writes first, the others find what it wrote.
    with PartialState().main_process_first():
        data = [_resolve(folder, output) for folder in data]
    # The weights once and not for every network: the sentence is the same.
    weights = [partial(read_imagenet, config.encoder)] if config.encoder_weights else []
    *_, cases, judges = together(
        *weights,
        *(partial(_check_network, model, config, start) for model in models),
        partial(cases_of_split, data, "train", modality),
        partial(cases_of_split, judge, "train", modality) if judge else list,
    )
    _check_apart(cases, judges)
    training, validation = carve_validation(cases, config.validation_share, config.validation_by)
    prepare = partial(prepare_cases, settings=config.preprocessing, cache=output / "cache")
    # One process prepares the slices, the others read what it kept.
    with PartialState().main_process_first():
        slices = together(
            partial(prepare, training, cuts=FOR_TRAINING),
            partial(prepare, validation, cuts=FOR_VALIDATION),
            partial(prepare, judges, cuts=FOR_VALIDATION) if judges else lambda: None,
        )
    together(
        partial(_check_lesions, "training", slices[0]),
        partial(_check_lesions, "validation", slices[1]),
    )
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


def _resolve(folder: Path, output: Path) -> Path:
    drawn = str(folder) == SYNTHETIC and not folder.is_dir()
    return write_synthetic_folder(output / SYNTHETIC) if drawn else folder


def _check_apart(cases: list[Case], judges: list[Case]) -> None:
    """InputError where a data folder is learned from and judges as well."""
    both = sorted({case.source for case in cases} & {case.source for case in judges})
    if both:
        raise InputError(f"--judge names {', '.join(both)}, which --data names too: give others.")


def _check_network(model: str, config: TrainingConfig, start: Path | None) -> None:
    """InputError where it cannot be built, or not begin with the weights of ``start``."""
    build_network(model, config.encoder, config.decoder_channels, len(config.channels))
    if start is None:
        return
    earlier = read_checkpoint_config(start / model, f"{start.name}/{model}")
    if (earlier.encoder, earlier.decoder_channels) != (config.encoder, config.decoder_channels):
        widths = ", ".join(map(str, earlier.decoder_channels))
        raise InputError(
            f"{start.name}/{model} has the encoder {earlier.encoder} and the widths {widths}: give "
            "the same, or leave out --start."
        )
    if len(earlier.preprocessing.channels) != len(config.channels):
        channels = ", ".join(earlier.preprocessing.channels)
        raise InputError(
            f"{start.name}/{model} sees the channels {channels}: give as many, or leave out "
            "--start."
        )


def _check_lesions(part: str, slices: PreparedSlices) -> None:
    if not slices.has_lesion.any():
        raise InputError(f"No {part} slice has a lesion: give more groups, or masks that show one.")


def is_main_process() -> bool:
    """Whether this process speaks for all that train together."""
    return PartialState().is_main_process
