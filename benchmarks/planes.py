"""What other planes and mirror images are worth in a volume, and how many slices to see.

python benchmarks/planes.py DATA [--model NAME] [--every 2]

On the training patients of a data folder of isotropic volumes, at the networks' own thresholds.
Those that training held out weigh as much as all others. Prints a Markdown table for each network:
which slices are seen and how often, what that takes in a volume of 155 x 240 x 240, the best
growth, and both kinds of Dice with it.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from tables import table
from tqdm import tqdm

from metaseg.data.case import Case, read_case
from metaseg.data.cases import cases_of_split
from metaseg.data.record import hold_out_as
from metaseg.evaluation.volume_settings import GROWTHS, NONE, both_dice
from metaseg.hub.resolve import load_models
from metaseg.passes import Seen
from metaseg.prediction import Prediction
from metaseg.scan import Scan
from metaseg.scan.planes import PLANES, array_in_plane, in_plane, is_isotropic
from metaseg.segmenter import Segmenter

WAYS = [
    (mirrored, share, step)
    for mirrored, share, steps in ((1, 1, [0]), (1, 1 / 2, [3, 4, 6]), (0, 1 / 3, [1, 2, 3, 4, 6]))
    for step in steps
]
"""Whether mirror images of the volume's own slices are seen; the weight of the own plane; each how
manyth slice of the other two is seen, 0 for none."""
SHAPE = (155, 240, 240)
HEAD = ["mirror images", "other planes", "runs", "growth", "Dice", "lesion-wise Dice"]


def look(segmenter: Segmenter, name: str, scan: Scan, mirrored: bool) -> np.ndarray:
    """The probability (D, H, W) of each slice of ``scan`` alone."""
    seen = Seen(scan, segmenter.find(name).config.preprocessing)
    found = np.zeros(scan.voxels.shape, np.float32)
    runtime = segmenter.runtime(name)
    for _ in scan.voxels:
        for index, image, geometry in seen.next(1):
            output = runtime.run(image[None], mirrored, set())[0][0]
            found[index] = geometry.inverse(output).clip(0, 1)
    return found


def interpolated(step: int, probability: np.ndarray) -> np.ndarray:
    """``probability`` (D, H, W) if only one slice in ``step`` is seen."""
    seen = probability[::step]
    place = np.minimum(np.arange(len(probability)) / step, len(seen) - 1)
    before = place.astype(int)
    after = np.minimum(before + 1, len(seen) - 1)
    share = (place - before).astype(np.float32)[:, None, None]
    return (1 - share) * seen[before] + share * seen[after]


def means(segmenter: Segmenter, name: str, scan: Scan) -> Iterator[np.ndarray]:
    """The mean probability (D, H, W) in each of WAYS."""
    own = [look(segmenter, name, scan, mirrored) for mirrored in (False, True)]
    others = [in_plane(scan, plane) for plane in PLANES if plane != scan.plane]
    plain = [look(segmenter, name, cut, False) for cut in others]
    for mirrored, share, step in WAYS:
        mean = share * own[mirrored]
        for cut, probability in zip(others, plain if step else []):
            array_in_plane(mean, scan, cut.plane)[...] += (
                (1 - share) / 2 * interpolated(step, probability)
            )
        yield mean


def scores(segmenter: Segmenter, name: str, case: Case) -> np.ndarray | None:
    """Both kinds of Dice (WAYS, GROWTHS, 2); None unless the case is isotropic."""
    scan, truth = read_case(case)
    if not is_isotropic(scan):
        return None
    rows = []
    for mean in means(segmenter, name, scan):
        for growth in GROWTHS:
            prediction = Prediction(mean, name, name, "", 0, volume=replace(NONE, growth=growth))
            mask = prediction.mask(segmenter.threshold(name))
            rows.append(both_dice(mask, truth, scan.voxel_mm3 or 1.0))
    return np.reshape(rows, (len(WAYS), len(GROWTHS), 2))


def row(way: tuple[int, float, int], means: np.ndarray) -> list[str]:
    """What ``way`` scores with its best growth; ``means`` (GROWTHS, 2)."""
    mirrored, _, step = way
    depth, height, width = SHAPE
    runs = depth * (1 + mirrored) + (
        len(range(0, height, step)) + len(range(0, width, step)) if step else 0
    )
    best = int(means.mean(axis=1).argmax())
    ordinal = {0: "none", 1: "every slice"}.get(step, f"one slice in {step}")
    dice, lesion_wise = (f"{value:.3f}" for value in means[best])
    return [
        "yes" if mirrored else "no",
        ordinal,
        str(runs),
        f"{GROWTHS[best]:g}",
        dice,
        lesion_wise,
    ]


def main() -> None:
    """Measure each network and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="data folder of isotropic volumes")
    parser.add_argument("--model", action="append", default=[], help="default: all shipped")
    parser.add_argument("--every", type=int, default=2, help="which training volumes (default 2)")
    options = parser.parse_args()
    for checkpoint in load_models(options.model):
        training, validation = hold_out_as(
            checkpoint.config.training, cases_of_split([options.data], "train", None)
        )
        segmenter = Segmenter([checkpoint])
        parts = []
        for cases in (training[:: options.every], validation):
            found = [scores(segmenter, checkpoint.name, case) for case in tqdm(cases, unit="case")]
            parts.append([one for one in found if one is not None])
        print(f"{checkpoint.config.title}, {len(parts[0])} and {len(parts[1])} volumes\n")
        averages = np.mean([np.mean(part, axis=0) for part in parts], axis=0)
        print(table(HEAD, [row(way, of_way) for way, of_way in zip(WAYS, averages)]), flush=True)


if __name__ == "__main__":
    main()
