"""The lesions of several networks as one list: those that overlap are one region.

Regions are a property of the whole scan; a slice is a volume with D = 1.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from metaseg.files import to_json
from metaseg.findings.lesions import Components, Lesion, Window, find_lesions, label_lesions
from metaseg.findings.report import Findings
from metaseg.prediction import Prediction
from metaseg.scan import Scan

FOUND, EXTRA, MISSED = "found", "extra", "missed"
"""What a ground truth says of a region: a true positive, a false positive, a false negative."""


@dataclass(frozen=True)
class Opinion:
    """What one network says of a region."""

    model: str
    """The checkpoint's name."""
    title: str
    outlines: bool
    """Whether it outlines any of the region. What a person drew is not the network's."""
    lesions: tuple[int, ...]
    """The numbers in its own report of the lesions that belong to the region."""
    probability: float
    """Mean over what it outlines of the region, or over all of the region if that is nothing."""


@dataclass(frozen=True)
class Region:
    """Lesions of one or more networks that overlap, what a person drew, or a lesion that was
    missed."""

    lesion: Lesion
    """The measures of all that is outlined; its probabilities are means of all networks."""
    opinions: tuple[Opinion, ...]
    """One for each network, in the order given."""
    agreement: float | None
    """Share of the region that all networks outline (intersection over union); None if there is
    one network only, or if none outlines it."""
    peak: tuple[int, int, int]
    """Slice, row and column of its most probable voxel in the mean of all networks. It names the
    region to a review, also when the threshold moves."""
    box: tuple[int, int, int, int]
    """Top, bottom, left and right of its voxels, the second and fourth exclusive."""
    truth: str | None
    """FOUND, EXTRA or MISSED; None without a ground truth."""
    truth_lesions: tuple[int, ...]
    """The lesions of the ground truth that it overlaps, numbered from 1, the largest first."""

    @property
    def number(self) -> int:
        """From 1: the outlined ones, the largest first, then the missed ones."""
        return self.lesion.number

    @property
    def seen_by(self) -> tuple[str, ...]:
        """The titles of the networks that outline it."""
        return tuple(opinion.title for opinion in self.opinions if opinion.outlines)

    def to_json(self) -> dict[str, Any]:
        """The fields by name for JSON, with those of the lesion; what is undefined is None."""
        values = asdict(self)
        return to_json({**values.pop("lesion"), **values})


@dataclass(frozen=True)
class Regions:
    """All regions of a scan at one threshold."""

    rows: tuple[Region, ...]
    titles: tuple[str, ...]
    """Of the networks, in the order of each row's opinions."""
    components: Components = field(repr=False)
    """Which row each voxel belongs to."""
    truth_count: int | None = None
    """Lesions of the ground truth; None without one."""

    @property
    def outlined(self) -> tuple[Region, ...]:
        """All rows but the missed ones."""
        return tuple(row for row in self.rows if any(o.lesions for o in row.opinions))


def match_regions(
    scan: Scan,
    predictions: Sequence[Prediction],
    findings: Sequence[Findings],
    truth: np.ndarray | None = None,
    unreviewed: Sequence[Findings] | None = None,
) -> Regions:
    """The regions of ``findings``, one for each of ``predictions`` of ``scan``.

    Lesions of two networks belong together if they share a voxel. With ``truth`` (D, H, W) bool, a
    region that shares a voxel with a lesion of it is found, any other extra, and each lesion of
    ``truth`` that shares none with a region gives a row of its own, missed. ``unreviewed`` is what
    the networks outlined themselves, where ``findings`` are reviewed.
    """
    parts = [found.components for found in findings]
    own_parts = parts if unreviewed is None else [found.components for found in unreviewed]
    of_truth = None if truth is None else label_lesions(truth)
    start, size = _box_around([*parts, *own_parts, *([] if of_truth is None else [of_truth])])
    labels = [_in_box(part, start, size) for part in parts]
    own = labels if unreviewed is None else [_in_box(part, start, size) for part in own_parts]
    merged = _merged(labels)
    truth_labels, truth_count = None, None
    if of_truth is not None:
        truth_labels = _in_box(of_truth, start, size)
        truth_count = int(truth_labels.max(initial=0))
        merged = _with_missed(merged, truth_labels)
    components = Components(parts[0].shape, start, merged)
    mean = sum(prediction.probability for prediction in predictions) / len(predictions)
    lesions = find_lesions(components, mean, scan)
    rows = []
    for lesion, (window, voxels) in zip(lesions, components):
        inner = tuple(slice(w.start - at, w.stop - at) for w, at in zip(window, start))
        outlined = np.stack([label[inner][voxels] > 0 for label in own])
        opinions = tuple(
            Opinion(
                prediction.model,
                prediction.title,
                bool(outlines.any()),
                _numbers(label[inner][voxels]),
                _mean(prediction.probability[window][voxels], outlines),
            )
            for prediction, label, outlines in zip(predictions, labels, outlined)
        )
        touched = () if truth_labels is None else _numbers(truth_labels[inner][voxels])
        rows.append(
            Region(
                lesion=lesion,
                opinions=opinions,
                agreement=_agreement(outlined),
                peak=_peak(mean[window], voxels, window),
                box=(window[1].start, window[1].stop, window[2].start, window[2].stop),
                truth=None if truth is None else _against(opinions, touched),
                truth_lesions=touched,
            )
        )
    titles = tuple(prediction.title for prediction in predictions)
    return Regions(tuple(rows), titles, components, truth_count)


def _mean(probability: np.ndarray, outlines: np.ndarray) -> float:
    return float(probability[outlines if outlines.any() else ...].mean())


def _peak(probability: np.ndarray, voxels: np.ndarray, window: Window) -> tuple[int, int, int]:
    inner = np.unravel_index(np.where(voxels, probability, -1).argmax(), voxels.shape)
    depth, row, column = (int(at) + part.start for at, part in zip(inner, window))
    return depth, row, column


def _against(opinions: Sequence[Opinion], touched: tuple[int, ...]) -> str:
    if not any(opinion.lesions for opinion in opinions):
        return MISSED
    return FOUND if touched else EXTRA


def _agreement(outlined: np.ndarray) -> float | None:
    """The share of voxels that all of ``outlined`` (networks, N) bool hold."""
    if len(outlined) == 1 or not outlined.any():
        return None
    return float(outlined.all(axis=0).sum() / outlined.any(axis=0).sum())


def _numbers(labels: np.ndarray) -> tuple[int, ...]:
    return tuple(np.unique(labels[labels > 0]).tolist())


def _box_around(parts: Sequence[Components]) -> tuple[tuple, tuple]:
    """Start and size of the box that holds the boxes of all ``parts``."""
    starts = np.array([part.start for part in parts])
    ends = starts + [part.labels.shape for part in parts]
    start = starts.min(axis=0)
    return tuple(start.tolist()), tuple((ends.max(axis=0) - start).tolist())


def _in_box(part: Components, start: tuple, size: tuple) -> np.ndarray:
    """The labels of ``part`` in the box that begins at ``start``."""
    labels = np.zeros(size, np.int32)
    offsets = (at - first for at, first in zip(part.start, start))
    labels[tuple(slice(o, o + n) for o, n in zip(offsets, part.labels.shape))] = part.labels
    return labels


def _merged(labels: Sequence[np.ndarray]) -> np.ndarray:
    """The number of each voxel's region, the largest first: equal for lesions that overlap."""
    counts = [int(label.max(initial=0)) for label in labels]
    offsets = np.cumsum([0, *counts])
    shared = [np.zeros((2, 0), np.int64)]
    for (a, first), (b, second) in combinations(enumerate(labels), 2):
        for pair in zip(first, second):  # slice by slice, to save memory
            both = np.stack(pair)[:, (pair[0] > 0) & (pair[1] > 0)]
            shared.append(np.unique(both, axis=1) - 1 + offsets[[a, b], None])
    edges = np.concatenate(shared, axis=1)
    size = int(offsets[-1])
    graph = coo_array((np.ones(edges.shape[1], bool), tuple(edges)), shape=(size, size))
    groups = connected_components(graph, directed=False)[1] if size else np.zeros(0, np.int32)
    merged = np.zeros(labels[0].shape, np.int32)
    for label, offset, count in zip(labels, offsets, counts):
        of_lesion = np.concatenate([[0], groups[offset : offset + count] + 1]).astype(np.int32)
        np.maximum(merged, of_lesion[label], out=merged)
    return _renumbered(merged, np.zeros_like(merged))


def _with_missed(merged: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """``merged`` with the lesions of ``truth`` that touch none of it after its last number."""
    missed = np.where(np.isin(truth, _numbers(truth[merged > 0])), 0, truth)
    return _renumbered(missed, merged)


def _renumbered(labels: np.ndarray, before: np.ndarray) -> np.ndarray:
    """``before`` and the ``labels`` after its last number, the largest first; of equal ones the
    first in the array, whatever its number was."""
    marked = labels[labels > 0]  # few voxels: sorting all of them would take long
    numbers, first, sizes = np.unique(marked, return_index=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    new = np.zeros(int(numbers.max(initial=0)) + 1, np.int32)
    new[numbers[order]] = np.arange(1, len(order) + 1) + before.max(initial=0)
    return np.maximum(new[labels], before)
