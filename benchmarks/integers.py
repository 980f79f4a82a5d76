"""What 8-bit integers cost and gain: networks quantised by NNCF against float32, in OpenVINO.

pip install nncf==3.4.0
python benchmarks/integers.py DATA... [--model NAME] [--slices N]

Encoder and decoder are calibrated on training slices; N validation slices are compared, one view
each. Prints a Markdown table for each network: mean Dice on slices with a lesion, the Dice of all
masks with those in float32, and the median time of one thread.
"""

import argparse
import time
from pathlib import Path

import nncf  # pyright: ignore[reportMissingImports]
import numpy as np
import openvino
from scipy.special import logit
from tables import table

from metaseg.checkpoint import Checkpoint
from metaseg.data.case import Case, read_case
from metaseg.data.cases import cases_of_split
from metaseg.data.record import hold_out_as
from metaseg.hub.resolve import load_models
from metaseg.metrics import Counts
from metaseg.preprocess import grey_slices, network_input, prepare
from metaseg.runtime.exports import DECODER, ENCODER, exported
from metaseg.scan import take_slice

CALIBRATION = 150
"""Training slices from which NNCF takes the ranges of the integers."""


class Chain:
    """Encoder and decoder on one thread."""

    def __init__(self, encoder: openvino.Model, decoder: openvino.Model):
        options = {
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self.encoder, self.decoder = (
            openvino.Core().compile_model(model, "CPU", options) for model in (encoder, decoder)
        )

    def features(self, image: np.ndarray) -> list[np.ndarray]:
        """The decoder's inputs for ``image`` (1, C, S, S)."""
        return [np.array(output) for output in self.encoder(image).values()][:-1]

    def logits(self, image: np.ndarray) -> np.ndarray:
        """(S, S) for ``image`` (1, C, S, S)."""
        return self.decoder(self.features(image))[0].reshape(image.shape[-2:])


def slices_of(
    cases: list[Case], checkpoint: Checkpoint, most: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The network's input (1, C, S, S) and the mask (S, S) of ``most`` random cases' slices."""
    settings, made = checkpoint.config.preprocessing, []
    for number in np.random.default_rng(0).permutation(len(cases)):
        whole, truth = read_case(cases[number])
        scan, middle = take_slice(whole, None)
        grey = next(grey_slices(scan, settings))
        if (prepared := prepare(grey, settings, scan.aspect)) is not None:
            image = network_input(prepared[0], settings)[None]
            made.append((image, prepared[1].forward_mask(truth[middle])))
        if len(made) == most:
            break
    return made


def compare(checkpoint: Checkpoint, training: list[Case], validation: list[Case], most: int) -> str:
    """A Markdown table."""
    core = openvino.Core()
    plain = {part: exported(core, checkpoint, part) for part in (ENCODER, DECODER)}
    images = [image for image, _ in slices_of(training, checkpoint, CALIBRATION)]
    whole = Chain(plain[ENCODER], plain[DECODER])
    features = [whole.features(image) for image in images]
    small = {
        part: nncf.quantize(
            plain[part],
            nncf.Dataset(inputs),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(inputs),
        )
        for part, inputs in ((ENCODER, images), (DECODER, features))
    }
    config = checkpoint.config
    least = logit(config.threshold) * config.temperature
    slices = slices_of(validation, checkpoint, most)
    exact, rows = [], []
    for name, encoder, decoder in (
        ("float32", plain, plain),
        ("decoder in INT8", plain, small),
        ("encoder in INT8", small, plain),
        ("both in INT8", small, small),
    ):
        chain = Chain(encoder[ENCODER], decoder[DECODER])
        masks, seconds = [], []
        for image, _ in slices:
            started = time.perf_counter()
            masks.append(chain.logits(image) >= least)
            seconds.append(time.perf_counter() - started)
        exact = exact or masks
        dice = [
            Counts.of(mask, truth).dice for mask, (_, truth) in zip(masks, slices) if truth.any()
        ]
        same = sum((Counts.of(*pair) for pair in zip(masks, exact)), Counts(0, 0, 0)).dice
        rows.append(
            [name, f"{np.mean(dice):.4f}", f"{same:.4f}", f"{1000 * np.median(seconds):.1f} ms"]
        )
    columns = [config.title, "Dice", "agreement with float32", "time"]
    return f"{len(slices)} slices, {len(dice)} with a lesion\n\n{table(columns, rows)}"


def main() -> None:
    """Compare each network and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--slices", type=int, default=200)
    options = parser.parse_args()
    cases = cases_of_split(options.data, "train", None)
    for checkpoint in load_models(options.model):
        training, validation = hold_out_as(checkpoint.config.training, cases)
        print(compare(checkpoint, training, validation, options.slices), "\n")


if __name__ == "__main__":
    main()
