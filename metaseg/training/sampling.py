"""Which slices an epoch contains, balanced over data folders and lesion sizes."""

from dataclasses import dataclass

import numpy as np

from metaseg.data.prepared import PreparedSlices


@dataclass(frozen=True)
class Sampling:
    """How an epoch is drawn. The fields are lines of a recipe."""

    epoch_slices: int = 0
    """Slices with a lesion per epoch, drawn anew each time; 0: as many as there are."""
    empty_share: float = 0.3
    """Empty slices per slice with a lesion of the same data folder, or as many as it has, drawn
    anew each epoch."""
    size_balance: float = 0.0
    """0 draws every slice with a lesion equally often. 1 draws every doubling of lesion area
    equally often: slices with small lesions then repeat, and some with large lesions are
    skipped."""
    source_balance: float = 0.0
    """0 draws data folders in proportion to their slices with a lesion; 1 draws each equally
    often."""


def draw_epoch(
    slices: PreparedSlices, sampling: Sampling, random: np.random.Generator
) -> np.ndarray:
    """Shuffled indices of the slices of one epoch.

    A data folder without any lesion gives as many empty slices as the others on average.
    """
    drawn, shares = [], _shares(slices, sampling)
    average = sum(shares.values()) / len(shares)
    for source in np.unique(slices.sources).tolist():
        own = slices.sources == source
        if source in shares:
            areas = np.where(own, slices.areas, 0)
            drawn.append(_draw_lesions(areas, shares[source], sampling, random))
        empty = np.flatnonzero(own & ~slices.has_lesion)
        count = min(len(empty), round(sampling.empty_share * shares.get(source, average)))
        drawn.append(random.choice(empty, count, replace=False))
    return random.permutation(np.concatenate(drawn)).astype(int)


def _shares(slices: PreparedSlices, sampling: Sampling) -> dict[str, int]:
    """The number of slices with a lesion from each source in one epoch."""
    sources, counts = np.unique(slices.sources[slices.has_lesion], return_counts=True)
    weights = counts ** (1 - sampling.source_balance)
    wanted = weights / weights.sum() * (sampling.epoch_slices or counts.sum())
    return dict(zip(sources.tolist(), np.rint(wanted).astype(int).tolist()))


def _draw_lesions(
    areas: np.ndarray, wanted: int, sampling: Sampling, random: np.random.Generator
) -> np.ndarray:
    """``wanted`` indices of slices with a lesion; ``areas`` (N,) are lesion areas in pixels.

    A slice's share is the inverse of the number of slices with a lesion area in the same doubling,
    to the power of ``size_balance``. Systematic sampling (Madow 1949) draws each slice as often as
    its share, rounded up or down.
    """
    lesion = random.permutation(np.flatnonzero(areas))
    _, doubling, counts = np.unique(
        np.log2(areas[lesion]).astype(int), return_inverse=True, return_counts=True
    )
    weights = (1.0 / counts[doubling]) ** sampling.size_balance
    ends = np.cumsum(weights) / weights.sum() * wanted
    ticks = np.arange(wanted) + random.uniform(0.01, 0.99)
    return lesion[np.searchsorted(ends, ticks).clip(max=len(lesion) - 1)]
