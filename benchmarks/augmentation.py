"""What test-time augmentation is worth: how many views of a slice to average.

python benchmarks/augmentation.py DATA... [--model NAME]

Every set of views gets the temperature and the thresholds that ``metaseg calibrate`` would choose
for it on the validation patients of the data folders: one threshold for all would favour few views,
because a mean of many needs a lower one. Prints a Markdown table for each network: Dice by patient;
sensitivity and false positives at the sensitive threshold; Dice on one slice of every second case
with a lesion, and how much lower it is, on average and at most, on copies altered as users may send
them.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import openvino
from scipy.special import expit
from tables import table
from tqdm import tqdm

from metaseg.calibration import calibrate
from metaseg.checkpoint import Checkpoint
from metaseg.data.case import Case, read_case
from metaseg.data.cases import cases_of_split
from metaseg.data.record import hold_out_as
from metaseg.evaluation.calibrate import Calibration, Outputs
from metaseg.evaluation.perturbations import perturbations
from metaseg.hub.resolve import load_models
from metaseg.metrics import Counts
from metaseg.prediction import Prediction, reaches
from metaseg.preprocess import brain_masks, grey_slices, network_input, prepare
from metaseg.runtime.exports import DECODER, ENCODER, exported
from metaseg.runtime.threads import threads
from metaseg.scan import Scan
from metaseg.synthesis.validation import slices_with_metastases

VIEWS = [(turns, mirrored) for mirrored in (False, True) for turns in range(4)]
SETS = {
    "1, as it is": [0],
    "2, with its mirror image": [0, 4],
    "2, with a quarter turn": [0, 1],
    "4, turned by 90 degrees": [0, 1, 2, 3],
    "4, mirrored and upside down": [0, 2, 4, 6],
    "8, all of these": list(range(8)),
}
"""Which of ``VIEWS`` are averaged, by their number."""
HEAD = [
    "views", "Dice by patient", "sensitivity", "false positives per slice", "calibration error",
    "Dice of a slice", "mean drop", "largest drop",
]  # fmt: skip


class Viewer:
    """A network that answers each of the eight views of a slice."""

    def __init__(self, checkpoint: Checkpoint):
        self.settings = checkpoint.config.preprocessing
        core = openvino.Core()
        options = {
            "INFERENCE_NUM_THREADS": threads(),
            "NUM_STREAMS": min(threads(), len(VIEWS)),
            "INFERENCE_PRECISION_HINT": "f32",
        }
        encoder, decoder = (
            core.compile_model(exported(core, checkpoint, part), "CPU", options)
            for part in (ENCODER, DECODER)
        )
        self.encoders = [encoder.create_infer_request() for _ in VIEWS]
        self.decoders = [decoder.create_infer_request() for _ in VIEWS]

    def look(self, grey: np.ndarray, aspect: float = 1.0) -> dict[str, np.ndarray]:
        """Mean probabilities (H, W) of ``grey`` (H, W) uint8 by each of SETS, uncalibrated."""
        prepared = prepare(grey, self.settings, aspect)
        if prepared is None:
            return {name: np.zeros(grey.shape, np.float32) for name in SETS}
        image = network_input(prepared[0], self.settings)
        for encoder, (turns, mirrored) in zip(self.encoders, VIEWS):
            view = np.rot90(image[..., ::-1] if mirrored else image, turns, (1, 2))
            encoder.start_async([np.ascontiguousarray(view)[None]])
        for encoder, decoder in zip(self.encoders, self.decoders):
            encoder.wait()
            for number, feature in enumerate(encoder.output_tensors[:-1]):
                decoder.set_input_tensor(number, feature)
            decoder.start_async()
        answers = []
        for decoder, (turns, mirrored) in zip(self.decoders, VIEWS):
            decoder.wait()
            upright = np.rot90(expit(decoder.get_output_tensor(0).data[0]), -turns)
            answers.append(upright[:, ::-1] if mirrored else upright)
        means = {name: np.mean([answers[v] for v in views], axis=0) for name, views in SETS.items()}
        return {name: prepared[1].inverse(mean).clip(0, 1) for name, mean in means.items()}


def look_at_cases(viewer: Viewer, cases: list[Case]) -> dict[str, Calibration]:
    """What is chosen for each of SETS on ``cases`` and on copies with synthetic metastases."""
    seen = {name: Outputs() for name in SETS}

    def look(case: Case, scan: Scan, truth: np.ndarray, brains: list | None = None) -> None:
        slices = [viewer.look(grey, scan.aspect) for grey in grey_slices(scan, viewer.settings)]
        for name, one in seen.items():
            probability = np.stack([means[name] for means in slices])
            one.add(case, Prediction(probability, name, name, "", 0), truth)
            if brains is not None:
                one.add_brain(case, probability, truth, brains)

    for case in tqdm(cases, unit="case"):
        scan, truth = read_case(case)
        look(case, scan, truth, brain_masks(scan, viewer.settings))
    made = list(slices_with_metastases(cases, viewer.settings))
    for one in tqdm(made, unit="slice"):
        look(*one)
    return {name: one.calibration(len(cases), len(made)) for name, one in seen.items()}


def slices_to_alter(viewer: Viewer, cases: list[Case]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The middle slice (H, W) uint8 of those with a lesion, and its mask, of every second case."""
    chosen = []
    for case in cases:
        scan, truth = read_case(case)
        shown = np.flatnonzero(truth.any(axis=(1, 2)))
        if len(shown):
            middle = int(shown[len(shown) // 2])
            grey = list(grey_slices(scan, viewer.settings))[middle]
            chosen.append((grey, truth[middle]))
    return chosen[::2]


def measure(checkpoint: Checkpoint, cases: list[Case]) -> list[list[str]]:
    """The table's rows for one network."""
    viewer = Viewer(checkpoint)
    chosen = look_at_cases(viewer, cases)

    def dice_of(grey: np.ndarray, truth: np.ndarray) -> dict[str, float]:
        return {
            name: Counts.of(reaches(calibrate(mean, one.temperature), one.threshold), truth).dice
            for mean, (name, one) in zip(viewer.look(grey).values(), chosen.items())
        }

    plain: dict[str, list[float]] = defaultdict(list)
    drops: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for grey, truth in tqdm(slices_to_alter(viewer, cases), unit="slice"):
        before = dice_of(grey, truth)
        for name, dice in before.items():
            plain[name].append(dice)
        for kind, change in perturbations(viewer.settings).items():
            if (altered := change(grey, truth)) is not None:
                for name, dice in dice_of(*altered).items():
                    drops[name][kind].append(before[name] - dice)
    rows = []
    for name, one in chosen.items():
        means = {kind: float(np.mean(values)) for kind, values in drops[name].items()}
        worst = max(means, key=means.__getitem__)
        found, false = one.sensitivity, one.false_positives_per_slice
        figures = one.group_dice, found, false, one.ece, np.mean(plain[name])
        rows.append([name, *(f"{np.nan if value is None else value:.4f}" for value in figures)])
        rows[-1] += [f"{np.mean(list(means.values())):.4f}", f"{means[worst]:.4f} ({worst})"]
    return rows


def main() -> None:
    """Measure each network and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", type=Path, help="data folders")
    parser.add_argument("--model", action="append", default=[], help="default: all shipped")
    options = parser.parse_args()
    for checkpoint in load_models(options.model):
        config = checkpoint.config
        _, validation = hold_out_as(config.training, cases_of_split(options.data, "train", None))
        print(f"{config.title}, {len(validation)} validation cases\n")
        print(table(HEAD, measure(checkpoint, validation)), flush=True)


if __name__ == "__main__":
    main()
