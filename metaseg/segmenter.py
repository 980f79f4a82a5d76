"""Scan in, prediction out. Demo, API, command line and evaluation all use this module."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import torch

from metaseg.augmented import calibrate, rotated, rotated_back, rotations_of
from metaseg.checkpoint import Checkpoint
from metaseg.errors import InputError
from metaseg.input_check import few_of, find_unlike
from metaseg.models import AttentionUNet
from metaseg.prediction import SENSITIVE, Prediction, check_threshold
from metaseg.preprocess import (
    enhance,
    grey_slices,
    has_panels,
    network_input,
    prepare,
    to_grey_levels,
)
from metaseg.scan import Scan
from metaseg.scan.burnt_in import has_letters
from metaseg.scan.planes import PLANES, in_plane, is_isotropic
from metaseg.zero_gpu import lend_gpu

CUDA_BATCH = 16
PANELS = (
    "This may be a figure of several pictures: cut out one slice, because the network sees one at "
    "a time."
)
ON_PROCESSOR = (
    "The GPU ran out of memory, so the processor segmented this scan, which takes longer."
)
LETTERS = (
    "There may be text at the edge of the picture: if it names the patient, remove it before you "
    "share the picture."
)
NO_TISSUE = "No tissue was found in this slice, so it was not analysed."


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
    """Holds checkpoints on a device and segments scans with them."""

    def __init__(self, checkpoints: Iterable[Checkpoint], device: str | None = None):
        """``device`` is ``cpu`` or ``cuda``; None asks METASEG_DEVICE, then takes a GPU if any.

        Raises InputError if the device does not exist.
        """
        wanted = device or os.environ.get("METASEG_DEVICE")
        try:
            self.device = torch.device(wanted or ("cuda" if torch.cuda.is_available() else "cpu"))
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f'There is no device "{wanted}" here: use cpu or cuda.') from error
        self.checkpoints = {checkpoint.name: checkpoint for checkpoint in checkpoints}
        for checkpoint in self.checkpoints.values():
            checkpoint.network.to(self.device, memory_format=torch.channels_last)
        self._spares: dict[str, Segmenter] = {}
        self._run = lend_gpu(self._forward)
        self._look = lend_gpu(self._look_inside)
        self._pool = lend_gpu(self._pool_features)

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
        if wanted != SENSITIVE:
            return config.threshold if wanted is None else check_threshold(wanted)
        if config.sensitive_threshold is None:
            raise InputError(f"{config.title} has no sensitive threshold: give a number instead.")
        return config.sensitive_threshold

    def view(self, scan: Scan, index: int, enhanced: bool) -> np.ndarray:
        """One slice as grey levels (H, W) uint8 for showing, as loaded or after CLAHE."""
        settings = next(iter(self.checkpoints.values())).config.preprocessing
        grey = to_grey_levels(scan.voxels[index], scan.eight_bit, settings)
        return enhance(grey, settings) if enhanced else grey

    def predict(
        self,
        scan: Scan,
        model: str,
        progress: Callable[[Iterable], Iterable] = lambda batches: batches,
    ) -> Prediction:
        """Probabilities of ``scan`` in its own grid.

        ``progress`` wraps the iteration over batches of slices, as tqdm does. Slices without
        tissue skip the network: their probability is zero, and a notice says so.
        """
        checkpoint = self.find(model)
        started = time.perf_counter()
        settings = checkpoint.config.preprocessing
        volume = checkpoint.config.volume if scan.is_volume else None
        planes = [scan.plane]
        if volume is not None and volume.all_planes and is_isotropic(scan):
            planes += [plane for plane in PLANES if plane != scan.plane]
        inputs, lettered, panels = [], 0, False
        for plane in planes:
            cut = in_plane(scan, plane)
            for index, slice_ in enumerate(grey_slices(cut, settings)):
                lettered += plane == scan.plane and has_letters(slice_)
                panels |= not scan.is_volume and has_panels(slice_)
                prepared = prepare(slice_, settings, cut.aspect)
                if prepared is not None:
                    inputs.append((plane, index, *prepared))
        size = CUDA_BATCH if self.device.type == "cuda" else 1
        batches = [inputs[start : start + size] for start in range(0, len(inputs), size)]
        short: set[str] = set()
        outputs = self._outputs(checkpoint.name, progress(batches), short)
        probability = np.zeros(scan.voxels.shape, np.float32)
        for plane, of_plane in groupby(outputs, lambda output: output[0]):
            cut = in_plane(scan, plane)
            found = np.zeros_like(cut.voxels) if len(planes) > 1 else probability
            for _, index, slice_ in of_plane:
                found[index] = slice_
            if found is not probability:
                found = in_plane(replace(cut, voxels=found), scan.plane).voxels
                probability += found / len(planes)
        own = [grey for plane, _, grey, _ in inputs if plane == scan.plane]
        unlike: Iterable[str] = ()
        if checkpoint.config.input_check is not None:
            images = [network_input(grey, settings) for grey in few_of(own)]
            runner = self._on_processor(checkpoint.name) if short else self
            features = runner._features(checkpoint.name, images)
            unlike = find_unlike(checkpoint.config.input_check, features)
        return Prediction(
            probability.clip(0, 1),
            checkpoint.name,
            checkpoint.config.title,
            checkpoint.revision,
            time.perf_counter() - started,
            (
                *scan.notices,
                *([PANELS] if panels else []),
                *unlike,
                *_notices(len(scan.voxels), len(own), lettered),
                *short,
            ),
            volume,
            None if scan.spacing is None else float(np.prod(scan.spacing)),
        )

    def features(self, scan: Scan, model: str) -> np.ndarray:
        """(N, C) features by which the input check tells the slices of ``scan``: of all that hold
        tissue, or of OF_A_VOLUME at even distances."""
        checkpoint = self.find(model)
        settings = checkpoint.config.preprocessing
        prepared = [prepare(grey, settings, scan.aspect) for grey in grey_slices(scan, settings)]
        shown = few_of([found[0] for found in prepared if found is not None])
        return self._features(checkpoint.name, [network_input(grey, settings) for grey in shown])

    def explain(self, scan: Scan, model: str) -> Explanation | None:
        """Internal maps of ``model`` for ``scan``, one slice; None without tissue.

        Takes one forward pass over the slice, its mirror image and the rotations of the config.
        """
        checkpoint = self.find(model)
        settings = checkpoint.config.preprocessing
        prepared = prepare(next(grey_slices(scan, settings)), settings, scan.aspect)
        if prepared is None:
            return None
        grey, geometry = prepared
        image = network_input(grey, settings)
        try:
            maps = self._look(checkpoint.name, image)
        except torch.OutOfMemoryError:
            maps = self._on_processor(checkpoint.name)._look_inside(checkpoint.name, image)
        attention, supervised, difference = (
            tuple(geometry.inverse(values).clip(0, 1) for values in part) for part in maps
        )
        return Explanation(attention, supervised, difference[0])

    def _outputs(
        self, name: str, batches: Iterable[list[tuple]], short: set[str]
    ) -> Iterator[tuple[str, int, np.ndarray]]:
        """Plane, index and probability (H, W) for each (plane, index, grey, geometry)."""
        settings = self.checkpoints[name].config.preprocessing
        for batch in batches:
            images = np.stack([network_input(grey, settings) for _, _, grey, _ in batch])
            outputs = self._run_in_memory(name, images, short)
            for (plane, index, _, geometry), output in zip(batch, outputs):
                yield plane, index, geometry.inverse(output)

    def _run_in_memory(self, name: str, images: np.ndarray, short: set[str]) -> np.ndarray:
        """As ``_forward``. If the GPU runs out of memory, the batch is halved. If one slice is too
        large, it and the rest run on the processor, and ``short`` gets a notice."""
        if ON_PROCESSOR in short:
            return np.concatenate(
                [self._on_processor(name)._forward(name, i[None]) for i in images]
            )
        try:
            return self._run(name, images)
        except torch.OutOfMemoryError:
            if len(images) == 1:
                short.add(ON_PROCESSOR)
        # Outside the handler: its traceback keeps the failed tensors in memory.
        halves = np.array_split(images, min(2, len(images)))
        return np.concatenate([self._run_in_memory(name, half, short) for half in halves])

    def _on_processor(self, name: str) -> "Segmenter":
        """The checkpoint ``name`` copied to the processor, once; the GPU keeps its own."""
        if name not in self._spares:
            checkpoint = self.checkpoints[name]
            network = checkpoint.config.build()
            network.load_state_dict(checkpoint.network.state_dict())
            spare = replace(checkpoint, network=network.eval())
            self._spares[name] = Segmenter([spare], "cpu")
        return self._spares[name]

    def _look_inside(self, name: str, image: np.ndarray) -> tuple[np.ndarray, ...]:
        """Attention maps (L, S, S), supervised probabilities (K, S, S) and mirror difference
        (1, S, S) of a standardised ``image`` (C, S, S)."""
        checkpoint = self.checkpoints[name]
        network, temperature = checkpoint.network, checkpoint.config.temperature
        rotations = rotations_of(checkpoint.config)
        upright = torch.from_numpy(image)[None].to(self.device)
        batch = torch.cat([rotated(upright, rotations), upright.flip(-1)])
        batch = batch.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), self._autocast():
            if isinstance(network, AttentionUNet):
                logits, maps = network.forward_with_attention(batch)
                attention = torch.cat(maps, dim=1)[0]
            else:
                logits = network(batch)
                attention = logits.new_empty(0, *image.shape[1:])
        probability = torch.sigmoid(logits.float())
        upright_outputs = rotated_back(probability[:-1], rotations)[:, 0]
        supervised = calibrate(upright_outputs.mean(0), temperature)
        pair = torch.stack([upright_outputs[0, -1:], probability[-1, -1:].flip(-1)])
        difference = calibrate(pair, temperature).diff(dim=0)[0].abs()
        return tuple(part.float().cpu().numpy() for part in (attention, supervised, difference))

    def _features(self, name: str, images: list[np.ndarray]) -> np.ndarray:
        """(N, F): the encoder's last features of ``images``, each (C, S, S), averaged over each."""
        pooled = [self._pool(name, image[None]) for image in images]
        return np.concatenate(pooled) if pooled else np.empty((0, 1), np.float32)

    def _pool_features(self, name: str, images: np.ndarray) -> np.ndarray:
        """``_features`` of ``images`` (N, C, S, S)."""
        batch = torch.from_numpy(images).to(self.device, memory_format=torch.channels_last)
        with torch.inference_mode(), self._autocast():
            last = self.checkpoints[name].network.features(batch)[-1]
        return last.float().mean((2, 3)).cpu().numpy()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._has_bf16())

    def _forward(self, name: str, images: np.ndarray) -> np.ndarray:
        """Probabilities (N, S, S) of standardised ``images`` (N, C, S, S): the one forward pass."""
        checkpoint = self.checkpoints[name]
        rotations = rotations_of(checkpoint.config)
        batch = rotated(torch.from_numpy(images).to(self.device), rotations)
        with torch.inference_mode(), self._autocast():
            logits = checkpoint.network(batch.contiguous(memory_format=torch.channels_last))
        probability = rotated_back(torch.sigmoid(logits[:, -1:].float()), rotations).mean(0)[:, 0]
        return calibrate(probability, checkpoint.config.temperature).cpu().numpy()

    def _has_bf16(self) -> bool:
        if self.device.type == "cuda":
            return torch.cuda.is_bf16_supported()
        return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def _notices(slices: int, with_tissue: int, lettered: int) -> Iterator[str]:
    if with_tissue < slices:
        left_out = f"{slices - with_tissue} of {slices} slices contain no tissue and were skipped."
        yield NO_TISSUE if slices == 1 else left_out
    if lettered:
        yield LETTERS if slices == 1 else f"{LETTERS} This concerns {lettered} of {slices} slices."
