"""Order the slices of a series by position; find gaps and duplicates."""

# Functions that use positions are called with placed frames only.
# pyright: reportOptionalSubscript=false, reportOptionalOperand=false

from dataclasses import dataclass

import numpy as np

from metaseg.scan.dicom_frames import Frame
from metaseg.scan.errors import FileError

TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From DICOM's patient coordinates (left, back, head) to NIfTI's (right, front, head)."""

SAME_PLACE = 0.01
"""Slices closer to each other than this, in mm, have the same position."""

EVEN, DRIFT = 0.1, 0.25
"""Tolerance of a step between slices, and of a slice's place on an even grid, as a share of the
usual step."""
FAR = 1.5
"""Slices farther apart than the nearest by this factor are no small unevenness."""
CROOKED = "The slices do not lie in one line: positions in the plane are approximate."
UNEVEN = (
    "The slices are unevenly spaced ({:.2f} to {:.2f} mm): volumes and positions are approximate."
)


@dataclass(frozen=True)
class Stack:
    """Frames in order; None if one is missing."""

    slots: list[Frame | None]
    affine: np.ndarray | None
    """(4, 4) from (column, row, slot) to DICOM's patient coordinates; None without positions."""
    step: float | None
    """Slice spacing in mm."""
    notices: tuple[str, ...]


def stack_frames(frames: list[Frame]) -> Stack:
    """Sort ``frames`` by position in the patient, or by instance number if they have none.

    Raises FileError if more slices are missing than present.
    """
    if not all(frame.is_placed for frame in frames):
        return _unplaced(frames)
    ordered = sorted(
        frames, key=lambda frame: (round(frame.distance / SAME_PLACE), frame.number, frame.index)
    )
    kept = [ordered[0]]
    for frame in ordered[1:]:
        if frame.distance - kept[-1].distance > SAME_PLACE:
            kept.append(frame)
    notices = []
    if len(kept) < len(ordered):
        notices.append(
            f"Slices at the position of another slice were left out: {len(ordered) - len(kept)}."
        )
    if len(kept) == 1:
        step = kept[0].thickness or 1.0
        return Stack(kept, _affine(kept[0], _normal(kept[0]) * step), step, tuple(notices))
    slots, gap_notices = _fill_gaps(kept)
    across = (kept[-1].position - kept[0].position) / (len(slots) - 1)
    steps = np.diff([frame.distance for frame in kept])
    if len(slots) == len(kept) and steps.max() > FAR * steps.min():
        # A stray slice, or two blocks of them: the mean would be the step of none.
        across *= _usual(steps) / steps.mean()
    step = float(np.linalg.norm(across))
    if _leaves_line(kept, across):
        gap_notices.append(CROOKED)
    return Stack(slots, _affine(kept[0], across), step, (*notices, *gap_notices))


def _usual(steps: np.ndarray) -> float:
    """The lower median: gaps are longer."""
    return float(np.sort(steps)[(len(steps) - 1) // 2])


def _leaves_line(frames: list[Frame], across: np.ndarray) -> bool:
    """Whether a slice lies more than a pixel beside the line from the first along ``across``."""
    first, normal = frames[0], _normal(frames[0])
    places = np.array([frame.position - first.position for frame in frames])
    beside = places - np.outer(places @ normal, across / (across @ normal))
    return bool(np.linalg.norm(beside, axis=1).max() > max(first.spacing))


def _fill_gaps(frames: list[Frame]) -> tuple[list[Frame | None], list[str]]:
    distances = np.array([frame.distance for frame in frames])
    steps = np.diff(distances)
    usual = _usual(steps)
    counts = np.rint(steps / usual).astype(int)
    uneven = (np.abs(steps / usual - counts) > EVEN).any() or counts.min() < 1
    if uneven:
        return list(frames), [UNEVEN.format(steps.min(), steps.max())]
    places = [0, *np.cumsum(counts).tolist()]
    missing = places[-1] + 1 - len(frames)
    even = np.interp(places, (places[0], places[-1]), distances[[0, -1]])
    drift = np.abs(distances - even).max()
    notices = [UNEVEN.format(steps.min(), steps.max())] if drift > DRIFT * usual else []
    if not missing:
        return list(frames), notices
    if missing > len(frames):
        raise FileError(f"lacks {missing} of its {places[-1] + 1} slices: export the whole series.")
    slots: list[Frame | None] = [None] * (places[-1] + 1)
    for place, frame in zip(places, frames):
        slots[place] = frame
    holes = ", ".join(str(place + 1) for place, frame in enumerate(slots) if frame is None)
    return slots, [
        *notices,
        f"The series lacks {missing} of its {len(slots)} slices (number {holes} along the series): "
        "they are left empty, so no lesion can be found there.",
    ]


def _unplaced(frames: list[Frame]) -> Stack:
    ordered = sorted(frames, key=lambda frame: (frame.number, frame.index))
    notices = ()
    if len(frames) > 1:
        notices = (
            "The series gives no slice positions: slices are in the order of their numbers, "
            "and orientation is unknown.",
        )
    return Stack(list(ordered), None, frames[0].thickness, notices)


def _normal(frame: Frame) -> np.ndarray:
    normal = np.cross(frame.orientation[:3], frame.orientation[3:])
    return normal / np.linalg.norm(normal)


def place_affine(frame: Frame) -> np.ndarray:
    """(4, 4) from (column, row, 0) of a placed frame to DICOM's patient coordinates."""
    return _affine(frame, _normal(frame))


def _affine(first: Frame, across: np.ndarray) -> np.ndarray:
    """PS3.3, equation C.7.6.2.1-1, with the step from slice to slice as its third column."""
    affine = np.eye(4)
    affine[:3, 0] = first.orientation[:3] * first.spacing[1]
    affine[:3, 1] = first.orientation[3:] * first.spacing[0]
    affine[:3, 2] = across
    affine[:3, 3] = first.position
    return affine
