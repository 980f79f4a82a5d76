"""The way of a network through the slices of a scan."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from metaseg.checkpoint import Checkpoint
from metaseg.input_check import few_of, find_unlike
from metaseg.prediction import Prediction
from metaseg.preprocess import (
    Geometry,
    Preprocessing,
    grey_slices,
    has_panels,
    network_input,
    prepare,
)
from metaseg.runtime import Runtime
from metaseg.scan import Scan
from metaseg.scan.burnt_in import has_letters
from metaseg.scan.planes import PLANES, array_in_plane, in_plane, is_isotropic

PANELS = (
    "This may be a figure of several pictures: cut out one slice, because the network sees one at "
    "a time."
)
LETTERS = (
    "There may be text at the edge of the picture: if it names the patient, remove it before you "
    "share the picture."
)
NO_TISSUE = "No tissue was found in this slice, so it was not analysed."


EVERY = 3
"""Of the slices of other planes than a volume's own, every third is seen: docs/volumes.md."""


def cut_in(scan: Scan, plane: str) -> Scan:
    """The slices of ``scan`` in ``plane`` that a network sees: all of them in its own."""
    if plane == scan.plane:
        return scan
    cut = in_plane(scan, plane)
    return replace(cut, voxels=cut.voxels[::EVERY], volume=cut.voxels)


class Seen:
    """What networks with the same preprocessing see of a scan, a few slices at a time."""

    def __init__(self, scan: Scan, settings: Preprocessing):
        self.scan, self.settings = scan, settings
        self.slices = enumerate(grey_slices(scan, settings))
        self.with_tissue = self.lettered = 0
        self.panels = False

    def next(self, count: int) -> list[tuple[int, np.ndarray, Geometry]]:
        """Of the next ``count`` slices those with tissue: index, image (C, S, S) and geometry."""
        found = []
        for index, grey in islice(self.slices, count):
            self.lettered += has_letters(grey)
            self.panels |= not self.scan.is_volume and has_panels(grey)
            prepared = prepare(grey, self.settings, self.scan.aspect)
            if prepared is not None:
                grid, geometry = prepared
                found.append((index, network_input(grid, self.settings), geometry))
        self.with_tissue += len(found)
        return found

    def notices(self) -> Iterator[str]:
        """What was odd about the slices."""
        slices = len(self.scan.voxels)
        if self.with_tissue < slices:
            left_out = slices - self.with_tissue
            several = f"Slices without tissue were skipped: {left_out} of {slices}."
            yield NO_TISSUE if slices == 1 else several
        if self.lettered:
            concerned = f" This concerns {self.lettered} of {slices} slices."
            yield LETTERS if slices == 1 else LETTERS + concerned


class Pass:
    """One network's way through the slices of a scan, plane by plane."""

    def __init__(self, checkpoint: Checkpoint, scan: Scan, runtime: Runtime, notice: str):
        self.checkpoint, self.scan, self.runtime = checkpoint, scan, runtime
        self.settings = checkpoint.config.preprocessing
        self.volume = checkpoint.config.volume if scan.is_volume else None
        self.planes = [scan.plane]
        if self.volume is not None and self.volume.all_planes and is_isotropic(scan):
            self.planes += [plane for plane in PLANES if plane != scan.plane]
        # Beside the other planes, mirror images gain nothing: docs/volumes.md.
        self.mirrored = checkpoint.config.mirrored and len(self.planes) == 1
        self.probability = np.zeros(scan.voxels.shape, np.float32)
        self.features: list[np.ndarray] = []
        self.notices = {notice} if notice else set()
        self.seconds = 0.0
        self.cut: Scan | None = None

    def turn_to(self, cut: Scan, seen: Seen) -> None:
        """Go on with the slices of another plane, as ``cut_in`` gives them."""
        if cut.plane == self.scan.plane:
            self.seen = seen
        self.cut = cut
        # A view: whatever is added to it is added to the mean.
        self.mean = array_in_plane(self.probability, self.scan, cut.plane)

    def run(self, batch: list[tuple[int, np.ndarray, Geometry]]) -> None:
        """Segment the slices of ``batch``."""
        if not batch or self.cut is None:
            return
        started = time.perf_counter()
        images = np.stack([image for _, image, _ in batch])
        own = self.cut.plane == self.scan.plane
        outputs, features = self.runtime.run(images, self.mirrored, self.notices)
        if own:
            self.features += list(features)
        for (index, _, geometry), output in zip(batch, outputs):
            probability = geometry.inverse(output).clip(0, 1) / len(self.planes)
            if own:
                self.mean[index] += probability
            else:
                self._interpolate(EVERY * index, probability)
        self.seconds += time.perf_counter() - started

    def _interpolate(self, index: int, probability: np.ndarray) -> None:
        """Add what a slice of another plane gives to itself and to the slices around it that were
        left out."""
        depth = len(self.mean)
        for offset in range(1 - EVERY, EVERY):
            if 0 <= index + offset < depth:
                alone = offset > 0 and index + EVERY >= depth  # no slice follows
                self.mean[index + offset] += probability * (1 if alone else 1 - abs(offset) / EVERY)

    def prediction(self, shared: float) -> Prediction:
        """The result; preparing the slices took ``shared`` seconds."""
        check = self.checkpoint.config.input_check
        unlike: Iterable[str] = ()
        if check is not None and self.features:
            unlike = find_unlike(check, np.stack(few_of(self.features)))
        return Prediction(
            self.probability.clip(0, 1, out=self.probability),
            self.checkpoint.name,
            self.checkpoint.config.title,
            self.checkpoint.revision,
            self.seconds + shared,
            (
                *self.scan.notices,
                *([PANELS] if self.seen.panels else []),
                *unlike,
                *self.seen.notices(),
                *sorted(self.notices),
            ),
            self.volume,
            self.scan.voxel_mm3,
        )
