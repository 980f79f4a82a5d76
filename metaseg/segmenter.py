"""Scan in, prediction out. Demo, API, command line and evaluation all use this module."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from metaseg.checkpoint import Checkpoint
from metaseg.errors import InputError
from metaseg.input_check import few_of
from metaseg.passes import Pass, Seen, cut_in
from metaseg.prediction import SENSITIVE, Prediction, check_threshold
from metaseg.preprocess import (
    Preprocessing,
    grey_slices,
    network_input,
    prepare,
    to_grey_levels,
)
from metaseg.runtime import Runtime, choose_device, choose_library, open_runtime
from metaseg.runtime.turns import Turns
from metaseg.scan import Scan

if TYPE_CHECKING:
    from metaseg.runtime.pytorch import PyTorch


@dataclass(frozen=True)
class Explanation:
    """Internal maps of a network for one slice: (H, W) float32 in [0, 1], in the slice's grid."""

    attention: tuple[np.ndarray, ...]
    """The attention gates' maps from the finest on; empty for networks without gates."""
    supervised: tuple[np.ndarray, ...]
    """The probabilities of the supervised outputs, coarse to fine; the last is the prediction."""
    mirror_difference: np.ndarray
    """Change of the probability without test-time augmentation when the slice is mirrored."""


class Segmenter:
    """Holds checkpoints and segments scans with them."""

    def __init__(
        self,
        checkpoints: Iterable[Checkpoint],
        device: str | None = None,
        library: str | None = None,
    ):
        """``device`` is ``cpu`` or ``cuda``; None asks METASEG_DEVICE, then takes a GPU if any.
        ``library`` is ``openvino`` or ``pytorch``; None asks METASEG_RUNTIME, then takes OpenVINO
        on processors.

        Raises InputError if the device or the library does not exist.
        """
        self.device = choose_device(device)
        self.library = choose_library(library, self.device)
        self.checkpoints = {checkpoint.name: checkpoint for checkpoint in checkpoints}
        self._runtimes: dict[str, tuple[Runtime, str]] = {}
        self._opening = threading.Lock()
        self._inside: dict[str, PyTorch] = {}
        self.turns = Turns()
        if self.device != "cpu":
            self.load()  # a GPU that is lent must have its networks from the start

    def load(self) -> None:
        """Open every network now rather than when it is first used."""
        for name in self.checkpoints:
            self.runtime(name)

    def runtime(self, model: str) -> Runtime:
        """What runs the network ``model``."""
        return self._opened(self.find(model).name)[0]

    def _opened(self, name: str) -> tuple[Runtime, str]:
        """The runtime of the checkpoint ``name``, and a notice or an empty one."""
        with self._opening:
            if name not in self._runtimes:
                checkpoint = self.checkpoints[name]
                self._runtimes[name] = open_runtime(checkpoint, self.device, self.library)
            return self._runtimes[name]

    @property
    def titles(self) -> dict[str, str]:
        """Title by checkpoint name, in the order given."""
        return {name: checkpoint.config.title for name, checkpoint in self.checkpoints.items()}

    def find(self, model: str) -> Checkpoint:
        """The checkpoint whose name or title is ``model``; InputError names those there are."""
        for name, title in self.titles.items():
            if model in (name, title):
                return self.checkpoints[name]
        known = ", ".join(f'"{title}"' for title in self.titles.values())
        raise InputError(f'There is no model "{model}": choose one of {known}.')

    def threshold(self, model: str, wanted: object = None) -> float:
        """The threshold that ``wanted`` is with ``model``: a number from 0 to 1, "sensitive" for
        that of its operating points, None for its default. InputError for anything else."""
        config = self.find(model).config
        if wanted is None:
            return config.threshold
        if wanted != SENSITIVE:
            return check_threshold(wanted)
        if config.sensitive_threshold is None:
            raise InputError(f"{config.title} has no sensitive threshold: use a number instead.")
        return config.sensitive_threshold

    @property
    def display(self) -> Preprocessing:
        """The settings by which slices are shown: those of the first network."""
        return next(iter(self.checkpoints.values())).config.preprocessing

    def view(self, scan: Scan, index: int) -> np.ndarray:
        """One slice as grey levels (H, W) uint8 for showing."""
        return to_grey_levels(scan.voxels[index], scan.eight_bit, self.display)

    def predict(
        self,
        scan: Scan,
        model: str,
        progress: Callable[[Iterable], Iterable] = lambda batches: batches,
    ) -> Prediction:
        """Probabilities of ``scan`` in its own grid, as ``predict_each`` gives them."""
        return self.predict_each(scan, [model], progress)[0]

    def predict_each(
        self,
        scan: Scan,
        models: Sequence[str],
        progress: Callable[[Iterable], Iterable] = lambda batches: batches,
        begun: Callable[[list[Pass]], None] = lambda passes: None,
    ) -> list[Prediction]:
        """Probabilities of ``scan`` in its own grid by each of ``models``, which share what they
        see of it. ``begun`` is told the passes, whose probabilities fill up slice by slice.

        ``progress`` wraps the iteration over batches of slices, as tqdm does. Slices without
        tissue skip the network: their probability is zero, and a notice says so. Single slices go
        before the slices of volumes that another thread is segmenting.
        """
        checkpoints = [self.find(model) for model in models]
        passes = [Pass(one, scan, *self._opened(one.name)) for one in checkpoints]
        begun(passes)
        size = max(one.runtime.batch for one in passes)
        planes = max((one.planes for one in passes), key=len)
        depths = {plane: len(cut_in(scan, plane).voxels) for plane in planes}
        steps = [(plane, first) for plane in planes for first in range(0, depths[plane], size)]
        shared = 0.0
        for plane, first in progress(steps):
            if first == 0:
                cut = cut_in(scan, plane)
                concerned = [one for one in passes if plane in one.planes]
                seen = {one.settings: Seen(cut, one.settings) for one in concerned}
                for one in concerned:
                    one.turn_to(cut, seen[one.settings])
            started = time.perf_counter()
            batches = {settings: part.next(size) for settings, part in seen.items()}
            shared += time.perf_counter() - started
            for one in concerned:
                with self.turns.take(urgent=not scan.is_volume):
                    one.run(batches[one.settings])
        return [one.prediction(shared) for one in passes]

    def features(self, scan: Scan, model: str) -> np.ndarray:
        """(N, C) features by which the input check tells the slices of ``scan``: of all that hold
        tissue, or of OF_A_VOLUME at even distances."""
        checkpoint = self.find(model)
        settings = checkpoint.config.preprocessing
        prepared = [prepare(grey, settings, scan.aspect) for grey in grey_slices(scan, settings)]
        shown = few_of([found[0] for found in prepared if found is not None])
        runtime = self.runtime(model)
        with self.turns.take(urgent=not scan.is_volume):
            found = [runtime.run(network_input(g, settings)[None], False, set())[1] for g in shown]
        return np.concatenate(found) if found else np.empty((0, 1), np.float32)

    def explain(self, scan: Scan, model: str) -> Explanation | None:
        """Internal maps of ``model`` for ``scan``, one slice; None without tissue.

        Takes one forward pass over the slice and its mirror image.
        """
        checkpoint = self.find(model)
        settings = checkpoint.config.preprocessing
        prepared = prepare(next(grey_slices(scan, settings)), settings, scan.aspect)
        if prepared is None:
            return None
        grey, geometry = prepared
        network = self._pytorch(checkpoint)
        with self.turns.take(urgent=True):
            maps = network.look_inside(network_input(grey, settings))
        attention, supervised, difference = (
            tuple(geometry.inverse(values).clip(0, 1) for values in part) for part in maps
        )
        return Explanation(attention, supervised, difference[0])

    def _pytorch(self, checkpoint: Checkpoint) -> "PyTorch":
        """The network in PyTorch, which alone shows what happens inside it."""
        from metaseg.runtime.pytorch import PyTorch

        runtime = self.runtime(checkpoint.name)
        if isinstance(runtime, PyTorch):
            return runtime
        with self._opening:
            if checkpoint.name not in self._inside:
                self._inside[checkpoint.name] = PyTorch(checkpoint, self.device)
            return self._inside[checkpoint.name]
