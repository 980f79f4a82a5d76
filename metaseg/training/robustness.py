"""Training slices altered as users may send them: without skull, with metastases, T2, framed."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np

from metaseg.preprocess import Preprocessing, prepare
from metaseg.synthesis.canvas import MODALITIES, Enhancement
from metaseg.synthesis.metastases import add_metastases
from metaseg.synthesis.shapes import Donor, smooth_noise

HEAD_MM = 210
"""Longer side of the crop around the head, in mm: 222 on average in a large set of T1 slices, 198
in one of FLAIR slices. Gives the pixel size where it is unknown."""

AIR_LEVEL = 24
"""Grey level up to which most of a slice's air lies."""

ENHANCEMENT = Enhancement(median=0.55, spread=0.6, lowest=0.2, highest=1.9)
"""From barely visible to strong: 57 % brighter than white matter on average with a deviation of
47 % (Kato et al. 2009, AJNR 30:923)."""

TISSUE = 80, 130
"""Grey levels of the brain that leave headroom for brighter lesions, as a reader sets the window so
that the brightest lesion still shows."""

NOISE = 0.02, 0.12
"""Deviation of the noise, as a share of the tissue's level."""

BLUR = 0.002, 0.008
"""Deviation of a blur, as a share of the longer side."""

# Grey levels of T2 (second row, as a share of white) by those of the source (first row, as
# multiples of the brain's median). Fluid becomes bright and white matter darker than grey matter.
# Enhancing tissue on T1 stays bright, as most tumours are on T2.
T2_FROM_T1 = np.array(
    [[0, 0.2, 0.5, 0.85, 1.15, 1.5, 2.3], [0.95, 0.95, 0.8, 0.42, 0.27, 0.38, 0.7]]
)
T2_FROM_FLAIR = np.array(
    [[0, 0.2, 0.5, 0.75, 1, 1.3, 1.8], [0.95, 0.95, 0.8, 0.28, 0.33, 0.5, 0.9]]
)


@dataclass(frozen=True)
class Variation:
    """Probability of each alteration of a training slice."""

    metastases: float = 0.5
    """Add 1 to 12 synthetic metastases."""
    bare_brain: float = 0.35
    """Remove the skull and crop the slice to the brain."""
    t2: float = 0.25
    """Give a slice without skull the contrast of T2 (probability among those slices)."""
    window: float = 0.25
    """Make the slice darker or brighter, like another viewer window."""
    bias: float = 0.25
    """Add a smooth brightness change across the slice, as coils cause."""
    frame: float = 0.08
    """Put the slice into a screenshot, with margins, lines and text."""
    quarter_turn: float = 0.25
    """Rotate the slice by 90, 180 or 270 degrees."""
    noise: float = 0.2
    """Add the noise of a weak signal."""
    tight_view: float = 0.15
    """Crop the slice tightly, so that the edges of the head are lost."""
    blur: float = 0.2
    """Blur the slice, like coarser pixels, motion or an enlarged picture."""


def vary(
    grey: np.ndarray,
    mask: np.ndarray,
    brain: np.ndarray,
    modality: str,
    pixel_mm: float,
    random: np.random.Generator,
    variation: Variation,
    settings: Preprocessing,
    donors: Sequence[Donor] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Altered copies of ``grey`` (S, S) uint8 and ``mask`` (S, S) bool.

    ``grey`` is a slice from ``prepare``. If its outline or its noise changes, it is prepared again
    under ``settings``, as in serving. ``brain`` (S, S) bool is empty if the brain is unknown; the
    alterations that need it are then skipped. ``modality`` is one of ``dataset.MODALITIES``.
    Metastases are drawn only on those of ``canvas.MODALITIES``. ``pixel_mm`` is the pixel size,
    NaN if unknown. ``donors`` are real tumours to copy. The same ``random`` state gives the same
    result.
    """
    # Draw every random decision first, so that enabling one alteration does not change the others'
    # random stream.
    wanted = {
        field.name: random.random() < getattr(variation, field.name) for field in fields(Variation)
    }
    known = bool(brain.any())
    bare = known and wanted["bare_brain"] and _lies_inside(mask, brain)
    made_t2 = bare and wanted["t2"] and modality != "t2"
    if bare:
        brain = _roughen(brain, random) | mask
        if made_t2:
            grey, modality = _as_t2(grey, brain, modality, random), "t2"
        grey = np.where(brain, grey, 0).astype(np.uint8)
    if known and wanted["metastases"] and modality in MODALITIES:
        if np.isnan(pixel_mm):
            pixel_mm = random.uniform(0.85, 1.1) * HEAD_MM / max(grey.shape)
        grey = _make_room(grey, brain, random)
        grey, mask = add_metastases(
            grey, mask, brain, pixel_mm, random, modality, donors, ENHANCEMENT
        )
    if made_t2:
        # The grey-level table leaves steps that no scanner makes.
        grey = cv2.GaussianBlur(grey, (0, 0), 0.003 * max(grey.shape))
    if wanted["window"]:
        grey = _window(grey, random)
    if wanted["bias"]:
        grey = _bias(grey, random)
    if wanted["blur"]:
        grey = cv2.GaussianBlur(grey, (0, 0), random.uniform(*BLUR) * max(grey.shape))
    if wanted["noise"]:
        grey = _add_noise(grey, random)
    if wanted["frame"]:
        grey, mask = _frame(grey, mask, random)
    if bare or wanted["noise"] or wanted["frame"]:
        grey, mask = _serve(grey, mask, settings)
    if wanted["tight_view"]:
        grey, mask = _tighten(grey, mask, random)
    if wanted["quarter_turn"]:
        rotations = int(random.integers(1, 4))
        grey, mask = np.rot90(grey, rotations).copy(), np.rot90(mask, rotations).copy()
    return grey, mask


def _make_room(grey: np.ndarray, brain: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Darken ``grey`` if its brain leaves no headroom for brighter lesions."""
    level = float(np.median(grey[brain]))
    room = random.uniform(*TISSUE)
    return grey if level <= room else np.rint(grey * (room / level)).astype(np.uint8)


def _lies_inside(mask: np.ndarray, brain: np.ndarray) -> bool:
    """Whether the lesion lies in the brain. Without skull, a meningioma on the skull would
    float."""
    return bool(np.count_nonzero(mask & ~brain) <= 0.2 * np.count_nonzero(mask))


def _roughen(brain: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """``brain`` with typical skull-stripping errors: too wide or too tight, and uneven."""
    inside = cv2.distanceTransform(brain.astype(np.uint8), cv2.DIST_L2, 3)
    outside = cv2.distanceTransform((~brain).astype(np.uint8), cv2.DIST_L2, 3)
    size = max(brain.shape)
    shift = random.uniform(-0.012, 0.012) * size
    uneven = random.uniform(0, 0.012) * size * smooth_noise(brain.shape, 0.08 * size, random)
    return inside - outside + shift + uneven > 0.5


def _as_t2(
    grey: np.ndarray, brain: np.ndarray, modality: str, random: np.random.Generator
) -> np.ndarray:
    knots, shares = T2_FROM_FLAIR if modality == "flair" else T2_FROM_T1
    level = max(1.0, float(np.median(grey[brain])))
    white = random.uniform(200, 255) * shares * random.uniform(0.85, 1.15, len(shares))
    table = np.interp(np.arange(256), knots * level, white)
    return np.rint(np.clip(table, 0, 255)).astype(np.uint8)[grey]


def _window(grey: np.ndarray, random: np.random.Generator) -> np.ndarray:
    share, gamma = random.uniform(0.5, 1), random.uniform(0.7, 1.3)
    return np.rint(255 * share * (grey / 255) ** gamma).astype(np.uint8)


def _serve(
    grey: np.ndarray, mask: np.ndarray, settings: Preprocessing
) -> tuple[np.ndarray, np.ndarray]:
    """The slice as serving prepares it: denoised and cropped to its tissue."""
    prepared = prepare(grey, settings)
    if prepared is None:
        return grey, mask
    return prepared[0], prepared[1].forward_mask(mask)


def _tighten(
    levels: np.ndarray, mask: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Zoom slice and mask until up to a tenth of the head is outside."""
    margin = random.uniform(-0.1, 0)
    head = levels > AIR_LEVEL
    if not head.any():
        return levels, mask
    rows, columns = np.flatnonzero(head.any(axis=1)), np.flatnonzero(head.any(axis=0))
    side = max(np.ptp(rows), np.ptp(columns)) + 1
    scale = max(levels.shape) / (side * (1 + margin))
    centre = np.array([columns[0] + columns[-1], rows[0] + rows[-1]]) / 2
    move = np.array(levels.shape[::-1]) / 2 - 0.5 - scale * centre
    matrix = np.array([[scale, 0, move[0]], [0, scale, move[1]]])
    closer, moved = _warp(levels, mask, matrix, 0)
    # A lesion at the edge would be cut as well.
    return (closer, moved) if moved.any() == mask.any() else (levels, mask)


def _add_noise(levels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Add the Rician noise of a magnitude image (Gudbjartsson and Patz 1995)."""
    tissue = levels[levels > AIR_LEVEL]
    deviation = random.uniform(*NOISE) * (float(np.median(tissue)) if tissue.size else AIR_LEVEL)
    parts = random.normal(0, deviation, (2, *levels.shape))
    return np.rint(np.clip(np.hypot(levels + parts[0], parts[1]), 0, 255)).astype(np.uint8)


def _warp(
    levels: np.ndarray, mask: np.ndarray, matrix: np.ndarray, fill: int
) -> tuple[np.ndarray, np.ndarray]:
    size = levels.shape[::-1]
    if matrix[0, 0] < 1:  # or fine texture would alias
        levels = cv2.GaussianBlur(levels, (0, 0), max(0.3, 0.45 / matrix[0, 0]))
    changed = cv2.warpAffine(levels, matrix, size, borderValue=fill)
    moved = cv2.warpAffine(mask.astype(np.float32), matrix, size)
    return changed, moved >= 0.5


def _bias(levels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    field = smooth_noise(levels.shape, max(levels.shape) * random.uniform(0.5, 0.9), random)
    gain = np.exp(random.uniform(0.1, 0.35) * np.clip(field, -2, 2))
    return np.rint(np.clip(levels * gain, 0, 255)).astype(np.uint8)


def _frame(
    levels: np.ndarray, mask: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Shrink the slice onto a plain page, with a border, a viewer's text and a ruler."""
    height, width = levels.shape
    scale = random.uniform(0.6, 0.95)
    free = np.array([width, height]) * (1 - scale)
    left, top = random.uniform(0, 1, 2) * free
    page = int(random.choice([0, 0, 30, 128, 240, 255]))
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    levels, mask = _warp(levels, mask, matrix, page)
    corner = int(left), int(top)
    opposite = int(left + scale * width), int(top + scale * height)
    ink = 255 if page < 128 else 0
    if random.random() < 0.5:
        cv2.rectangle(levels, corner, opposite, int(random.choice([ink, 128])), 1)
    size = max(height, width) / 160
    for _ in range(int(random.integers(0, 5))):
        letters = random.choice(list("ABCDEFHILMPRST0123456789:. "), int(random.integers(1, 10)))
        # Viewers write into the corners and along the edges, away from the centre of the image.
        place = random.uniform(0, 1, 2)
        place[int(random.integers(2))] = random.choice([0.03, 0.97])
        at = int(place[0] * 0.8 * width), int(max(8 * size, place[1] * height))
        _write(levels, mask, "".join(letters), at, 0.3 * size, ink)
    if random.random() < 0.3:
        x = int(0.97 * width)
        for y in range(int(0.25 * height), int(0.75 * height), max(3, height // 20)):
            levels[y, x - 3 : x] = ink
    return levels, mask


def _write(
    levels: np.ndarray, mask: np.ndarray, text: str, at: tuple[int, int], size: float, ink: int
) -> None:
    """Write ``text`` onto ``levels`` in place, unless it would hide a lesion."""
    layer = np.zeros_like(levels)
    cv2.putText(layer, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1, cv2.LINE_AA)
    if not (mask & (layer > 0)).any():
        share = layer.astype(np.float32) / 255
        levels[:] = np.rint(levels + share * (ink - levels.astype(np.float32))).astype(np.uint8)
