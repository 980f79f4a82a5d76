"""Draw synthetic lesions on a slice: find room for them and blend them in."""

from dataclasses import dataclass

import cv2
import numpy as np

from metaseg.synthesis.shapes import (
    Appearance,
    Donor,
    coverage_of,
    draw_copy,
    draw_lesion,
    outline,
    smooth_noise,
)

MODALITIES = ("t1ce", "flair", "t2")

AT_JUNCTION = 0.64
"""Share of the lesions at the junction of grey and white matter (Hwang et al. 1996)."""

RESOLUTION_MM = 0.5
"""Standard deviation of the blur at a true resolution of about 1 mm, common for clinical T1."""

KNEE = 190
"""Grey level above which brightness is compressed: half the enhancing tumours of ``t1ce_slices``,
train split, have their brightest tenth above it after CLAHE, and hardly any above 220."""


@dataclass(frozen=True)
class Enhancement:
    """How much brighter lesions are than the tissue around them on contrast-enhanced T1.

    A share of that tissue's level: log-normal, limited to ``lowest`` to ``highest``.
    """

    median: float = 0.95
    spread: float = 0.4
    lowest: float = 0.5
    highest: float = 1.9

    def draw(self, random: np.random.Generator) -> float:
        """One random value."""
        drawn = random.lognormal(np.log(self.median), self.spread)
        while not self.lowest <= drawn <= self.highest:
            drawn = random.lognormal(np.log(self.median), self.spread)
        return float(drawn)


AFTER_CLAHE = Enhancement()
"""Matches the enhancing tumours of ``t1ce_slices``, train split, after CLAHE."""


@dataclass(frozen=True)
class Lesion:
    """A drawn lesion and its position."""

    kind: str
    """solid, ring, necrotic or copy."""
    row: int
    column: int
    diameter: float
    """Diameter in mm of a disc with the area of the lesion's label, without oedema."""


class Canvas:
    """A slice on which lesions are being drawn."""

    def __init__(
        self,
        levels: np.ndarray,
        lesion_mask: np.ndarray,
        brain: np.ndarray,
        pixel_mm: float,
        modality: str,
        enhancement: Enhancement = AFTER_CLAHE,
        centres: np.ndarray | None = None,
    ):
        if modality not in MODALITIES:
            raise ValueError(f"Unknown modality {modality}: use one of {', '.join(MODALITIES)}.")
        self.values = levels.astype(np.float32)
        self.labels = np.zeros(levels.shape, np.uint8)
        self.brain, self.pixel_mm = brain, pixel_mm
        self.modality, self.enhancement = modality, enhancement
        self.free = brain & ~lesion_mask
        inside = np.pad(self.free, 1).astype(np.uint8)
        # Distance in pixels to the nearest pixel that is not free, or to the edge of the image.
        self.room = cv2.distanceTransform(inside, cv2.DIST_L2, 3)[1:-1, 1:-1]
        tissue = _mean_around(self.values, self.free, 6 / pixel_mm)
        self.level = float(np.median(levels[self.free])) if self.free.any() else 0.0
        # Half local, half global: next to a ventricle the local mean alone is too dark.
        self.local = 0.5 * tissue + 0.5 * self.level
        fine = cv2.GaussianBlur(self.values, (0, 0), max(0.8, 0.8 / pixel_mm))
        low, high = (0.7, 1.45) if modality != "t2" else (0.6, 1.3)
        self.tissue = self.free & (fine > low * self.level) & (fine < high * self.level)
        if centres is not None:
            self.tissue &= centres
        slope = np.hypot(cv2.Sobel(fine, cv2.CV_32F, 1, 0), cv2.Sobel(fine, cv2.CV_32F, 0, 1))
        # Edges towards fluid and skull are no junctions, nor are those of ventricles and nuclei,
        # which lie deeper than the cortex.
        among_tissue = cv2.blur(self.tissue.astype(np.float32), (2 * round(3 / pixel_mm) + 1,) * 2)
        cortex = np.exp(-((self.room * pixel_mm / 20) ** 2))
        self.junction = np.minimum(slope, 0.3 * self.level) ** 2 * among_tissue**6 * cortex
        self.fine = fine

    def place(
        self, diameter: float, donor: Donor | None, random: np.random.Generator
    ) -> Lesion | None:
        """Draw one lesion of ``diameter`` mm; None if there is no room or no pixel is left."""
        pixels = diameter / self.pixel_mm
        # Near the vertex and at the temporal pole, a slice has little brain.
        if pixels > 0.4 * np.sqrt(np.count_nonzero(self.brain)):
            return None
        centre = self._choose_centre(pixels / 2, random)
        if centre is None:
            return None
        # Width of the edge: the scanner's blur, at least half a pixel, and the tumour's border.
        softness = max(0.7, random.uniform(0.5, 1.0) / self.pixel_mm)
        kind = _draw_kind(diameter, random)
        wall = max(1.0, random.uniform(1.4, 2.5 + 0.08 * diameter) / self.pixel_mm)
        offset = random.uniform(-0.5, 0.5, 2)
        if donor is not None and self.modality == "t1ce" and random.random() < 1 / 2:
            kind, look = "copy", draw_copy(donor, pixels, softness, random)
        else:
            look = draw_lesion(kind, pixels, offset, softness, wall, random)
        look = self._blurred(look)
        place, patch = self._window(centre, look.coverage.shape)
        if not (look.coverage[patch] * self.free[place] >= 0.5).any():
            return None
        if self.modality == "t1ce":
            return self._draw_enhancing(kind, diameter, centre, look, random)
        return self._draw_bright(kind, diameter, centre, look, random)

    def _blurred(self, look: Appearance) -> Appearance:
        """Blur ``look`` to a scanner's resolution, which matters for small pixels."""
        blur = RESOLUTION_MM / self.pixel_mm
        if blur < 0.4:
            return look
        layers = (cv2.GaussianBlur(layer, (0, 0), blur) for layer in (look.coverage, look.pattern))
        return Appearance(*layers)

    def _choose_centre(self, radius: float, random: np.random.Generator) -> tuple[int, int] | None:
        # Lesions also grow outwards from the cortex: most of a lesion, not all, must fit.
        clear = max(4 / self.pixel_mm, 0.85 * radius + 1)  # the brain mask is approximate
        possible = self.tissue & (self.room > clear)
        weights = possible * (self.junction if random.random() < AT_JUNCTION else 1.0)
        total = np.cumsum(weights.ravel(), dtype=np.float64)
        if total[-1] <= 0:
            return None
        # Of six positions, choose the one with the least fluid: tumours push ventricles aside.
        places = np.searchsorted(total, random.uniform(0, total[-1], 6), side="right")
        places = np.minimum(places, total.size - 1)
        reach = int(np.ceil(radius))
        rows, columns = np.unravel_index(places, weights.shape)
        shares = [
            self.tissue[max(0, r - reach) : r + reach + 1, max(0, c - reach) : c + reach + 1].mean()
            for r, c in zip(rows, columns)
        ]
        best = int(np.argmax(shares))
        return int(rows[best]), int(columns[best])

    def _window(self, centre: tuple[int, int], shape: tuple[int, int]) -> tuple[tuple, tuple]:
        """Slices into the image and into a patch of ``shape`` (h, w) centred at ``centre``."""
        picture, patch = [], []
        for middle, length, size in zip(centre, shape, self.values.shape):
            start = middle - length // 2
            first, last = max(0, start), min(size, start + length)
            picture.append(slice(first, last))
            patch.append(slice(first - start, last - start))
        return tuple(picture), tuple(patch)

    def _draw_enhancing(
        self,
        kind: str,
        diameter: float,
        centre: tuple[int, int],
        look: Appearance,
        random: np.random.Generator,
    ) -> Lesion:
        if _has_oedema(diameter, random):
            place, halo = self._oedema(diameter, centre, random)
            darkening = random.uniform(0.15, 0.35)
            self.values[place] *= 1 - darkening * halo
        enhancement = self.enhancement.draw(random)
        place, patch = self._window(centre, look.coverage.shape)
        pattern, local = look.pattern[patch], self.local[place]
        # Fluid is about half as bright as tissue after CLAHE, a third before it.
        wanted = local * (1 + np.where(pattern > 0, enhancement, 0.6) * pattern)
        # Real tumours rarely reach white: their texture stays visible.
        wanted = np.minimum(wanted, KNEE) + 0.4 * np.maximum(wanted - KNEE, 0)
        return self._blend(kind, centre, place, look.coverage[patch], wanted)

    def _draw_bright(
        self,
        kind: str,
        diameter: float,
        centre: tuple[int, int],
        look: Appearance,
        random: np.random.Generator,
    ) -> Lesion:
        """A lesion on FLAIR or T2: bright oedema around a core of any brightness."""
        oedema = np.zeros(self.values.shape, np.float32)
        swollen = _has_oedema(diameter, random)
        brightness = random.uniform(0.45, 1.1)
        if swollen:
            place, halo = self._oedema(diameter, centre, random)
            oedema[place] = halo
            uneven = 1 + 0.12 * smooth_noise(halo.shape, 4 / self.pixel_mm, random)
            bright = self.local[place] * (1 + brightness * uneven)
            self.values[place] += halo * (
                np.maximum(bright, self.values[place]) - self.values[place]
            )
        place, patch = self._window(centre, look.coverage.shape)
        pattern = look.pattern[patch]
        # Solid parts lie between tissue and oedema; dead cores are fluid, dark or bright.
        # Experts outline a nodule without oedema only if it is bright.
        solid = random.uniform(0.1 if swollen else 0.5, 1.1)
        core = random.uniform(0.8, 1.6) if self.modality == "t2" else random.uniform(-0.5, 0.9)
        hollow = pattern < 0.3
        texture = pattern - (pattern[hollow].mean() if hollow.any() else 0)
        wanted = self.local[place] * (1 + np.where(hollow, core + texture, solid * pattern))
        return self._blend(kind, centre, place, look.coverage[patch], wanted, oedema > 0.35)

    def _oedema(
        self, diameter: float, centre: tuple[int, int], random: np.random.Generator
    ) -> tuple[tuple, np.ndarray]:
        """Position and density (0 to 1) of the oedema around a lesion.

        It follows white matter and spares the cortex, which gives it a finger-like shape.
        """
        ratio = float(np.clip(random.normal(2.1, 0.4), 1.4, 3.0))
        reach = min(ratio * diameter, diameter + 40) / self.pixel_mm / 2
        depth = outline(reach, np.zeros(2), random.uniform(0.05, 0.2), random)
        place, patch = self._window(centre, depth.shape)
        soft = max(1.0, 4.0 / self.pixel_mm)
        halo = coverage_of(depth[patch], soft) * self.free[place]
        # White matter is brighter than grey matter on T1, and darker on FLAIR and T2.
        sign = 1 if self.modality == "t1ce" else -1
        white = sign * (self.fine[place] / max(self.level, 1) - 1)
        fluid = self.fine[place] < 0.7 * self.level
        halo *= np.clip(0.75 + 3 * white, 0.05, 1) * ~(fluid & (self.modality != "t2"))
        return place, cv2.GaussianBlur(halo.astype(np.float32), (0, 0), 0.6) * self.free[place]

    def _blend(
        self,
        kind: str,
        centre: tuple[int, int],
        place: tuple,
        coverage: np.ndarray,
        wanted: np.ndarray,
        halo: np.ndarray | None = None,
    ) -> Lesion:
        """Blend the lesion into the slice, keep the slice's own noise, and label the lesion."""
        coverage = coverage * self.free[place]
        body = coverage >= 0.5
        noise = (self.values[place] - cv2.GaussianBlur(self.values[place], (0, 0), 1.0)) * 0.7
        self.values[place] += coverage * (wanted + noise - self.values[place])
        label = np.zeros(self.free.shape, bool)
        label[place] = body
        diameter = 2 * float(np.sqrt(body.sum() / np.pi)) * self.pixel_mm
        if halo is not None:
            # Separate wisps of oedema would count as lesions of their own.
            parts = cv2.connectedComponents((label | halo & self.free).astype(np.uint8))[1]
            label = (parts > 0) & (parts == parts[label].max())
        number = int(self.labels.max()) + 1
        self.labels[label] = number
        self.free &= ~label
        # Two lesions that touch would be one component: keep a gap of two pixels.
        gap = cv2.distanceTransform((~label).astype(np.uint8), cv2.DIST_L2, 3) - 2
        self.room = np.minimum(self.room, gap)
        return Lesion(kind, *centre, diameter)


def _mean_around(values: np.ndarray, mask: np.ndarray, reach: float) -> np.ndarray:
    """Local mean of ``values`` (H, W) within ``mask``, over a Gaussian of ``reach`` pixels."""
    weight = mask.astype(np.float32)
    # The result is smooth: a quarter of the resolution is enough and sixteen times as fast.
    size = values.shape[::-1]
    quarter = max(1, size[0] // 4), max(1, size[1] // 4)
    means = []
    for layer in (values * weight, weight):
        small = cv2.resize(layer, quarter, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), max(0.5, reach / 4))
        means.append(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR))
    return means[0] / np.maximum(means[1], 1e-3)


def _draw_kind(diameter: float, random: np.random.Generator) -> str:
    """The kind of a lesion: small metastases are solid, larger ones are often hollow."""
    hollow = float(np.interp(diameter, [4, 8, 15, 30], [0, 0.35, 0.65, 0.8]))
    if random.random() >= hollow:
        return "solid"
    return "ring" if random.random() < 0.5 else "necrotic"


def _has_oedema(diameter: float, random: np.random.Generator) -> bool:
    return random.random() < 0.95 / (1 + np.exp(-(diameter - 9.4) / 2))
