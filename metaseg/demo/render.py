"""What the page shows for its inputs: every picture and table, from stored predictions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr
import numpy as np

from metaseg.demo.compare import compare_view
from metaseg.demo.explain import WAITING, explain_view
from metaseg.demo.figure import Frame, figure, lesion_layer, slice_store, swatch, truth_layer
from metaseg.demo.lesion_list import count_of, lesion_list
from metaseg.demo.reading import Reading
from metaseg.demo.store import KEPT_FOR
from metaseg.demo.tables import metrics_table, notice_list, slice_marks
from metaseg.demo.workbench import BOTH, OpenScan, Workbench
from metaseg.errors import InputError
from metaseg.findings.overlay import TRUTH_COLOUR
from metaseg.findings.report import Findings, Report

ORIGINAL, ENHANCED = "Original", "Enhanced"
EXPLAIN = "Explain"
HINT = f"""
<div class='hint'><h2>See where two networks find a lesion</h2><ol>
<li><b>Drop an MRI slice</b> or a volume, or choose an example.</li>
<li><b>Compare the outlines</b> of both networks, with a ground truth if you have one.</li>
<li><b>Move the threshold</b>, or open Explain to see how sure each network is.</li></ol>
<p>Other visitors cannot see your images. They are deleted within {KEPT_FOR}.</p></div>
"""
VOLUME_PARTS = 4
"""Plane, position, marks and the button for the next lesion: shown only for volumes."""
RESULTS = 4
"""The slice, the outlines, the comparison and the metrics: empty without a scan."""


@dataclass(frozen=True)
class Inputs:
    """The visitor's choices."""

    scan: str | None
    truth: str | None
    model: str
    threshold: float
    shown: str
    plane: str | None = None
    position: float | None = None
    view: str | None = None
    """The open view."""

    @property
    def enhanced(self) -> bool:
        """Whether the slice is shown after CLAHE."""
        return self.shown == ENHANCED


def render(workbench: Workbench, inputs: Inputs, progress: Callable) -> list:
    """Updates of plane, position, marks, next lesion, status, slice, outlines, comparison, metrics,
    explanation, results and downloads.

    An error in the scan leaves the pictures as they are. An error in the ground truth is shown
    above the scan, without the ground truth.
    """
    if not inputs.scan:
        return [*[hide()] * VOLUME_PARTS, HINT, *[""] * RESULTS, "", hide(), hide()]
    try:
        opened, fault = open_inputs(workbench, inputs)
        names = chosen_models(workbench, inputs.model)
        index = present_slice(opened, inputs)
        for name in names:
            workbench.predict(opened, name, progress)
        readings = [workbench.read(opened, name, inputs.threshold, index) for name in names]
        volumes = []
        if opened.scan.is_volume:
            volumes = [workbench.find_in_volume(opened, n, inputs.threshold) for n in names]
        explaining = inputs.view == EXPLAIN
        explanation = _explanation(workbench, opened, index, readings) if explaining else WAITING
    except InputError as error:
        kept = [gr.skip()] * (RESULTS + 3)
        return [*[gr.skip()] * VOLUME_PARTS, alert(error), *kept]
    frame = frame_of(opened)
    truth = None if opened.truth is None else opened.truth[index]
    spacing = opened.scan.spacing
    grey = workbench.segmenter.view(opened.scan, index, inputs.enhanced)
    reports = [volume.report for volume in volumes]
    shown = reports or [reading.report for reading in readings]
    notices = [notice for report in shown for notice in report.notices]
    return [
        *_volume_parts(opened, index, volumes),
        f"{alert(fault) if fault else ''}<div role='status'>{notice_list(notices)}</div>",
        slice_store(grey, frame.aspect),
        outlines_view(frame, readings, truth, reports),
        compare_view(frame, readings, truth, spacing and spacing[1] * spacing[2]),
        metrics_table([reading.report for reading in readings], reports),
        explanation,
        gr.update(visible=True),
        gr.update(visible=True),
    ]


def render_explanation(workbench: Workbench, inputs: Inputs) -> str:
    """The Explain view of the current slice. The networks run for it once."""
    opened = workbench.open(inputs.scan, None, inputs.plane)
    names = chosen_models(workbench, inputs.model)
    index = present_slice(opened, inputs)
    readings = [workbench.read(opened, name, inputs.threshold, index) for name in names]
    return _explanation(workbench, opened, index, readings)


def _explanation(
    workbench: Workbench, opened: OpenScan, index: int, readings: Sequence[Reading]
) -> str:
    explanations = [workbench.explain(opened, reading.name, index) for reading in readings]
    return explain_view(frame_of(opened), readings, explanations)


def outlines_view(
    frame: Frame, readings: Sequence[Reading], truth: np.ndarray | None, volumes: Sequence[Report]
) -> str:
    """The slice, the ground truth (H, W) bool, each network's outlines, and the list of lesions."""
    panels = [figure("Slice", frame, "", "<b>Slice</b> without outlines")]
    if truth is not None:
        outlines, layer = truth_layer(truth)
        count = count_of(outlines)
        caption = f"{swatch(TRUTH_COLOUR)}<b>Ground truth</b> {count}"
        panels.append(figure("Ground truth", frame, layer, caption, count))
    for r in readings:
        layer = lesion_layer(r.outlines, r.numbers, r.name, r.title, r.colour)
        count = count_of(set(r.numbers))
        caption = f"{swatch(r.colour)}<b>{escape(r.title)}</b> {count}"
        panels.append(figure(r.title, frame, layer, caption, count))
    what = f"{frame.name} {frame.plane} {frame.height} {frame.width}"
    return (
        f"<div class='beside' data-scan='{escape(what)}' "
        f"data-numbering='{readings[0].threshold}'><div class='panels'>{''.join(panels)}</div>"
        f"<div class='lesions'>{lesion_list(readings, volumes)}</div></div>"
    )


def open_inputs(workbench: Workbench, inputs: Inputs) -> tuple[OpenScan, InputError | None]:
    """The scan with its ground truth, or without an invalid one and then its error.

    Raises InputError if the scan itself cannot be opened.
    """
    alone = workbench.open(inputs.scan, None, inputs.plane)
    try:
        return workbench.open(inputs.scan, inputs.truth, inputs.plane), None
    except InputError as fault:
        return alone, fault


def frame_of(opened: OpenScan) -> Frame:
    """The frame for the slices of ``opened``."""
    _, height, width = opened.scan.voxels.shape
    return Frame(opened.scan.name, height, width, opened.scan.aspect, opened.scan.plane)


def present_slice(opened: OpenScan, inputs: Inputs) -> int:
    """The displayed slice; the middle one at first."""
    depth = len(opened.scan.voxels)
    return depth // 2 if inputs.position is None else min(int(inputs.position), depth - 1)


def chosen_models(workbench: Workbench, model: str) -> list[str]:
    """The networks that the radio button stands for."""
    return workbench.compared if model == BOTH else [model]


def _volume_parts(opened: OpenScan, index: int, volumes: list[Findings]) -> list:
    if not volumes:
        return [hide()] * VOLUME_PARTS
    found = {volume.report.model: volume.report.slices_with_lesion for volume in volumes}
    depth = len(opened.scan.voxels)
    oriented = opened.scan.affine is not None
    return [
        gr.update(visible=oriented, value=opened.scan.plane),
        gr.update(maximum=depth - 1, value=index, visible=True),
        gr.update(value=slice_marks(found, depth, index), visible=True),
        gr.update(visible=any(found.values())),
    ]


def next_lesion(workbench: Workbench, inputs: Inputs) -> float | None:
    """The slice of the next lesion after the current one, starting again after the last."""
    opened, _ = open_inputs(workbench, inputs)
    slices = sorted(
        lesion.diameter_slice
        for name in chosen_models(workbench, inputs.model)
        for lesion in workbench.find_in_volume(opened, name, inputs.threshold).report.lesions
    )
    later = [index for index in slices if index > (inputs.position or 0)]
    return (later or slices or [inputs.position])[0]


def hide() -> dict:
    """An update that hides a component."""
    return gr.update(visible=False)


def alert(fault: InputError | str) -> str:
    """The sentence of ``fault``, for the page."""
    return f"<p class='alert' role='alert'>{escape(str(fault))}</p>"
