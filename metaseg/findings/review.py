"""What a person changes in the networks' result: regions rejected and added, voxels painted and
erased. The prediction itself stays as it is.

A review comes from a browser as JSON; nothing in it is believed before it was checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
import pydantic
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from scipy import ndimage

from metaseg.errors import InputError
from metaseg.findings.lesions import (
    TWENTY_SIX_CONNECTED,
    Components,
    Lesion,
    find_lesions,
    label_lesions,
)
from metaseg.findings.matching import Regions, match_regions
from metaseg.findings.report import Changes, Findings, findings_of
from metaseg.limits import MAX_JSON_BYTES, MAX_SCAN_VOXELS, MAX_SLICES
from metaseg.prediction import Prediction
from metaseg.scan import Scan

MAX_REJECTED, MAX_ADDED = 10_000, 100
"""Most regions that a review rejects, and adds."""
CLICK_RADIUS = 3
"""A click counts for the most probable voxel within so many voxels of its slice."""
REACH = (32, 96, 96)
"""Slices, rows and columns on either side of a click that a region may cover."""
LEAST_PROBABILITY = 0.02
"""A click where the networks see less than this adds nothing."""
WHOLE = Annotated[int, Field(ge=0, lt=MAX_SCAN_VOXELS)]
SIZE = Annotated[int, Field(ge=1, le=MAX_SCAN_VOXELS)]
STRICT = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

Voxel = tuple[WHOLE, WHOLE, WHOLE]
"""Slice, row and column, from 0."""
Run = tuple[WHOLE, SIZE]
"""The first of some pixels in a row-by-row slice, from 0, and how many there are."""


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class Strokes:
    """Pixels of one slice."""

    slice: WHOLE
    """From 0."""
    runs: tuple[Run, ...]
    """In rising order, none overlapping another."""


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class Review:
    """What a person changed. ValidationError (pydantic's) for anything out of range."""

    shape: tuple[SIZE, SIZE, SIZE]
    """(D, H, W) of the scan that was reviewed."""
    rejected: Annotated[tuple[Voxel, ...], Field(max_length=MAX_REJECTED)] = ()
    """A voxel, such as its peak, of each region that is no lesion."""
    added: Annotated[tuple[Voxel, ...], Field(max_length=MAX_ADDED)] = ()
    """Where a person clicked at a lesion that was missed."""
    painted: Annotated[tuple[Strokes, ...], Field(max_length=MAX_SLICES)] = ()
    erased: Annotated[tuple[Strokes, ...], Field(max_length=MAX_SLICES)] = ()
    """These win over ``painted``."""

    @pydantic.model_validator(mode="after")
    def _within_the_scan(self) -> "Review":
        depth, height, width = self.shape
        for voxel in (*self.rejected, *self.added):
            if not all(at < size for at, size in zip(voxel, self.shape)):
                raise ValueError("a voxel lies outside the scan")
        for strokes in (self.painted, self.erased):
            if len({one.slice for one in strokes}) < len(strokes):
                raise ValueError("a slice is named twice")
            for one in strokes:
                if one.slice >= depth or any(at + n > height * width for at, n in one.runs):
                    raise ValueError("a stroke lies outside the scan")
                if any(at + n > after for (at, n), (after, _) in pairwise(one.runs)):
                    raise ValueError("the strokes of a slice overlap or are not in order")
        return self

    def __bool__(self) -> bool:
        """Whether anything was changed."""
        return bool(self.rejected or self.added or self.painted or self.erased)

    def to_json(self) -> str:
        """What ``read_review`` reads."""
        return _ADAPTER.dump_json(self).decode()


_ADAPTER = TypeAdapter(Review)
_NAMES = {*Review.__dataclass_fields__, *Strokes.__dataclass_fields__}


def read_review(text: str | bytes) -> Review:
    """The review in ``text``, JSON. InputError if it is too large or not valid."""
    if len(text) > MAX_JSON_BYTES:
        raise InputError("The review is too large: erase or paint less of the scan.")
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(
            str(part) for part in first["loc"] if isinstance(part, int) or part in _NAMES
        )
        what = first["msg"].removeprefix("Value error, ")
        at = f" at {where}" if where else ""
        raise InputError(
            f"The review is not valid{at} ({what}): reload the page and review again."
        ) from None


@dataclass(frozen=True)
class Reviewed:
    """A result after its review."""

    findings: tuple[Findings, ...]
    """One for each network; each report says what was changed."""
    regions: Regions
    rejections: tuple[tuple[Voxel, ...], ...]
    """Of each rejected region, in the order of the reports, the voxels of ``Review.rejected`` that
    reject it."""


def apply_review(
    review: Review,
    scan: Scan,
    predictions: Sequence[Prediction],
    findings: Sequence[Findings],
    truth: np.ndarray | None = None,
) -> Reviewed:
    """``findings``, one for each of ``predictions`` of ``scan``, as ``review`` changes them.

    The rejected regions leave the result of every network; what was added, painted and erased
    changes all results alike; a click where these networks see nothing adds nothing. InputError for
    the review of another scan.
    """
    shape = scan.voxels.shape
    if tuple(review.shape) != shape:
        raise InputError("The review belongs to another scan: review this one again.")
    before = match_regions(scan, predictions, findings)
    rejections = _rejections(review, before.components)
    gone = _voxels_of(before.components, set(rejections))
    mean = sum(prediction.probability for prediction in predictions) / len(predictions)
    added, added_lesions = _added(review, scan, mean, before.components.mask & ~gone)
    painted, erased = _drawn(review.painted, shape), _drawn(review.erased, shape)
    painted &= ~erased
    outlined = [(found.mask & ~gone) | added for found in findings]
    masks = [(mask | painted) & ~erased for mask in outlined]
    # A stroke where it changes nothing is none.
    edited = np.any([old != new for old, new in zip(outlined, masks)], axis=0)
    changes = Changes(
        rejected=tuple(row.lesion for row in before.rows if row.number in rejections),
        added=added_lesions,
        painted_voxels=int(np.count_nonzero(painted & edited)),
        erased_voxels=int(np.count_nonzero(erased & edited)),
        edited_slices=tuple(np.flatnonzero(edited.any(axis=(1, 2))).tolist()),
    )
    after = tuple(
        findings_of(
            scan,
            prediction,
            found.report.threshold,
            found.report.min_lesion_mm3 or found.report.min_lesion_voxels or 0.0,
            label_lesions(mask),
            truth,
            changes,
        )
        for prediction, found, mask in zip(predictions, findings, masks)
    )
    regions = match_regions(scan, predictions, after, truth, findings)
    return Reviewed(after, regions, tuple(rejections.values()))


def _rejections(review: Review, components: Components) -> dict[int, tuple[Voxel, ...]]:
    """The numbers of the unreviewed ``components`` that ``review`` rejects, in their order, with
    the voxels that do."""
    numbers: dict[int, tuple[Voxel, ...]] = {}
    for voxel in review.rejected:
        inner = tuple(at - start for at, start in zip(voxel, components.start))
        if all(0 <= at < size for at, size in zip(inner, components.labels.shape)):
            number = int(components.labels[inner])
            numbers[number] = (*numbers.get(number, ()), voxel)
    return {number: numbers[number] for number in sorted(numbers) if number}


def _voxels_of(components: Components, numbers: set[int]) -> np.ndarray:
    """(D, H, W) bool: the lesions ``numbers`` of ``components``."""
    mask = np.zeros(components.shape, bool)
    for number, (window, voxels) in enumerate(components, start=1):
        if number in numbers:
            mask[window] |= voxels
    return mask


def _added(
    review: Review, scan: Scan, probability: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, tuple[Lesion, ...]]:
    """The regions around the clicks (D, H, W) bool, outside ``mask``, and their measures."""
    labels = np.zeros(mask.shape, np.int32)
    if not review.added:
        return labels > 0, ()
    for number, voxel in enumerate(review.added, start=1):
        labels[_grown(probability, voxel, mask) & (labels == 0)] = number
    kept = np.unique(labels[labels > 0])
    labels = np.searchsorted(kept, labels, side="left").astype(np.int32) + (labels > 0)
    components = Components(mask.shape, (0, 0, 0), labels)
    return labels > 0, find_lesions(components, probability, scan)


def _grown(probability: np.ndarray, click: Voxel, mask: np.ndarray) -> np.ndarray:
    """The region (D, H, W) bool around ``click``: the voxels connected to the most probable one
    near it that reach half its ``probability``, outside ``mask``.

    Half the peak is the usual limit of a spot on a background of nearly zero.
    """
    region = np.zeros(mask.shape, bool)
    if mask[click]:
        return region  # it is outlined already
    window = tuple(slice(max(0, at - far), at + far + 1) for at, far in zip(click, REACH))
    free = np.where(mask[window], 0, probability[window])
    depth, row, column = (at - part.start for at, part in zip(click, window))
    top, left = max(0, row - CLICK_RADIUS), max(0, column - CLICK_RADIUS)
    near = free[depth, top : row + CLICK_RADIUS + 1, left : column + CLICK_RADIUS + 1]
    if near.max() < LEAST_PROBABILITY:
        return region  # of other networks than those that saw something when it was clicked
    labels, _ = ndimage.label(free >= near.max() / 2, TWENTY_SIX_CONNECTED)
    y, x = np.unravel_index(near.argmax(), near.shape)
    region[window] = labels == labels[depth, top + y, left + x]
    return region


def _drawn(strokes: Sequence[Strokes], shape: tuple[int, ...]) -> np.ndarray:
    """The voxels (D, H, W) bool of ``strokes``."""
    mask = np.zeros(shape, bool)
    for one in strokes:
        pixels = mask[one.slice].reshape(-1)
        for start, length in one.runs:
            pixels[start : start + length] = True
    return mask
