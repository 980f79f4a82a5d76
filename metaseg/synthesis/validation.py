"""Validation slices with synthetic metastases, also used to choose operating points."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from metaseg.data.case import Case, read_case
from metaseg.preprocess import Preprocessing, brain_mask, grey_slices
from metaseg.scan import Scan
from metaseg.synthesis.benchmark import KATO
from metaseg.synthesis.canvas import MODALITIES
from metaseg.synthesis.metastases import add_metastases

MOST = 60
"""Largest number of slices per data folder, evenly spaced over its cases and its volumes."""
SEED = 20261125


def slices_with_metastases(
    cases: list[Case], settings: Preprocessing
) -> Iterator[tuple[Case, Scan, np.ndarray]]:
    """Slices of ``cases`` with 1 to 12 more metastases, and the mask (1, H, W) bool of all lesions.

    The source of each yielded case says that it has synthetic metastases. Skips slices of unknown
    pixel size, of a modality not in ``canvas.MODALITIES``, or with an uncertain brain mask. The
    same ``cases`` always give the same slices. Raises InputError if a case cannot be read.
    """
    for source in dict.fromkeys(case.source for case in cases):
        own = [case for case in cases if case.source == source]
        for number in np.linspace(0, len(own) - 1, min(MOST, len(own))).round().astype(int):
            case = own[number]
            random = np.random.default_rng((SEED, int(number)))
            synthetic = replace(case, source=f"{source} with synthetic metastases")
            yield from (
                (synthetic, *made) for made in _slices_of(case, settings, MOST // len(own), random)
            )


def _slices_of(
    case: Case, settings: Preprocessing, count: int, random: np.random.Generator
) -> Iterator[tuple[Scan, np.ndarray]]:
    """``count`` slices of a case, at least one."""
    if case.dataset.modality not in MODALITIES:
        return
    scan, truth = read_case(case)
    pixel_mm = scan.spacing[2] if scan.spacing else case.dataset.pixel_mm
    if pixel_mm is None:
        return
    depth = len(scan.voxels)
    # Skip both ends of a volume, where there is no brain.
    chosen = set(np.linspace(0, depth - 1, max(1, count) + 2).round().astype(int)[1:-1].tolist())
    for index, grey in enumerate(grey_slices(scan, settings)):
        brain = brain_mask(grey) if index in chosen else None
        if brain is None:
            continue
        levels, mask = add_metastases(
            grey, truth[index], brain, pixel_mm, random, case.dataset.modality, enhancement=KATO
        )
        name = f"{case.name}-{index}"
        made = Scan(levels[None].astype(np.float32), name, eight_bit=True, spacing=scan.spacing)
        yield made, mask[None]
