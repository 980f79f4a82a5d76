"""Altered copies of slices, as users may send them, and the drop of Dice on them."""

from collections.abc import Callable, Iterable
from functools import partial

import cv2
import numpy as np

from metaseg.data.case import Case, read_case
from metaseg.metrics import Counts, mean_with_interval
from metaseg.preprocess import Preprocessing, brain_mask, find_tissue, grey_slices
from metaseg.scan import Scan
from metaseg.segmenter import Segmenter

Changed = tuple[np.ndarray, np.ndarray] | None
"""A slice (h, w) uint8 and its mask (h, w) bool; None if the change is not possible."""

PAGE = 235
"""Grey level of a screenshot's page."""


def remove_skull(grey: np.ndarray, mask: np.ndarray) -> Changed:
    """Only the brain; None if it is uncertain or the lesion lies outside it."""
    brain = brain_mask(grey)
    if brain is None or np.count_nonzero(mask & ~brain) > 0.2 * np.count_nonzero(mask):
        return None
    return np.where(brain | mask, grey, 0).astype(np.uint8), mask


def widen_view(grey: np.ndarray, mask: np.ndarray) -> Changed:
    """Air around the slice: 40 % of its size on each side."""
    width = [(round(0.4 * side),) * 2 for side in grey.shape]
    # As dark and noisy as the existing air, or the border would show.
    air = int(np.percentile(grey, 1))
    return np.pad(grey, width, constant_values=air), np.pad(mask, width)


def tighten_view(grey: np.ndarray, mask: np.ndarray, settings: Preprocessing) -> Changed:
    """Cut close to the head, 2 % of it lost on each side; None if that would cut the lesion."""
    box = find_tissue(grey, settings)
    if box is None:
        return None
    top, bottom, left, right = box
    # ``find_tissue`` leaves a margin of 3 %.
    edge = round(0.05 * max(bottom - top, right - left))
    window = np.s_[top + edge : bottom - edge, left + edge : right - edge]
    if mask[window].sum() < mask.sum() or min(grey[window].shape) < 32:
        return None
    return grey[window].copy(), mask[window].copy()


def darken(grey: np.ndarray, mask: np.ndarray) -> Changed:
    """Half as bright."""
    return np.rint(0.5 * grey).astype(np.uint8), mask


def brighten(grey: np.ndarray, mask: np.ndarray) -> Changed:
    """A gamma of 0.6, as a viewer's window makes it."""
    return np.rint(255 * (grey / 255) ** 0.6).astype(np.uint8), mask


def rotate(grey: np.ndarray, mask: np.ndarray) -> Changed:
    """Rotated by 15 degrees."""
    height, width = grey.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 15, 1)
    air = int(np.percentile(grey, 1))
    turned = cv2.warpAffine(grey, turn, (width, height), borderValue=air)
    moved = cv2.warpAffine(mask.astype(np.float32), turn, (width, height)) >= 0.5
    return (turned, moved) if moved.any() else None


def turn_quarter(grey: np.ndarray, mask: np.ndarray) -> Changed:
    """Rotated by 90 degrees."""
    return np.rot90(grey).copy(), np.rot90(mask).copy()


def add_noise(grey: np.ndarray, mask: np.ndarray) -> Changed:
    """Noise of 6 grey levels, as of a magnitude picture (Gudbjartsson and Patz 1995)."""
    parts = np.random.default_rng(0).normal(0, 6, (2, *grey.shape))
    return np.rint(np.clip(np.hypot(grey + parts[0], parts[1]), 0, 255)).astype(np.uint8), mask


def blur(grey: np.ndarray, mask: np.ndarray) -> Changed:
    """Half as sharp: a blur of 1/256 of the slice's size."""
    return cv2.GaussianBlur(grey, (0, 0), max(grey.shape) / 256), mask


def frame(grey: np.ndarray, mask: np.ndarray) -> Changed:
    """A screenshot: the slice on a bright page, with a line around it and text above."""
    height, width = grey.shape
    edge = round(0.12 * max(height, width))
    page = np.pad(grey, edge, constant_values=PAGE)
    cv2.rectangle(page, (edge - 1, edge - 1), (edge + width, edge + height), 60, 1)
    size = edge / 60
    place = (edge, round(0.7 * edge))
    cv2.putText(page, "Series 4  Image 12", place, cv2.FONT_HERSHEY_SIMPLEX, size, 20, 1)
    return page, np.pad(mask, edge)


def perturbations(
    settings: Preprocessing,
) -> dict[str, Callable[[np.ndarray, np.ndarray], Changed]]:
    """All perturbations by name. ``settings`` define what counts as tissue."""
    return {
        "skull_removed": remove_skull,
        "wide_view": widen_view,
        "tight_view": partial(tighten_view, settings=settings),
        "dark": darken,
        "bright": brighten,
        "rotated": rotate,
        "quarter_turn": turn_quarter,
        "noise": add_noise,
        "blur": blur,
        "screenshot": frame,
    }


def evaluate_perturbed(
    segmenter: Segmenter,
    cases: list[Case],
    progress: Callable[[Iterable[Case]], Iterable[Case]] = lambda cases: cases,
) -> dict[str, dict[str, dict]]:
    """By checkpoint and perturbation: ``slices``, mean ``dice`` on the changed copies,
    ``unperturbed`` on the same slices as they are, and their ``drop`` with its interval.

    Uses only slices with a lesion. Both versions are 8-bit grey, in the window of the checkpoint's
    preprocessing, so they differ only by the perturbation.
    """
    changes = {
        name: perturbations(checkpoint.config.preprocessing)
        for name, checkpoint in segmenter.checkpoints.items()
    }
    dice: dict[str, dict[str, list[tuple[str, float, float]]]] = {
        name: {kind: [] for kind in kinds} for name, kinds in changes.items()
    }
    for case in progress(cases):
        scan, truth = read_case(case)
        for name, by_kind in changes.items():
            settings = segmenter.checkpoints[name].config.preprocessing
            for grey, mask in zip(grey_slices(scan, settings), truth):
                if not mask.any():
                    continue
                plain = _dice(segmenter, name, grey, mask)
                for kind, change in by_kind.items():
                    changed = change(grey, mask)
                    if changed is not None:
                        after = _dice(segmenter, name, *changed)
                        dice[name][kind].append((case.group, plain, after))
    return {
        name: {kind: _summarise(pairs) for kind, pairs in by_kind.items()}
        for name, by_kind in dice.items()
    }


def _dice(segmenter: Segmenter, name: str, grey: np.ndarray, mask: np.ndarray) -> float:
    scan = Scan(grey[None].astype(np.float32), "copy", eight_bit=True)
    threshold = segmenter.checkpoints[name].config.threshold
    return Counts.of(segmenter.predict(scan, name).mask(threshold)[0], mask).dice


def _summarise(pairs: list[tuple[str, float, float]]) -> dict:
    drops: dict[str, list[float]] = {}
    for group, plain, after in pairs:
        drops.setdefault(group, []).append(plain - after)
    plain, after = np.array([pair[1:] for pair in pairs]).reshape(-1, 2).T
    undefined = float("nan")
    return {
        "slices": len(pairs),
        "dice": float(after.mean()) if pairs else undefined,
        "unperturbed": float(plain.mean()) if pairs else undefined,
        "drop": mean_with_interval(drops),
    }
