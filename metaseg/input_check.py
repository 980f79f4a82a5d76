"""Whether a slice looks like those that a network was trained on.

Slices are told by their distance from the training slices in the encoder's last features (Lee et
al. 2018, NeurIPS 31). These are pooled by deviation and maximum: their mean differs from sequence
to sequence, and a photograph may have that of a head. Their covariance is that of probabilistic
principal components (Tipping and Bishop 1999, J R Stat Soc B 61:611), so that it is small to store
and needs no more slices than there are features.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import numpy as np
import pydantic
from pydantic import ConfigDict, Field

AXES = 32
ACCEPTED = 0.99
"""Share of the validation slices within the limit, before the margin."""
MARGIN = 1.25
"""Of the limit: slices of hospitals and sequences that are not among the training data lie farther
away than validation slices."""
DIGITS = 4
"""Significant ones that are stored."""
OF_A_VOLUME = 24
"""A volume is checked on so many slices at most, at even distances."""
TOLERATED = 0.25
"""Share of a volume's slices that may look strange: those at its ends often do."""
UNLIKE = (
    "This does not look like the slices that the network was trained on, so what it outlines may "
    "mean nothing."
)

Positive = Annotated[float, Field(gt=0)]


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class InputCheck:
    """The training slices' features, as a Gaussian, and how far from them a slice may lie."""

    mean: tuple[float, ...]
    """(C,)"""
    axes: tuple[tuple[float, ...], ...]
    """(K, C): the principal axes, of length 1."""
    variances: tuple[Positive, ...]
    """(K,): along each of the axes."""
    rest: Positive
    """The variance in every other direction."""
    limit: Positive
    """A squared distance (Mahalanobis 1936) above it is that of an unlike slice."""


def fit_input_check(training: np.ndarray, validation: np.ndarray) -> InputCheck:
    """The check for a network whose features of slices are ``training`` (N, C) and ``validation``
    (M, C). ValueError for fewer than four training slices or none of validation."""
    if len(training) < 4 or not len(validation):
        raise ValueError("too few slices to say what is unlike them")
    training = training.astype(np.float64)
    mean = training.mean(axis=0)
    _, scales, axes = np.linalg.svd(training - mean, full_matrices=False)
    variances = scales**2 / (len(training) - 1)
    count = min(AXES, len(training) // 2, training.shape[1] - 1)
    # With fewer slices than features, most directions have no variance of their own.
    rest = max(variances[count:].sum() / (training.shape[1] - count), 1e-6 * variances[0], 1e-18)
    check = InputCheck(
        mean=_rounded(mean),
        axes=tuple(map(_rounded, axes[:count])),
        variances=_rounded(np.maximum(variances[:count], rest)),
        rest=_rounded([rest])[0],
        limit=1.0,
    )
    limit = MARGIN * float(np.quantile(distances(check, validation), ACCEPTED))
    return replace(check, limit=_rounded([limit])[0])


def distances(check: InputCheck, features: np.ndarray) -> np.ndarray:
    """(N,) squared Mahalanobis distances of ``features`` (N, C)."""
    away = features.astype(np.float64) - np.array(check.mean)
    along = away @ np.array(check.axes).T
    # Rounded axes are not quite of length 1.
    beside = np.maximum((away**2).sum(axis=1) - (along**2).sum(axis=1), 0)
    return (along**2 / np.array(check.variances)).sum(axis=1) + beside / check.rest


def find_unlike(check: InputCheck, features: np.ndarray) -> Iterator[str]:
    """The notice, where the slice or more than TOLERATED of the slices with ``features`` (N, C)
    are unlike those of the training."""
    unlike = distances(check, features) > check.limit
    if len(unlike) and np.mean(unlike) > (TOLERATED if len(unlike) > 1 else 0):
        yield UNLIKE


def few_of(slices: list) -> list:
    """All of ``slices``, or OF_A_VOLUME of them at even distances."""
    count = min(OF_A_VOLUME, len(slices))
    return [slices[int((k + 0.5) * len(slices) / count)] for k in range(count)]


def _rounded(values: np.ndarray | list[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)
