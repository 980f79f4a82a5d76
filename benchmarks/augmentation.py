"""What test-time augmentation is worth: one, two, four and eight views of each validation slice.

python benchmarks/augmentation.py DATA... [--model NAME] [--every N]

One view is the slice as it is; two add its mirror image; four are its rotations by 90 degrees, as
``rotations`` in a checkpoint's config means; eight mirror these as well. Every N-th validation
slice is segmented as it is and altered as users may send it. Prints a Markdown table for each
network: Dice on slices with a lesion, lesions found, false positives per slice, and the mean and
the worst drop of Dice over the alterations. Thresholds and temperatures are those of the
checkpoint, fitted on four views.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import openvino
from scipy.special import expit
from tables import table
from tqdm import tqdm

from metaseg.augmented import calibrate
from metaseg.checkpoint import Checkpoint
from metaseg.data.case import read_case
from metaseg.data.cases import cases_of_split, hold_out_validation
from metaseg.evaluation.lesionwise import match_lesions
from metaseg.evaluation.perturbations import perturbations
from metaseg.hub.resolve import load_models
from metaseg.metrics import Counts
from metaseg.prediction import reaches
from metaseg.preprocess import grey_slices, network_input, prepare
from metaseg.runtime.exports import DECODER, ENCODER, exported
from metaseg.runtime.threads import threads

VIEWS = [(turns, mirrored) for mirrored in (False, True) for turns in range(4)]
SETS = {1: [0], 2: [0, 4], 4: [0, 1, 2, 3], 8: list(range(8))}
"""Which of ``VIEWS`` are averaged, by their number."""


class Viewer:
    """A network that answers each of the eight views of a slice."""

    def __init__(self, checkpoint: Checkpoint):
        self.config = checkpoint.config
        core = openvino.Core()
        options = {"INFERENCE_NUM_THREADS": threads(), "NUM_STREAMS": min(threads(), len(VIEWS))}
        encoder, decoder = (
            core.compile_model(exported(core, checkpoint, part), "CPU", options)
            for part in (ENCODER, DECODER)
        )
        self.encoders = [encoder.create_infer_request() for _ in VIEWS]
        self.decoders = [decoder.create_infer_request() for _ in VIEWS]

    def masks(self, grey: np.ndarray) -> dict[int, np.ndarray]:
        """Masks (H, W) of ``grey`` (H, W) uint8, by the number of views averaged."""
        settings = self.config.preprocessing
        prepared = prepare(grey, settings)
        if prepared is None:
            return {count: np.zeros(grey.shape, bool) for count in SETS}
        image = network_input(prepared[0], settings)
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
        masks = {}
        for count, chosen in SETS.items():
            mean = np.mean([answers[view] for view in chosen], axis=0)
            probability = prepared[1].inverse(calibrate(mean, self.config.temperature))
            masks[count] = reaches(probability, self.config.threshold)
        return masks


def measure(viewer: Viewer, slices: list[tuple[np.ndarray, np.ndarray]]) -> list[list[str]]:
    """Rows of the table for ``slices``, each grey (H, W) uint8 and its mask."""
    changes = perturbations(viewer.config.preprocessing)
    dice: dict[int, list[float]] = defaultdict(list)
    changed: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    found: dict[int, list[bool]] = defaultdict(list)
    false: dict[int, int] = defaultdict(int)
    for grey, truth in tqdm(slices, unit="slice"):
        plain = {}
        for count, mask in viewer.masks(grey).items():
            matched = match_lesions(mask, truth)
            found[count] += matched.found.tolist()
            false[count] += matched.false_positives
            if truth.any():
                plain[count] = Counts.of(mask, truth).dice
                dice[count].append(plain[count])
        if not truth.any():
            continue
        for name, change in changes.items():
            if (altered := change(grey, truth)) is not None:
                for count, mask in viewer.masks(altered[0]).items():
                    drop = plain[count] - Counts.of(mask, altered[1]).dice
                    changed[count][name].append(drop)
    rows = []
    for count in SETS:
        drops = {name: float(np.mean(values)) for name, values in changed[count].items()}
        worst = max(drops, key=drops.__getitem__)
        rows.append(
            [
                str(count),
                f"{np.mean(dice[count]):.4f}",
                f"{np.mean(found[count]):.3f}",
                f"{false[count] / len(slices):.3f}",
                f"{np.mean(list(drops.values())):.4f}",
                f"{drops[worst]:.4f} ({worst})",
            ]
        )
    return rows


def main() -> None:
    """Measure each network and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", type=Path, help="data folders")
    parser.add_argument("--model", action="append", default=[], help="default: all shipped")
    parser.add_argument("--every", type=int, default=1, help="take every N-th slice")
    options = parser.parse_args()
    for checkpoint in load_models(options.model):
        settings = checkpoint.config.training.get("config", {})
        _, validation = hold_out_validation(
            cases_of_split(options.data, "train", None),
            settings.get("validation_share", 0.1),
            settings.get("validation_by", "group"),
        )
        slices = []
        for case in validation[:: options.every]:
            scan, truth = read_case(case)
            greys = list(grey_slices(scan, checkpoint.config.preprocessing))
            slices.append((greys[len(greys) // 2], truth[len(greys) // 2]))
        lesions = sum(truth.any() for _, truth in slices)
        print(f"{checkpoint.config.title}, {len(slices)} slices, {lesions} of them with a lesion\n")
        head = ["views", "Dice", "lesions found", "false positives per slice", "mean drop", "worst"]
        print(table(head, measure(Viewer(checkpoint), slices)))


if __name__ == "__main__":
    main()
