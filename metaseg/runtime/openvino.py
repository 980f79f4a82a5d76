"""OpenVINO as a runtime: the fastest on processors, in bf16 where they have it."""

import numpy as np
import openvino
from scipy.special import expit

from metaseg.augmented import calibrate, rotations_of
from metaseg.checkpoint import Checkpoint
from metaseg.runtime.exports import exported
from metaseg.runtime.threads import threads


class OpenVINO:
    """One checkpoint's network, compiled for this processor.

    The rotations of a slice run side by side, each on threads of its own: together they would
    leave half of a second core idle (docs/performance.md). Raises whatever OpenVINO raises where it
    cannot convert or compile the network.
    """

    batch = 1

    def __init__(self, checkpoint: Checkpoint):
        self._rotations = rotations_of(checkpoint.config)
        self._temperature = checkpoint.config.temperature
        core = openvino.Core()
        has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        options = {
            "INFERENCE_PRECISION_HINT": "bf16" if has_bf16 else "f32",
            "INFERENCE_NUM_THREADS": threads(),
            "NUM_STREAMS": min(threads(), len(self._rotations)),
            # Processes that share a machine would all be pinned to the same cores.
            "ENABLE_CPU_PINNING": False,
        }
        compiled = core.compile_model(exported(core, checkpoint), "CPU", options)
        self._requests = [compiled.create_infer_request() for _ in self._rotations]
        version = openvino.__version__.partition("-")[0]
        self.name = f"OpenVINO {version}, {'bf16' if has_bf16 else 'fp32'}, cpu"

    def run(self, images: np.ndarray, notices: set[str]) -> tuple[np.ndarray, np.ndarray]:
        """As ``Runtime.run``."""
        probabilities, features = zip(*map(self._run_one, images))
        return np.stack(probabilities), np.stack(features)

    def _run_one(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        turned = [np.ascontiguousarray(np.rot90(image, k, (1, 2)))[None] for k in self._rotations]
        for request, rotated in zip(self._requests, turned):
            request.start_async([rotated], share_inputs=True)
        for request in self._requests:
            request.wait()
        logits = [request.get_output_tensor(0).data[0] for request in self._requests]
        answers = [np.rot90(expit(part), -k) for part, k in zip(logits, self._rotations)]
        features = self._requests[0].get_output_tensor(1).data[0].copy()
        return calibrate(np.mean(answers, axis=0), self._temperature), features
