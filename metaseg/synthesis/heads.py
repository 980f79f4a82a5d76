"""Drawn heads: synthetic axial slices of contrast-enhanced T1, for trials and tests without data.

They show what a network must tell apart from metastases (scalp, skull, fluid, folded cortex,
vessels, noise), but are not realistic to a radiologist.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from metaseg.synthesis.shapes import smooth_noise

SIZE = 192
"""Height and width in pixels."""
PIXEL_MM = 1.05
"""Size of a pixel in mm: the heads are about 180 mm long."""

SCALP, SKULL, MARROW, FLUID, GREY, WHITE = 200.0, 22.0, 60.0, 34.0, 84.0, 112.0
"""Grey levels."""


@dataclass(frozen=True)
class Anatomy:
    """The anatomy shared by the slices of one head."""

    half_axes: tuple[float, float]
    """Half the height and half the width of the largest slice, in pixels."""
    turn: float
    """Rotation of the head, in degrees."""
    ventricles: float
    """Size of the ventricles, relative to the usual size."""
    outline: np.ndarray
    """(5, 2) Fourier terms of the head's outline."""
    noise: float
    """Standard deviation of the noise in grey levels."""
    fold: float
    """Width of the folds of the cortex in pixels."""


def draw_anatomy(random: np.random.Generator) -> Anatomy:
    """One random head; the same state of ``random`` gives the same head."""
    length = random.uniform(0.40, 0.46) * SIZE
    return Anatomy(
        half_axes=(length, length * random.uniform(0.76, 0.88)),
        turn=float(random.normal(0, 5)),
        ventricles=float(random.uniform(0.6, 1.5)),
        outline=random.normal(0, 0.008, (5, 2)),
        noise=float(random.uniform(2, 6)),
        fold=float(random.uniform(7, 11)),
    )


def draw_slice(
    anatomy: Anatomy, height: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A slice (SIZE, SIZE) uint8 without lesions, and its brain (SIZE, SIZE) bool.

    ``height`` lies between 0, the level of the ventricles, and 1, near the vertex.
    """
    along, across, radius = _coordinates(anatomy, height)
    radius = radius + 0.008 * smooth_noise(radius.shape, 20, random)
    brain = radius < 0.83
    picture = np.full(radius.shape, 3.0, np.float32)
    for limit, level in (
        (1.0, SCALP),
        (0.94, SKULL),
        (0.915, MARROW),
        (0.89, SKULL),
        (0.86, FLUID),
    ):
        picture[radius < limit] = level
    picture[brain] = GREY
    folds = smooth_noise(radius.shape, anatomy.fold, random)
    picture[radius < 0.70 + 0.05 * folds] = WHITE
    sulci = np.abs(smooth_noise(radius.shape, anatomy.fold, random)) < 0.12
    picture[brain & sulci & (radius > 0.64)] = 0.6 * GREY
    picture[brain & (np.abs(across) < 0.012) & (np.abs(along) > 0.3)] = 0.7 * GREY
    if height < 0.6:
        _draw_depth(picture, along, across, anatomy.ventricles * (1 - height))
    vessels = (smooth_noise(radius.shape, 3, random) > 2.9) & (radius > 0.6) & brain
    picture[vessels] = 170
    # The sagittal sinus, which enhances, at both ends of the midline.
    picture[(np.hypot(across, np.abs(along) - 0.84) < 0.03)] = 190
    picture = cv2.GaussianBlur(picture, (0, 0), 0.8)
    picture *= 1 + 0.03 * smooth_noise(radius.shape, 12, random)
    picture *= np.exp(0.08 * np.clip(smooth_noise(radius.shape, 90, random), -2, 2))
    # Rician noise of a magnitude image (Gudbjartsson and Patz 1995).
    parts = random.normal(0, anatomy.noise, (2, *picture.shape))
    picture = np.hypot(picture + parts[0], parts[1])
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8), brain


def _coordinates(anatomy: Anatomy, height: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each pixel's position along and across the head, and its distance from the centre, which is 1
    at the outline of the head."""
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32) - (SIZE - 1) / 2
    turn = np.deg2rad(anatomy.turn)
    scale = np.sqrt(1 - 0.6 * height**2)
    along = (np.cos(turn) * rows + np.sin(turn) * columns) / (anatomy.half_axes[0] * scale)
    across = (np.cos(turn) * columns - np.sin(turn) * rows) / (anatomy.half_axes[1] * scale)
    angle = np.arctan2(across, along)[..., None] * np.arange(2, 7)
    wave = np.cos(angle) @ anatomy.outline[:, 0] + np.sin(angle) @ anatomy.outline[:, 1]
    return along, across, np.hypot(along, across) * (1 + wave)


def _draw_depth(picture: np.ndarray, along: np.ndarray, across: np.ndarray, size: float) -> None:
    """Draw the ventricles and the grey nuclei beside them, on ``picture`` in place."""
    side = np.abs(across)
    nuclei = np.hypot((side - 0.24) / 0.09, (along + 0.02) / 0.2) < 1
    picture[nuclei] = 0.5 * (GREY + WHITE)
    # Two horns that diverge towards both ends, like an X.
    bend = 0.05 + 0.35 * along**2
    horns = np.hypot((side - bend) / (0.045 * size), along / 0.34) < 1
    picture[horns] = FLUID
