"""OpenVINO as a runtime: the fastest on processors, in bf16 where they have it.

The encoder stays in float32. In bf16 its errors add up to a bias, which made the Nested U-Net's
masks one percent smaller, and it is hardly faster; the decoder's errors are a tenth of that, and
bf16 makes it three times as fast.
"""

import numpy as np
import openvino
from scipy.special import expit

from metaseg.augmented import calibrate, rotations_of
from metaseg.checkpoint import Checkpoint
from metaseg.runtime.exports import DECODER, ENCODER, exported
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

        def requests_of(part: str, precision: str) -> list[openvino.InferRequest]:
            options = {
                "INFERENCE_PRECISION_HINT": precision,
                "INFERENCE_NUM_THREADS": threads(),
                "NUM_STREAMS": min(threads(), len(self._rotations)),
                # Processes that share a machine would all be pinned to the same cores.
                "ENABLE_CPU_PINNING": False,
            }
            compiled = core.compile_model(exported(core, checkpoint, part), "CPU", options)
            return [compiled.create_infer_request() for _ in self._rotations]

        self._encoders = requests_of(ENCODER, "f32")
        self._decoders = requests_of(DECODER, "bf16" if has_bf16 else "f32")
        version = openvino.__version__.partition("-")[0]
        self.name = f"OpenVINO {version}, {'bf16' if has_bf16 else 'fp32'}, cpu"

    def run(self, images: np.ndarray, notices: set[str]) -> tuple[np.ndarray, np.ndarray]:
        """As ``Runtime.run``."""
        probabilities, features = zip(*map(self._run_one, images))
        return np.stack(probabilities), np.stack(features)

    def _run_one(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        turned = [np.ascontiguousarray(np.rot90(image, k, (1, 2)))[None] for k in self._rotations]
        for encoder, rotated in zip(self._encoders, turned):
            encoder.start_async([rotated], share_inputs=True)
        for encoder, decoder in zip(self._encoders, self._decoders):
            encoder.wait()
            *features, _ = encoder.output_tensors
            for number, feature in enumerate(features):
                decoder.set_input_tensor(number, feature)
            decoder.start_async()
        for decoder in self._decoders:
            decoder.wait()
        logits = [decoder.get_output_tensor(0).data[0] for decoder in self._decoders]
        answers = [np.rot90(expit(part), -k) for part, k in zip(logits, self._rotations)]
        pooled = self._encoders[0].output_tensors[-1].data[0].copy()
        return calibrate(np.mean(answers, axis=0), self._temperature), pooled
