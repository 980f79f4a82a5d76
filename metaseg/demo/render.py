"""What the visitor chose, and the parts of a scan that every answer of the page starts from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from metaseg.demo.gallery import EXAMPLES, read_examples
from metaseg.demo.reading import Reading
from metaseg.demo.workbench import BOTH, OpenScan, Workbench
from metaseg.errors import InputError
from metaseg.findings.review import Review, read_review
from metaseg.prediction import SENSITIVE, STEPS, check_threshold

EXAMPLE = "example:"
"""Begins the name of a shipped example, which stands where the path of an upload may."""


@dataclass(frozen=True)
class Inputs:
    """The visitor's choices."""

    scan: str | None
    truth: str | None
    model: str
    threshold: float | None
    """None is each network's own."""
    position: int | None = None
    """The slice in view; None is the middle one."""
    series: str | None = None
    """Which scan of a zip, as ``read_scan`` takes it."""

    @classmethod
    def of(cls, state: Any) -> "Inputs":
        """The choices that the browser names. Raises InputError for what it cannot mean."""
        state = state if isinstance(state, dict) else {}
        threshold, position = state.get("threshold"), state.get("position")
        series = state.get("series")
        if position is not None and (type(position) is not int or position < 0):
            raise InputError("The slice must be a whole number, 0 or more.")
        return cls(
            scan=_path(state.get("scan")),
            truth=_path(state.get("truth")),
            model=str(state.get("model") or BOTH),
            threshold=None if threshold is None else check_threshold(threshold),
            position=position,
            series=series if isinstance(series, str) else None,
        )


def review_in(state: Any) -> Review | None:
    """The review that the browser sends; None if nothing was changed. InputError if it is not
    valid."""
    text = state.get("review") if isinstance(state, dict) else None
    return read_review(text) or None if isinstance(text, str) and text else None


def _path(name: Any) -> str | None:
    """The path of an upload or of an example's file."""
    if not name or not isinstance(name, str):
        return None
    if not name.startswith(EXAMPLE):
        return name
    for example in read_examples():
        for path in (example.scan, example.truth):
            if path == str(EXAMPLES / name.removeprefix(EXAMPLE)):
                return path
    raise InputError("There is no such example: choose one below the picture.")


def open_inputs(workbench: Workbench, inputs: Inputs) -> tuple[OpenScan, InputError | None]:
    """The scan with its ground truth, or without an invalid one and then its error.

    Raises InputError if the scan itself cannot be opened.
    """
    alone = workbench.open(inputs.scan, None, series=inputs.series)
    try:
        return workbench.open(inputs.scan, inputs.truth, series=inputs.series), None
    except InputError as fault:
        return alone, fault


def read_slice(workbench: Workbench, opened: OpenScan, inputs: Inputs) -> tuple[int, list[Reading]]:
    """The slice in view, and each chosen network's result on it."""
    index = present_slice(opened, inputs)
    names = chosen_models(workbench, inputs.model)
    return index, [workbench.read(opened, name, inputs.threshold, index) for name in names]


def present_slice(opened: OpenScan, inputs: Inputs) -> int:
    """The displayed slice; the middle one at first."""
    depth = len(opened.scan.voxels)
    return depth // 2 if inputs.position is None else min(inputs.position, depth - 1)


def chosen_models(workbench: Workbench, model: str) -> Sequence[str]:
    """The names of the networks that the radio button stands for."""
    return workbench.compared if model == BOTH else [workbench.segmenter.find(model).name]


def number_in(text: str) -> float | str:
    """The number that ``text`` is, or the text itself."""
    try:
        return float(text)
    except ValueError:
        return text


def sensitive_point(workbench: Workbench, model: str) -> float | None:
    """One "sensitive" threshold for all networks that the radio button stands for, or None: the
    highest of theirs, at which none has more false positives than at its own, rounded up to a step
    of the slider, where outlines in the browser are those of the server."""
    configs = [workbench.segmenter.find(one).config for one in chosen_models(workbench, model)]
    known = [one.sensitive_threshold for one in configs if one.sensitive_threshold is not None]
    return max(1, math.ceil(max(known) * STEPS - 1e-6)) / STEPS if known else None


def typed_threshold(workbench: Workbench, model: str, text: str) -> float | str | None:
    """The threshold that ``text`` means on the page: a number, moved to the nearest step of the
    slider, or "sensitive"; empty is each network's own. InputError for another number."""
    if not text:
        return None
    if text == SENSITIVE:
        return sensitive_point(workbench, model) or SENSITIVE
    return round(check_threshold(number_in(text)) * STEPS) / STEPS


def alert(fault: InputError | str) -> str:
    """The sentence of ``fault``, for the page."""
    return f"<p class='alert' role='alert'>{escape(str(fault))}</p>"
