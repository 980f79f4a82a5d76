"""One network's result on one slice, which every view of the page draws."""

from dataclasses import dataclass

import numpy as np

from metaseg.demo.figure import Colour
from metaseg.findings.outlines import Outline


@dataclass(frozen=True)
class Reading:
    """A network's result on one slice at one threshold."""

    name: str
    """The checkpoint's name."""
    title: str
    colour: Colour
    probability: np.ndarray
    """(H, W) float32 in [0, 1]."""
    threshold: float
    outlines: list[Outline]
    numbers: list[int]
    """The lesion that each outline belongs to. In a volume, one lesion may have several."""
    mask: np.ndarray
    """(H, W) bool."""
    grows: bool = False
    """Whether the mask is more than what reaches the threshold: settings for volumes."""
