"""What the page shows for the inputs it has: every picture and table, from what is stored."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import gradio as gr

from metaseg.demo.tables import (
    lesion_table,
    metrics_table,
    notice_list,
    slice_marks,
    volume_lesion_rows,
)
from metaseg.demo.workbench import BOTH, OpenScan, VolumeFindings, Workbench
from metaseg.errors import InputError

AS_LOADED, AFTER_CLAHE = "As loaded", "After CLAHE"
HINT = (
    "<p class='hint'>Drop an MRI slice or volume, or choose an example. "
    "The outlines of both networks appear here.</p>"
)
PICTURES = 4
VOLUME_PARTS = 4
"""Plane, position, marks and the button to the next lesion: shown for volumes alone."""


@dataclass(frozen=True)
class Inputs:
    """What the visitor has set."""

    scan: str | None
    truth: str | None
    model: str
    threshold: float
    shown: str
    plane: str | None = None
    position: float | None = None

    @property
    def enhanced(self) -> bool:
        return self.shown == AFTER_CLAHE


def render(workbench: Workbench, inputs: Inputs, progress: Callable) -> list:
    """Updates of plane, position, marks, next lesion, status, pictures, figures, lesions and the
    button that prepares the files.

    A fault in the scan leaves the pictures as they are; a fault in the ground truth is told, and
    the scan is shown without it.
    """
    if not inputs.scan:
        return [*[hide()] * VOLUME_PARTS, HINT, *[hide(None)] * PICTURES, "", hide(None), hide()]
    trouble = ""
    try:
        try:
            opened = workbench.open(inputs.scan, inputs.truth, inputs.plane)
        except InputError as error:
            opened = workbench.open(inputs.scan, None, inputs.plane)
            trouble = alert(error)
        names = chosen_models(workbench, inputs.model)
        depth = len(opened.scan.voxels)
        index = depth // 2 if inputs.position is None else min(int(inputs.position), depth - 1)
        for name in names:
            workbench.predict(opened, name, progress)
        results = [workbench.segment(opened, name, inputs.threshold, index) for name in names]
        volumes = []
        if opened.scan.is_volume:
            volumes = [workbench.find_in_volume(opened, n, inputs.threshold) for n in names]
    except InputError as error:
        kept = [gr.skip()] * (PICTURES + 3)
        return [*[gr.skip()] * VOLUME_PARTS, alert(error), *kept]
    reports = [result.report for result in results]
    notices = [n for report in reports for n in report["notices"]]
    status = trouble + notice_list(notices)
    panels = [("Slice", workbench.view(opened, index, inputs.enhanced))]
    if opened.truth is not None:
        panels.append(("Ground truth", workbench.view(opened, index, inputs.enhanced, True)))
    panels += [(result.title, result.overlay) for result in results]
    pictures = [
        gr.update(value=picture, label=title, alt_text=f"{title}: {opened.scan.name}", visible=True)
        for title, picture in panels
    ]
    pictures += [hide(None)] * (PICTURES - len(panels))
    figures = metrics_table(reports, [volume.report for volume in volumes])
    figures += "".join(map(lesion_table, reports))
    parts, ready = _volume_parts(opened, index, volumes), gr.update(visible=True)
    return [*parts, status, *pictures, figures, _table(volumes), ready]


def chosen_models(workbench: Workbench, model: str) -> list[str]:
    """The networks that the radio stands for."""
    return workbench.compared if model == BOTH else [model]


def _volume_parts(opened: OpenScan, index: int, volumes: list[VolumeFindings]) -> list:
    if not volumes:
        return [hide()] * VOLUME_PARTS
    found = {volume.report["model"]: volume.report["slices_with_lesion"] for volume in volumes}
    depth = len(opened.scan.voxels)
    turns = opened.scan.affine is not None
    return [
        gr.update(visible=turns, value=opened.scan.plane),
        gr.update(maximum=depth - 1, value=index, visible=True),
        gr.update(value=slice_marks(found, depth, index), visible=True),
        gr.update(visible=any(found.values())),
    ]


def _table(volumes: list[VolumeFindings]) -> dict:
    if not volumes:
        return hide(None)
    return gr.update(value=volume_lesion_rows([v.report for v in volumes]), visible=True)


def next_lesion(workbench: Workbench, inputs: Inputs) -> float | None:
    """The slice of the next lesion after the present one, round again from the first."""
    opened = workbench.open(inputs.scan, None, inputs.plane)
    slices = sorted(
        lesion.diameter_slice
        for name in chosen_models(workbench, inputs.model)
        for lesion in workbench.find_in_volume(opened, name, inputs.threshold).lesions
    )
    later = [index for index in slices if index > (inputs.position or 0)]
    return (later or slices or [inputs.position])[0]


def hide(*value) -> dict:
    """An update that hides a component, and sets its value where one is given."""
    return gr.update(visible=False, **({"value": value[0]} if value else {}))


def alert(error: InputError) -> str:
    """The sentence of ``error``, for the page."""
    return f"<p class='alert' role='alert'>{escape(str(error))}</p>"
