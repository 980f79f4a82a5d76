"""What a figure shows: pictures of one slice, each with its outlines."""

from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Layer:
    """One outline."""

    label: str
    """What the legend calls it."""
    mask: np.ndarray
    """(H, W) bool."""
    colour: Colour


@dataclass(frozen=True)
class Panel:
    """One picture of the row."""

    title: str
    layers: tuple[Layer, ...] = ()
