"""Scan in, prediction out: the one road of demo, API, command line and evaluation."""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.functional import interpolate

from metaseg.checkpoint import Checkpoint, Config
from metaseg.errors import InputError
from metaseg.lesions import reaches
from metaseg.models import AttentionUNet, build_network
from metaseg.preprocess import enhance, prepare, standardise, to_grey_levels
from metaseg.scan import Scan
from metaseg.zero_gpu import lend_gpu

CUDA_BATCH = 16
ON_PROCESSOR = (
    "The GPU's memory was too short for this scan, so the processor did it, which takes longer."
)
NO_TISSUE = "No tissue was found in this slice, so nothing was looked for in it."


Look = tuple[int, bool]
"""A way to see a slice: the quarter turns, counter-clockwise, after mirroring it or not."""
MIRRORED: Look = (0, True)


@dataclass(frozen=True)
class Prediction:
    """What a network says of a scan. Everything else is a function of it; none runs it again."""

    probability: np.ndarray
    """(D, H, W) float32 in [0, 1], in the scan's own grid."""
    model: str
    """The checkpoint's name, for example ``attention_unet``."""
    title: str
    """What people read, for example «Attention U-Net»."""
    revision: str
    seconds: float
    notices: tuple[str, ...] = ()

    def mask(self, threshold: float) -> np.ndarray:
        """(D, H, W) bool: where the probability reaches ``threshold`` and is not zero."""
        return reaches(self.probability, threshold)


@dataclass(frozen=True)
class Explanation:
    """What a network did inside for one slice. All maps are (H, W) float32 in [0, 1], in the
    slice's own grid."""

    attention: tuple[np.ndarray, ...]
    """The attention gates' maps from the finest on; empty for networks without gates."""
    supervised: tuple[np.ndarray, ...]
    """The probabilities of the supervised outputs, coarse to fine; the last is the prediction."""
    mirror_difference: np.ndarray
    """How far the probability of a single look moves when the slice is mirrored, left for right."""


class Segmenter:
    """Holds checkpoints on a device and segments scans with them."""

    def __init__(self, checkpoints: Iterable[Checkpoint], device: str | None = None):
        """``device`` is ``cpu`` or ``cuda``; None asks METASEG_DEVICE, then takes a GPU if any.

        InputError where the device does not exist.
        """
        wanted = device or os.environ.get("METASEG_DEVICE")
        try:
            self.device = torch.device(wanted or ("cuda" if torch.cuda.is_available() else "cpu"))
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"There is no device «{wanted}» here: use cpu or cuda.") from error
        self.checkpoints = {checkpoint.name: checkpoint for checkpoint in checkpoints}
        for checkpoint in self.checkpoints.values():
            checkpoint.network.to(self.device, memory_format=torch.channels_last)
        self._spares: dict[str, Segmenter] = {}
        self._run = lend_gpu(self._forward)
        self._look = lend_gpu(self._look_inside)

    @property
    def titles(self) -> dict[str, str]:
        """Title by checkpoint name, in the order given."""
        return {name: checkpoint.config.title for name, checkpoint in self.checkpoints.items()}

    def find(self, model: str) -> Checkpoint:
        """The checkpoint whose name or title is ``model``; InputError names those there are."""
        for name, title in self.titles.items():
            if model in (name, title):
                return self.checkpoints[name]
        known = ", ".join(f"«{title}»" for title in self.titles.values())
        raise InputError(f"There is no model «{model}»: choose one of {known}.")

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
        tissue are not shown to the network: their probability is zero, and a notice says so.
        """
        checkpoint = self.find(model)
        started = time.perf_counter()
        settings = checkpoint.config.preprocessing
        probability = np.zeros(scan.voxels.shape, np.float32)
        inputs = []
        for index, voxels in enumerate(scan.voxels):
            levels = to_grey_levels(voxels, scan.eight_bit, settings)
            prepared = prepare(levels, settings, scan.aspect)
            if prepared is not None:
                inputs.append((index, *prepared))
        size = CUDA_BATCH if self.device.type == "cuda" else 1
        batches = [inputs[start : start + size] for start in range(0, len(inputs), size)]
        short: set[str] = set()
        for batch in progress(batches):
            images = np.stack([standardise(levels, settings) for _, levels, _ in batch])
            outputs = self._run_in_memory(checkpoint.name, images, short)
            for (index, _, geometry), output in zip(batch, outputs):
                probability[index] = geometry.inverse(output)
        return Prediction(
            probability.clip(0, 1),
            checkpoint.name,
            checkpoint.config.title,
            checkpoint.revision,
            time.perf_counter() - started,
            (*scan.notices, *_notices(len(scan.voxels), len(scan.voxels) - len(inputs)), *short),
        )

    def explain(self, scan: Scan, model: str) -> Explanation | None:
        """What the network ``model`` did inside for ``scan``, one slice; None without tissue.

        One more forward pass, of the slice, its mirror image and whatever else the config wants.
        """
        checkpoint = self.find(model)
        settings = checkpoint.config.preprocessing
        levels = to_grey_levels(scan.voxels[0], scan.eight_bit, settings)
        prepared = prepare(levels, settings, scan.aspect)
        if prepared is None:
            return None
        levels, geometry = prepared
        image = standardise(levels, settings)
        try:
            maps = self._look(checkpoint.name, image)
        except torch.OutOfMemoryError:
            maps = self._on_processor(checkpoint.name)._look_inside(checkpoint.name, image)
        attention, supervised, difference = (
            tuple(geometry.inverse(values).clip(0, 1) for values in part) for part in maps
        )
        return Explanation(attention, supervised, difference[0])

    def _run_in_memory(self, name: str, images: np.ndarray, short: set[str]) -> np.ndarray:
        """As ``_forward``. Where the GPU's memory is short, in halves; where one slice is too much,
        it and all that follow on the processor, and ``short`` gets a notice."""
        if ON_PROCESSOR in short:
            return np.concatenate(
                [self._on_processor(name)._forward(name, i[None]) for i in images]
            )
        try:
            return self._run(name, images)
        except torch.OutOfMemoryError:
            if len(images) == 1:
                short.add(ON_PROCESSOR)
        # Outside the handler, whose traceback holds the memory of what failed.
        halves = np.array_split(images, min(2, len(images)))
        return np.concatenate([self._run_in_memory(name, half, short) for half in halves])

    def _on_processor(self, name: str) -> "Segmenter":
        """The checkpoint ``name`` copied to the processor, once; the GPU keeps its own."""
        if name not in self._spares:
            checkpoint = self.checkpoints[name]
            config = checkpoint.config
            network = build_network(config.architecture, config.encoder, config.decoder_channels)
            network.load_state_dict(checkpoint.network.state_dict())
            spare = replace(checkpoint, network=network.eval())
            self._spares[name] = Segmenter([spare], "cpu")
        return self._spares[name]

    def _look_inside(self, name: str, image: np.ndarray) -> tuple[np.ndarray, ...]:
        """Attention maps (L, S, S), supervised probabilities (K, S, S) and mirror difference
        (1, S, S) of a standardised ``image`` (S, S)."""
        checkpoint = self.checkpoints[name]
        network = checkpoint.network
        wanted = _looks(checkpoint.config)
        looks = list(dict.fromkeys([*wanted, MIRRORED]))
        batch = self._to_batch(image[None], looks)
        with torch.inference_mode(), self._autocast():
            if isinstance(network, AttentionUNet):
                logits, maps = network.forward_with_attention(batch)
                attention = torch.cat(maps, dim=1)[0]
            else:
                logits = network(batch)
                attention = logits.new_empty(0, *image.shape)
            answers = _turn_back(_probability(checkpoint, batch, logits), looks)[:, 0]
        temperature = checkpoint.config.temperature
        supervised = _calibrate(answers[: len(wanted)].mean(0), temperature)
        seen, mirrored = _calibrate(answers[[0, looks.index(MIRRORED)], -1:], temperature)
        difference = (seen - mirrored).abs()
        return tuple(part.float().cpu().numpy() for part in (attention, supervised, difference))

    def _to_batch(self, images: np.ndarray, looks: list[Look]) -> torch.Tensor:
        """``images`` (N, S, S) on the device as (L * N, 1, S, S), all in the first look, then in
        the next."""
        batch = torch.from_numpy(images)[:, None].to(self.device)
        views = [(batch.flip(-1) if mirrored else batch).rot90(k, (2, 3)) for k, mirrored in looks]
        return torch.cat(views).contiguous(memory_format=torch.channels_last)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._has_bf16())

    def _forward(self, name: str, images: np.ndarray) -> np.ndarray:
        """Probabilities (N, S, S) of standardised ``images`` (N, S, S): the one forward pass."""
        checkpoint = self.checkpoints[name]
        looks = _looks(checkpoint.config)
        batch = self._to_batch(images, looks)
        with torch.inference_mode(), self._autocast():
            answers = _probability(checkpoint, batch, checkpoint.network(batch))
        probability = _turn_back(answers[:, -1:], looks).mean(0)[:, 0]
        return _calibrate(probability, checkpoint.config.temperature).cpu().numpy()

    def _has_bf16(self) -> bool:
        if self.device.type == "cuda":
            return torch.cuda.is_bf16_supported()
        return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def _looks(config: Config) -> list[Look]:
    """In which ways ``config`` wants a slice to be seen; first as it is."""
    turns, mirrored = range(4 if config.turned else 1), (False, True)[: 1 + config.mirror]
    return [(k, mirror) for k in turns for mirror in mirrored]


def _turn_back(answers: torch.Tensor, looks: list[Look]) -> torch.Tensor:
    """``answers`` (L * N, K, S, S) to a batch of ``looks`` as (L, N, K, S, S), all upright."""
    upright = []
    for answer, (k, mirrored) in zip(answers.chunk(len(looks)), looks):
        answer = answer.rot90(-k, (2, 3))
        upright.append(answer.flip(-1) if mirrored else answer)
    return torch.stack(upright)


def _probability(checkpoint: Checkpoint, batch: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Probabilities (N, K, S, S) of the network's K outputs for ``batch`` (N, 1, S, S), of which it
    said ``logits``, before calibration; it is asked once more where the config wants it enlarged.
    """
    config = checkpoint.config
    probability = torch.sigmoid(logits.float())
    if config.enlarge != 1:
        larger = interpolate(batch, scale_factor=config.enlarge, mode="bilinear")
        again = torch.sigmoid(checkpoint.network(larger).float())
        probability = (probability + interpolate(again, batch.shape[-2:], mode="bilinear")) / 2
    return probability


def _calibrate(probability: torch.Tensor, temperature: float) -> torch.Tensor:
    """``probability`` under ``temperature``, which was fitted on the mean of all views."""
    if temperature == 1:
        return probability
    return torch.sigmoid(torch.logit(probability, eps=1e-6) / temperature)


def _notices(slices: int, without_tissue: int) -> tuple[str, ...]:
    if without_tissue == 0:
        return ()
    if slices == 1:
        return (NO_TISSUE,)
    return (f"{without_tissue} of {slices} slices hold no tissue and were left out.",)


def take_slice(scan: Scan, index: int | None) -> tuple[Scan, int]:
    """One slice of ``scan`` as a Scan of its own, and its index; None is the middle one.

    InputError where the scan has no such slice.
    """
    depth = len(scan.voxels)
    if index is None:
        index = depth // 2
    number = isinstance(index, int | float) and not isinstance(index, bool)
    if not number or not float(index).is_integer():
        raise InputError(f"The slice index must be a whole number from 0 to {depth - 1}.")
    index = int(index)
    if not 0 <= index < depth:
        raise InputError(
            f"There is no slice {index}: {scan.name} has {depth}, counted from 0 to {depth - 1}."
        )
    affine = scan.affine
    if affine is not None:
        affine = affine.copy()
        affine[:3, 3] += index * affine[:3, 2]
    sources = scan.sources if depth == 1 else ()
    one = scan.voxels[index : index + 1]
    return replace(scan, voxels=one, affine=affine, sources=sources), index


def check_threshold(threshold: object) -> float:
    """``threshold`` as a float; InputError unless it is a number from 0 to 1."""
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise InputError("The threshold must be a number from 0 to 1.")
    if not 0 <= threshold <= 1:
        raise InputError(f"The threshold {threshold:g} is outside 0 to 1: choose one between.")
    return float(threshold)
