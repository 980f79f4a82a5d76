"""Training: the only wing that knows accelerate and albumentations."""

from collections import Counter
from pathlib import Path

from metaseg.data.cases import Case, carve_validation, cases_of_split
from metaseg.data.prepared import prepare_cases
from metaseg.preprocess import Preprocessing
from metaseg.training.config import TrainingConfig
from metaseg.training.loop import train_network


def train(
    models: list[str],
    data: list[Path],
    output: Path,
    config: TrainingConfig,
    resume: bool = False,
    start: Path | None = None,
) -> list[Path]:
    """Train each of ``models`` in turn on the training split of the folders in ``data``.

    ``start`` is the output of an earlier training, whose weights are trained further.
    Returns the checkpoint folders, ``output/<model>``. InputError where the data are at fault.
    """
    cases = cases_of_split(data, "train")
    training, validation = carve_validation(cases, config.validation_share)
    settings = Preprocessing(size=config.size)
    cache = output / "cache"
    slices = prepare_cases(training, settings, cache), prepare_cases(validation, settings, cache)
    record = {"training": _describe(training), "validation": _describe(validation)}
    folders = []
    for model in models:
        folder = output / model
        train_network(model, config, *slices, folder, record, resume, start and start / model)
        folders.append(folder)
    return folders


def _describe(cases: list[Case]) -> dict[str, dict[str, int]]:
    """Cases and groups of each data folder, for the record in the checkpoint."""
    groups = {(case.source, case.group) for case in cases}
    counts = Counter(case.source for case in cases)
    group_counts = Counter(source for source, _ in groups)
    return {name: {"cases": counts[name], "groups": group_counts[name]} for name in sorted(counts)}


__all__ = ["TrainingConfig", "train"]
