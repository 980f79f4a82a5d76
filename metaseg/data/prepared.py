"""Slices as the network sees them, prepared once and kept as 8-bit arrays."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from metaseg.data.case import Case, read_case
from metaseg.errors import InputError
from metaseg.preprocess import Preprocessing, brain_mask, grey_slices, prepare


@dataclass(frozen=True)
class PreparedSlices:
    """N slices on the network's grid. Slices without tissue are left out: no network sees them."""

    levels: np.ndarray
    """(N, size, size) uint8, as ``prepare`` makes them."""
    greys: np.ndarray
    """(N, size, size) uint8, after the same letterbox and before anything else."""
    masks: np.ndarray
    """(N, size, size) bool."""
    brains: np.ndarray
    """(N, size, size) bool, all False where the brain is not certain (``brain_mask``)."""
    sources: np.ndarray
    """(N,) the data folder's name of each slice."""
    modalities: np.ndarray
    """(N,) what the data folder says that each slice is: one of ``dataset.MODALITIES``."""

    @property
    def has_lesion(self) -> np.ndarray:
        """(N,) bool."""
        return self.masks.any(axis=(1, 2))


def prepare_cases(cases: list[Case], settings: Preprocessing, cache: Path) -> PreparedSlices:
    """The slices of ``cases``, read from ``cache`` (a folder) where they were prepared before.

    InputError lists every case whose image or mask is not as it must be.
    """
    names = [
        (
            case.source,
            case.dataset.modality,
            case.name,
            *(_state(path) for path in (case.image, case.mask)),
        )
        for case in cases
    ]
    fields = list(PreparedSlices.__dataclass_fields__)  # a cache without one of them is of no use
    recipe = json.dumps([names, asdict(settings), fields]).encode()
    file = cache / f"slices-{hashlib.sha256(recipe).hexdigest()[:16]}.npz"
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        # Two trainings may share the folder; each writes its own file first.
        partial = file.with_suffix(f".{os.getpid()}.npz")
        np.savez(partial, **vars(_prepare(cases, settings)))
        partial.replace(file)
    with np.load(file) as arrays:
        return PreparedSlices(**arrays)


def _state(path: Path) -> tuple[int, int]:
    """What changes with the file's content: an edited mask may well keep its size."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _prepare(cases: list[Case], settings: Preprocessing) -> PreparedSlices:
    levels, greys, masks, brains, sources, modalities, faults = [], [], [], [], [], [], []
    for case in tqdm(cases, desc="Preparing slices", unit="slice"):
        try:
            scan, truth = read_case(case)
        except InputError as error:
            faults.append(f"{case.source}, {case.place}: {error}")
            continue
        for grey, mask in zip(grey_slices(scan, settings), truth):
            prepared = prepare(grey, settings, scan.aspect)
            if prepared is not None:
                brain = brain_mask(grey)
                if brain is None:
                    brain = np.zeros(grey.shape, bool)
                levels.append(prepared[0])
                greys.append(prepared[1].forward(grey))
                masks.append(prepared[1].forward_mask(mask))
                brains.append(prepared[1].forward_mask(brain))
                sources.append(case.source)
                modalities.append(case.dataset.modality)
    if faults:
        raise InputError("\n".join(faults))
    if not levels:
        raise InputError("No slice of the data holds tissue: check the images.")
    stacks = (np.stack(arrays) for arrays in (levels, greys, masks, brains))
    return PreparedSlices(*stacks, np.array(sources), np.array(modalities))
