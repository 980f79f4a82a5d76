"""Draw plausible brain metastases into real slices, for training and for tests by lesion size.

What the literature says about metastases, and how it is used here:

- *Number.* Of 288 patients, 49 % had one metastasis, 21 % two, 13 % three, 6 % four and 11 % five
  or more (Delattre et al. 1988, Archives of Neurology 45:741). Used as published, up to twelve.
- *Position.* 64 % of 210 lesions were at the junction of grey and white matter (Hwang et al. 1996,
  Cancer 77:1551). Used as published; the others are anywhere in the brain.
- *Size.* 92 lesions measured 4.5 mm on average, with a standard deviation of 3.7 mm, at 3 tesla
  (Kato et al. 2009, AJNR 30:923). In an older series, partly found on CT, a third of 302 lesions
  were above 20 mm or outside the hemispheres (Hwang et al. 1996). A slice is more likely to cut a
  large lesion than a small one: the log-normal distribution here has a median of 7 mm and is
  limited to 2 to 30 mm.
- *Contrast.* Lesions were brighter than white matter by 57 % (standard deviation 47 %) on T1 SPACE
  and by 38 % (41 %) on MPRAGE (Kato et al. 2009); CLAHE increases this. The enhancing tumours of
  ``t1ce_slices``, train split, are brighter than their surroundings by 70 to 190 %.
- *Oedema.* Present from a diameter of about 9.4 mm (Schneider et al. 2017, PLoS ONE 12:e0177217).
  It is about 2.0 to 2.5 times as wide as the lesion (edema-mass ratio, J Coll Physicians Surg Pak
  2022, 32:1020).
- *Kinds.* Solid, ring-shaped and necrotic lesions are all common, and larger ones are more often
  hollow; the shares below are our choice.
"""

from collections.abc import Sequence

import numpy as np

from metaseg.synthesis.canvas import AFTER_CLAHE, Canvas, Enhancement, Lesion
from metaseg.synthesis.shapes import Donor

SMALLEST, LARGEST = 2.0, 30.0
"""Diameters in mm."""

COUNTS = np.array([49, 21, 13, 6, *[11 / 8] * 8]) / 100
"""Share of slices with 1 to 12 lesions."""


def draw_count(random: np.random.Generator) -> int:
    """A random number of lesions for a slice, 1 to 12."""
    return 1 + int(random.choice(len(COUNTS), p=COUNTS))


def draw_diameter(random: np.random.Generator, smallest: float = SMALLEST) -> float:
    """A random diameter in mm: log-normal, median 7, between ``smallest`` and LARGEST."""
    return float(np.clip(random.lognormal(np.log(7), 0.75), max(smallest, SMALLEST), LARGEST))


def add_metastases(
    levels: np.ndarray,
    lesion_mask: np.ndarray,
    brain: np.ndarray,
    pixel_mm: float,
    random: np.random.Generator,
    modality: str = "t1ce",
    donors: Sequence[Donor] = (),
    enhancement: Enhancement = AFTER_CLAHE,
) -> tuple[np.ndarray, np.ndarray]:
    """``levels`` (H, W) uint8 with 1 to 12 new metastases, and the mask (H, W) bool of all lesions.

    New lesions avoid those in ``lesion_mask`` and stay inside ``brain``, both (H, W) bool.
    ``pixel_mm`` is the size of a pixel; ``modality`` is "t1ce", "flair" or "t2". If there are
    ``donors``, real tumours, half the lesions on "t1ce" are copies of them, resized.
    ``enhancement`` is how much brighter lesions are. Works before and after CLAHE, because every
    contrast is relative to the tissue around the lesion.

    The mask follows what experts outline: on "t1ce" the enhancing lesion with its necrotic core
    but without oedema, on "flair" and "t2" the lesion with its oedema. Raises ValueError if the
    modality is unknown.
    """
    # Smaller lesions look like noise and vessels; their labels would only teach guessing.
    smallest = max(SMALLEST, 2.5 * pixel_mm)
    diameters = [draw_diameter(random, smallest) for _ in range(draw_count(random))]
    changed, labels, _ = place_metastases(
        levels, lesion_mask, brain, pixel_mm, random, diameters, modality, donors, enhancement
    )
    return changed, (labels > 0) | lesion_mask


def place_metastases(
    levels: np.ndarray,
    lesion_mask: np.ndarray,
    brain: np.ndarray,
    pixel_mm: float,
    random: np.random.Generator,
    diameters: Sequence[float],
    modality: str = "t1ce",
    donors: Sequence[Donor] = (),
    enhancement: Enhancement = AFTER_CLAHE,
    centres: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, list[Lesion]]:
    """Like ``add_metastases``, for lesions of the given ``diameters`` in mm.

    ``centres`` (H, W) bool restricts the positions of their centres. Returns the levels, a label
    map (H, W) uint8 that numbers the new lesions from 1, and one Lesion per label. A lesion
    without room is left out.
    """
    rows, columns = np.flatnonzero(brain.any(axis=1)), np.flatnonzero(brain.any(axis=0))
    if not len(rows):
        return levels.copy(), np.zeros(levels.shape, np.uint8), []
    # Work on the box of the brain only: less than half of a slice is brain.
    top, left = int(rows[0]), int(columns[0])
    box = np.s_[top : rows[-1] + 1, left : columns[-1] + 1]
    within = None if centres is None else centres[box]
    canvas = Canvas(
        levels[box], lesion_mask[box], brain[box], pixel_mm, modality, enhancement, within
    )
    lesions: list[Lesion] = []
    # Largest first, while there is room.
    for diameter in sorted(diameters, reverse=True):
        donor = donors[random.integers(len(donors))] if len(donors) else None
        lesion = canvas.place(diameter, donor, random)
        if lesion is not None:
            place = lesion.row + top, lesion.column + left
            lesions.append(Lesion(lesion.kind, *place, lesion.diameter))
    changed, labels = levels.copy(), np.zeros(levels.shape, np.uint8)
    changed[box] = np.rint(np.clip(canvas.values, 0, 255)).astype(np.uint8)
    labels[box] = canvas.labels
    return changed, labels, lesions
