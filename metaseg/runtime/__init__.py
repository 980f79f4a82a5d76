"""What runs a network: OpenVINO on processors, PyTorch on GPUs and where OpenVINO cannot."""

import logging
import os
import sys
from pathlib import Path
from typing import Protocol

import numpy as np

from metaseg.checkpoint import Checkpoint
from metaseg.errors import InputError
from metaseg.zero_gpu import LENDS_GPU

LIBRARIES = OPENVINO, PYTORCH = "openvino", "pytorch"
VARIABLE = "METASEG_RUNTIME"
SLOWER = "OpenVINO cannot run here, so PyTorch segmented this scan, which takes longer."
log = logging.getLogger(__name__)

# OpenVINO reports every import to its makers. A module that is None cannot be imported, and
# OpenVINO does without.
sys.modules.setdefault("openvino_telemetry", None)


class Runtime(Protocol):
    """One checkpoint's network, ready to run; not for two threads at once."""

    name: str
    """What runs it, for people: library, version, precision and device."""
    batch: int
    """How many slices to give it at a time."""

    def run(
        self, images: np.ndarray, mirrored: bool, notices: set[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of standardised ``images`` (N, C, S, S) float32: the calibrated probabilities (N, S, S),
        the mean over each image and its mirror image if ``mirrored``, and the encoder's last
        features (N, F), pooled over each image as it is. ``notices`` receives what a reader of the
        result should know."""
        ...


def choose_device(wanted: str | None) -> str:
    """``wanted``, or what METASEG_DEVICE says, or ``cuda`` where there is a GPU, or ``cpu``.

    Raises InputError if the device does not exist.
    """
    wanted = wanted or os.environ.get("METASEG_DEVICE")
    if wanted == "cpu" or (not wanted and not _may_have_gpu()):
        return "cpu"
    import torch  # late, because it takes seconds and OpenVINO does without

    device = wanted or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f'There is no device "{wanted}" here: use cpu or cuda.') from error
    return device


def _may_have_gpu() -> bool:
    if not sys.platform.startswith("linux") or LENDS_GPU:
        return True
    # NVIDIA's driver, AMD's, and that of Windows below a Linux.
    return any(Path("/dev").glob("nvidia*")) or any(map(os.path.exists, ("/dev/kfd", "/dev/dxg")))


def choose_library(wanted: str | None, device: str) -> str:
    """``wanted``, or what METASEG_RUNTIME says, or OpenVINO, which is for processors alone.

    Raises InputError for another.
    """
    wanted = wanted or os.environ.get(VARIABLE) or OPENVINO
    if wanted not in LIBRARIES:
        raise InputError(f'There is no runtime "{wanted}": use {OPENVINO} or {PYTORCH}.')
    return PYTORCH if device != "cpu" or LENDS_GPU else wanted


def open_runtime(checkpoint: Checkpoint, device: str, library: str) -> tuple[Runtime, str]:
    """The runtime of ``checkpoint``: PyTorch, with a notice, where OpenVINO is wanted and cannot
    run; the notice is empty otherwise."""
    notice = ""
    if library == OPENVINO:
        try:
            from metaseg.runtime.openvino import OpenVINO

            return OpenVINO(checkpoint), ""
        except Exception as error:  # it has none of its own, and may be missing or too old
            log.warning("PyTorch runs %s, OpenVINO cannot: %s", checkpoint.name, _first_line(error))
            notice = SLOWER
    from metaseg.runtime.pytorch import PyTorch

    return PyTorch(checkpoint, device), notice


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
