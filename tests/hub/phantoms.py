"""A data folder of drawn slices, small enough to train on within seconds."""

import csv
from pathlib import Path

import cv2
import numpy as np


def draw_slice(random: np.random.Generator, side: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """An ellipse with a bright disc in it, and the disc: uint8 (side, side), 0/255 the latter."""
    grey = np.zeros((side, side), np.float32)
    centre = (side // 2, side // 2)
    cv2.ellipse(grey, centre, (side * 2 // 5, side // 3), 0, 0, 360, 90, -1)
    grey += (grey > 0) * cv2.GaussianBlur(random.normal(0, 60, grey.shape), (0, 0), 3)
    mask = np.zeros((side, side), np.uint8)
    lesion = [int(side // 2 + offset) for offset in random.integers(-side // 6, side // 6, 2)]
    cv2.circle(mask, lesion, int(random.integers(5, 9)), 255, -1)
    grey[mask > 0] = 220
    return np.clip(grey, 0, 255).astype(np.uint8), mask


def make_data(folder: Path, groups: int = 12, slices: int = 2) -> Path:
    """A data folder with ``cases.csv``; the last two groups are the test split."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    random, rows = np.random.default_rng(0), []
    for group in range(groups):
        for position in range(slices):
            case = f"phantom-{group:02d}-{position}"
            paths = [f"{name}/{case}.png" for name in ("images", "masks")]
            for path, picture in zip(paths, draw_slice(random)):
                cv2.imwrite(str(folder / path), picture)
            split = "test" if group >= groups - 2 else "train"
            rows.append([case, f"phantom-{group:02d}", *paths, split])
    with (folder / "cases.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["case", "group", "image", "mask", "split"], *rows])
    return folder
