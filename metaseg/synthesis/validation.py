"""Validation slices with synthetic metastases, on which operating points are chosen as well."""

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
"""Slices of a data folder at most, at even distances over its cases and within its volumes."""
SEED = 20261125


def slices_with_metastases(
    cases: list[Case], settings: Preprocessing
) -> Iterator[tuple[Case, Scan, np.ndarray]]:
    """Slices of ``cases`` with 1 to 12 metastases more, and the mask (1, H, W) bool of all their
    lesions, old and new; the source of each case says that they are synthetic.

    Slices of unknown pixel size, of a modality that nobody draws on, or on which the brain is not
    certain are left out. The same ``cases`` always give the same slices.
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
    """``count`` slices of a case, but at least one."""
    if case.dataset.modality not in MODALITIES:
        return
    scan, truth = read_case(case)
    pixel_mm = scan.spacing[2] if scan.spacing else case.dataset.pixel_mm
    if pixel_mm is None:
        return
    depth = len(scan.voxels)
    # Not at the very ends of a volume, where there is no brain.
    chosen = set(np.linspace(0, depth - 1, max(1, count) + 2).round().astype(int)[1:-1].tolist())
    for index, grey in enumerate(grey_slices(scan, settings)):
        brain = brain_mask(grey) if index in chosen else None
        if brain is None:
            continue
        levels, mask = add_metastases(
            grey, truth[index], brain, pixel_mm, random, case.dataset.modality, enhancement=KATO
        )
        made = Scan(levels[None].astype(np.float32), f"{case.name}-{index}", eight_bit=True)
        yield made, mask[None]
