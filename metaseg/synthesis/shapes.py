"""Draw outlines and inner patterns of synthetic lesions, on small patches in pixels.

A pattern is dimensionless: 1 is full enhancement, 0 the level of the surrounding tissue, -1 as dark
as fluid. ``canvas`` converts it to grey levels.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Appearance:
    """One lesion, centred on a patch (h, w)."""

    coverage: np.ndarray
    """(h, w) float32 in [0, 1]: the share of each pixel that the lesion covers."""
    pattern: np.ndarray
    """(h, w) float32: 1 enhancing, 0 like the tissue around it, -1 like fluid."""


@dataclass(frozen=True)
class Donor:
    """A real enhancing tumour, cut out of a training slice to be pasted elsewhere, resized."""

    coverage: np.ndarray
    """(h, w) float32 in [0, 1]."""
    pattern: np.ndarray
    """(h, w) float32."""

    @property
    def diameter(self) -> float:
        """Diameter in pixels of a disc of the same area."""
        return 2 * float(np.sqrt(self.coverage.sum() / np.pi))


def smooth_noise(shape: tuple[int, int], scale: float, random: np.random.Generator) -> np.ndarray:
    """Noise (h, w) float32 of about unit variance whose blobs are ``scale`` pixels wide."""
    height, width = shape
    scale = max(scale, 1.0)
    coarse = random.standard_normal(
        (int(np.ceil(height / scale)) + 3, int(np.ceil(width / scale)) + 3), np.float32
    )
    # Interpolation reduces the standard deviation by about a third.
    size = round(coarse.shape[1] * scale), round(coarse.shape[0] * scale)
    fine = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return 1.4 * fine[int(scale) : int(scale) + height, int(scale) : int(scale) + width]


def outline(
    radius: float, offset: np.ndarray, irregularity: float, random: np.random.Generator
) -> np.ndarray:
    """Depth in pixels below the surface of a blob with the area of a disc of ``radius`` pixels.

    Positive inside. The contour is an ellipse with a radius modulated by a few Fourier terms; a
    larger ``irregularity`` (0 to 0.3) gives more lobes. ``offset`` (2,) is the position of the
    centre within its pixel. Returns (h, w) float32 with odd h = w.
    """
    half = int(np.ceil(1.5 * radius + 3))
    rows, columns = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    rows, columns = rows - offset[0], columns - offset[1]
    turn, aspect = random.uniform(0, np.pi), random.uniform(0.7, 1)
    along = (np.cos(turn) * columns + np.sin(turn) * rows) * np.sqrt(aspect)
    across = (np.cos(turn) * rows - np.sin(turn) * columns) / np.sqrt(aspect)
    angle, distance = np.arctan2(across, along), np.hypot(along, across)
    orders = np.arange(2, 7)
    amplitudes = irregularity * random.standard_normal(5) / orders
    phases = random.uniform(0, 2 * np.pi, 5)
    circle = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    contour = _modulation(circle, orders, amplitudes, phases)
    contour *= radius / np.sqrt(np.mean(contour**2))
    surface = np.interp(angle % (2 * np.pi), circle, contour, period=2 * np.pi)
    depth = surface.astype(np.float32) - distance
    if radius > 3:
        depth += 0.4 * irregularity * radius * smooth_noise(depth.shape, 0.5 * radius, random)
    return depth


def _modulation(
    angle: np.ndarray, orders: np.ndarray, amplitudes: np.ndarray, phases: np.ndarray
) -> np.ndarray:
    waves = amplitudes * np.cos(angle[:, None] * orders + phases)
    return np.clip(1 + waves.sum(axis=1), 0.6, 1.4)


def coverage_of(depth: np.ndarray, softness: float) -> np.ndarray:
    """Partial-volume coverage in [0, 1] of pixels at ``depth``, over an edge ``softness`` wide."""
    ramp = np.clip(0.5 + depth / (2 * softness), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def draw_lesion(
    kind: str,
    diameter: float,
    offset: np.ndarray,
    softness: float,
    wall: float,
    random: np.random.Generator,
) -> Appearance:
    """A lesion of the ``kind`` solid, ring or necrotic.

    ``diameter``, ``softness`` (width of the edge) and ``wall`` (thickness of the enhancing rim of
    the hollow kinds) are in pixels.
    """
    irregularity = random.uniform(0.06, 0.16 if kind == "ring" else 0.25)
    depth = outline(diameter / 2, offset, irregularity, random)
    coverage = coverage_of(depth, softness)
    texture = smooth_noise(depth.shape, max(1.5, 0.18 * diameter), random)
    fine = smooth_noise(depth.shape, 1.5, random)
    enhancing = 1 + random.uniform(0.05, 0.18) * texture + 0.05 * fine
    if kind == "solid":
        return Appearance(coverage, enhancing)
    # The rim of a necrotic lesion is frayed and varies in thickness; that of a ring hardly does.
    slow, fast = (0.2, 0.1) if kind == "ring" else (0.6, 0.4)
    uneven = slow * smooth_noise(depth.shape, 0.4 * diameter, random)
    uneven += fast * smooth_noise(depth.shape, max(2, 0.13 * diameter), random)
    rim = wall * np.clip(1 + uneven, 0.3, 3)
    hollow = coverage_of(depth - rim, max(softness, 0.35 * wall))
    core = random.uniform(-0.9, 0.0) + (0.06 if kind == "ring" else 0.18) * texture
    return Appearance(coverage, enhancing * (1 - hollow) + core * hollow)


def draw_copy(
    donor: Donor, diameter: float, softness: float, random: np.random.Generator
) -> Appearance:
    """``donor`` rotated, mirrored and resized to ``diameter``.

    ``diameter`` and ``softness`` (width of the edge) are in pixels.
    """
    scale = diameter / donor.diameter
    height, width = donor.coverage.shape
    half = int(np.ceil(0.5 * scale * np.hypot(height, width))) + 2
    turn = cv2.getRotationMatrix2D(
        ((width - 1) / 2, (height - 1) / 2), random.uniform(0, 360), scale
    )
    turn[:, 2] += half - np.array([(width - 1) / 2, (height - 1) / 2])
    # Blur first: shrinking alone would alias the texture.
    blur = max(0.3, 0.45 / scale)
    layers = [cv2.GaussianBlur(layer, (0, 0), blur) for layer in (donor.coverage, donor.pattern)]
    size = (2 * half + 1, 2 * half + 1)
    coverage, pattern = (cv2.warpAffine(layer, turn, size) for layer in layers)
    if random.random() < 0.5:
        coverage, pattern = coverage[:, ::-1].copy(), pattern[:, ::-1].copy()
    edge = max(0.3, 0.5 * softness)
    return Appearance(cv2.GaussianBlur(coverage, (0, 0), edge), pattern)


def collect_donors(
    levels: Iterable[np.ndarray], masks: Iterable[np.ndarray], limit: int = 200
) -> list[Donor]:
    """The first ``limit`` clearly enhancing tumours in slices (H, W) uint8 with masks (H, W) bool.

    The slices must be contrast-enhanced T1. A tumour qualifies if its brightest tenth is at least
    1.5 times the level around it, and it is one compact piece.
    """
    donors: list[Donor] = []
    for slice_, mask in zip(levels, masks):
        if len(donors) == limit:
            break
        contours, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        if len(contours) != 1 or mask.sum() < 60:
            continue
        hull = cv2.contourArea(cv2.convexHull(contours[0]))
        if cv2.contourArea(contours[0]) < 0.85 * hull:
            continue
        ring = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool) & ~mask
        around = float(np.median(slice_[ring]))
        bright = float(np.percentile(slice_[mask], 90))
        if around < 20 or bright < 1.5 * around:
            continue
        left, top, width, height = cv2.boundingRect(contours[0])
        box = np.s_[max(0, top - 2) : top + height + 2, max(0, left - 2) : left + width + 2]
        pattern = (slice_[box].astype(np.float32) - around) / (bright - around)
        pattern = np.clip(np.where(mask[box], pattern, 0), -1, 1.3)
        donors.append(Donor(mask[box].astype(np.float32), pattern.astype(np.float32)))
    return donors
