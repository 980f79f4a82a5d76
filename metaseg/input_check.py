"""Whether a slice looks like those that a network was trained on.

The encoder's last features distinguish slices from generated pictures that are none. They are
pooled by deviation and maximum: their mean differs from sequence to sequence, and a photograph may
have that of a head. The discriminant is Fisher's (1936, Ann Eugen 7:179), shrunk as Friedman (1989,
J Am Stat Assoc 84:165) does, because there are hardly more slices than features.
"""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import pydantic
from pydantic import ConfigDict, Field

SHRINKAGES = 0.3, 0.1, 0.05
"""One of them is added to the features' variances of 1."""
ACCEPTED = 0.99
"""Least share of the validation slices within the limit."""
DOUBTED = 0.98
"""Share of the strange pictures beyond the limit, where that lets even more slices pass: those of
other hospitals and sequences lie farther away than validation slices."""
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


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class InputCheck:
    """How a slice's features count against it, and how much is too much."""

    weights: Annotated[tuple[float, ...], Field(min_length=1)]
    """(C,)"""
    limit: float
    """A slice whose weighted sum is above it is unlike those of the training."""


def fit_input_check(
    training: np.ndarray, validation: np.ndarray, strange: np.ndarray, kinds: np.ndarray
) -> InputCheck:
    """The check for a network whose features of slices are ``training`` (N, C) and ``validation``
    (M, C), and of pictures that are none ``strange`` (S, C), each of one of ``kinds`` (S,). Of
    SHRINKAGES, it has the one that doubts the most pictures of a kind that it has not learned.
    ValueError for fewer than two of any, or fewer than two kinds."""
    if min(map(len, (training, validation, strange, np.unique(kinds)))) < 2:
        raise ValueError("too few slices to say what is unlike them")

    def doubted_unseen(shrinkage: float) -> float:
        shares = []
        for kind in np.unique(kinds):
            unseen = kinds == kind
            check = _fit(training, validation, strange[~unseen], shrinkage)
            shares.append(np.mean(strange[unseen] @ np.array(check.weights) > check.limit))
        return float(np.mean(shares))

    return _fit(training, validation, strange, max(SHRINKAGES, key=doubted_unseen))


def _fit(
    training: np.ndarray, validation: np.ndarray, strange: np.ndarray, shrinkage: float
) -> InputCheck:
    """Every second strange picture sets the limit."""
    learned, tried = strange[::2], strange[1::2]
    features = np.concatenate([training, learned]).astype(np.float64)
    share = np.repeat([0.5 / len(training), 0.5 / len(learned)], [len(training), len(learned)])
    mean = share @ features
    deviation = np.sqrt(share @ (features - mean) ** 2).clip(1e-9)
    scaled = (features - mean) / deviation
    side = np.repeat([-1.0, 1.0], [len(training), len(learned)])
    weighted = (scaled * share[:, None]).T
    weights = np.linalg.solve(
        weighted @ scaled + shrinkage * np.eye(scaled.shape[1]), weighted @ side
    )
    weights = tuple(float(f"{weight:.{DIGITS}g}") for weight in weights / deviation)
    limit = max(
        np.quantile(validation @ weights, ACCEPTED), np.quantile(tried @ weights, 1 - DOUBTED)
    )
    return InputCheck(weights, round(float(limit), DIGITS))


def find_unlike(check: InputCheck, features: np.ndarray) -> Iterator[str]:
    """The notice, where the slice or more than TOLERATED of the slices with ``features`` (N, C)
    are unlike those of the training."""
    unlike = features @ np.array(check.weights) > check.limit
    if len(unlike) and np.mean(unlike) > (TOLERATED if len(unlike) > 1 else 0):
        yield UNLIKE


def few_of(slices: list) -> list:
    """All of ``slices``, or OF_A_VOLUME of them at even distances."""
    count = min(OF_A_VOLUME, len(slices))
    return [slices[int((k + 0.5) * len(slices) / count)] for k in range(count)]
