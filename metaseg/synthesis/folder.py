"""The data set that needs no download: ``train.py --data synthetic``."""

import csv
from pathlib import Path

import numpy as np

from metaseg.data.cases import COLUMNS
from metaseg.data.dataset import Dataset, write_dataset
from metaseg.scan.pictures import write_png
from metaseg.synthesis.heads import PIXEL_MM, draw_anatomy, draw_slice
from metaseg.synthesis.metastases import add_metastases

NAME = "synthetic"
"""The name to give instead of a data folder."""

DATASET = Dataset(
    title="Drawn heads with drawn metastases, as on contrast-enhanced T1",
    modality="t1ce",
    target="drawn enhancing metastases with their necrosis, without oedema",
    skull_stripped=False,
    pixel_mm=PIXEL_MM,
    groups="drawn heads",
    license="CC0-1.0",
)

GROUPS, SLICES, EMPTY_SHARE = 30, 8, 0.3
TEST_EVERY = 5
"""Every fifth head is for testing."""


def write_synthetic_folder(
    folder: Path, groups: int = GROUPS, slices: int = SLICES, seed: int = 0
) -> Path:
    """Write a data folder of drawn heads with drawn metastases, and return ``folder``.

    There are ``groups`` heads of ``slices`` slices each, about EMPTY_SHARE of them without a
    lesion. The same ``seed`` gives the same data. An existing folder is not changed.
    """
    table = folder / "cases.csv"
    if table.is_file():
        return folder
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows = []
    for group in range(groups):
        random = np.random.default_rng((seed, group))
        anatomy = draw_anatomy(random)
        for number in range(slices):
            levels, brain = draw_slice(anatomy, 0.85 * number / max(1, slices - 1), random)
            mask = np.zeros(brain.shape, bool)
            if random.random() >= EMPTY_SHARE:
                levels, mask = add_metastases(levels, mask, brain, PIXEL_MM, random)
            case = f"{group:03d}-{number:02d}"
            image, truth = f"images/{case}.png", f"masks/{case}.png"
            write_png(folder / image, levels)
            write_png(folder / truth, mask)
            split = "test" if group % TEST_EVERY == TEST_EVERY - 1 else "train"
            rows.append((case, f"head{group:03d}", image, truth, split))
    write_dataset(folder, DATASET)
    # The table comes last: an unfinished folder has none and is written again.
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return folder
