"""PyTorch as a runtime: on GPUs, where OpenVINO cannot run, and to look inside a network."""

from functools import cached_property

import numpy as np
import torch

from metaseg.calibration import calibrate
from metaseg.checkpoint import Checkpoint
from metaseg.models import AttentionUNet, Network
from metaseg.zero_gpu import lend_gpu

CUDA_BATCH = 16
ON_PROCESSOR = (
    "The GPU ran out of memory, so the processor segmented this scan, which takes longer."
)

Maps = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Attention maps (L, S, S), supervised probabilities (K, S, S) and mirror difference (1, S, S)."""


class PyTorch:
    """One checkpoint's network on a device, in bf16 where the device has it."""

    def __init__(self, checkpoint: Checkpoint, device: str, network: Network | None = None):
        self.checkpoint = checkpoint
        self.device = torch.device(device)
        self.network = (network or checkpoint.network).to(
            self.device, memory_format=torch.channels_last
        )
        self.batch = CUDA_BATCH if self.device.type == "cuda" else 1
        precision = "bf16" if has_bf16(self.device) else "fp32"
        self.name = f"PyTorch {torch.__version__.partition('+')[0]}, {precision}, {device}"
        self._run = lend_gpu(self._forward)
        self._look = lend_gpu(self._look_inside)

    def run(
        self, images: np.ndarray, mirrored: bool, notices: set[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """As ``Runtime.run``. If the GPU runs out of memory, the batch is halved. If one slice is
        too large, it and the rest run on the processor, and ``notices`` says so."""
        if ON_PROCESSOR in notices:
            parts = [self._spare._forward(image[None], mirrored) for image in images]
            return _joined(parts)
        try:
            return self._run(images, mirrored)
        except torch.OutOfMemoryError:
            if len(images) == 1:
                notices.add(ON_PROCESSOR)
        # Outside the handler: its traceback keeps the failed tensors in memory.
        halves = np.array_split(images, min(2, len(images)))
        return _joined([self.run(half, mirrored, notices) for half in halves])

    def look_inside(self, image: np.ndarray) -> Maps:
        """What one forward pass shows of a standardised ``image`` (C, S, S) and of its mirror
        image."""
        try:
            return self._look(image)
        except torch.OutOfMemoryError:
            return self._spare._look_inside(image)

    @cached_property
    def _spare(self) -> "PyTorch":
        """The same network on the processor; the GPU keeps its own."""
        copy = self.checkpoint.config.build()
        copy.load_state_dict(self.network.state_dict())
        return PyTorch(self.checkpoint, "cpu", copy.eval())

    def _forward(self, images: np.ndarray, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
        batch = torch.from_numpy(images).to(self.device)
        if mirrored:
            batch = torch.cat([batch, batch.flip(-1)])
        batch = batch.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), self._autocast():
            logits, last = self.network.forward_with_features(batch)
        upright, *others = torch.sigmoid(logits[:, -1].float()).split(len(images))
        mean = torch.stack([upright, *(part.flip(-1) for part in others)]).mean(0).cpu().numpy()
        pooled = self.network.pool(last[: len(images)].float()).cpu().numpy()
        return calibrate(mean, self.checkpoint.config.temperature), pooled

    def _look_inside(self, image: np.ndarray) -> Maps:
        upright = torch.from_numpy(image)[None].to(self.device)
        batch = torch.cat([upright, upright.flip(-1)])
        batch = batch.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), self._autocast():
            if isinstance(self.network, AttentionUNet):
                logits, maps = self.network.forward_with_attention(batch)
                attention = torch.cat(maps, dim=1)[0]
            else:
                logits = self.network(batch)
                attention = logits.new_empty(0, *image.shape[1:])
        one, other = torch.sigmoid(logits.float())
        pair = torch.stack([one, other.flip(-1)]).cpu().numpy()
        temperature = self.checkpoint.config.temperature
        mean = pair.mean(0) if self.checkpoint.config.mirrored else pair[0]
        difference = np.abs(np.subtract(*calibrate(pair[:, -1:], temperature)))
        return attention.float().cpu().numpy(), calibrate(mean, temperature), difference

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=has_bf16(self.device))


def has_bf16(device: torch.device) -> bool:
    """Whether ``device`` computes in bf16; others only imitate it, slowly."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    probabilities, features = zip(*parts)
    return np.concatenate(probabilities), np.concatenate(features)
