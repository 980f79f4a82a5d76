"""The views that are drawn when they are opened: Compare, Explain and the call in Python."""

from typing import Any

from metaseg.demo.compare import compare_view
from metaseg.demo.explain import explain_view
from metaseg.demo.figure import Frame, slice_store
from metaseg.demo.handover import python_call
from metaseg.demo.render import Inputs, open_inputs, read_slice, review_in
from metaseg.demo.workbench import Workbench
from metaseg.errors import InputError
from metaseg.findings.cropping import tissue_box
from metaseg.findings.overlay import TRUTH_COLOUR

UNREVIEWED = "This shows what the networks themselves outline, without the changes of your review."


def view_of(workbench: Workbench, state: Any, server: str) -> dict:
    """The view that ``state`` asks for, as HTML, or the call as text. It names the scan and the
    slice it is of. ``server`` is the address at which the visitor reaches it."""
    inputs = Inputs.of(state)
    name = state.get("view")
    answered = {"id": state.get("id"), "view": name, "key": state.get("key")}
    if name == "python":
        text = python_call(workbench, server, inputs)
        return {**answered, "text": f"# {UNREVIEWED}\n{text}" if review_in(state) else text}
    if name not in ("compare", "explain"):
        raise InputError("There is no such view: choose compare, explain or python.")
    opened, _ = open_inputs(workbench, inputs)
    index, readings = read_slice(workbench, opened, inputs)
    scan = opened.scan
    grey = workbench.segmenter.view(scan, index)
    truth = None if opened.truth is None else opened.truth[index]
    marked = [(reading.mask, reading.colour) for reading in readings]
    marked += [] if truth is None else [(truth, TRUTH_COLOUR)]
    box = tissue_box(grey, workbench.segmenter.display, marked)
    frame = Frame(scan.name, *grey.shape, scan.aspect, box, f"mri-{name}")
    if name == "explain":
        explanations = [workbench.explain(opened, reading.name, index) for reading in readings]
        html = explain_view(frame, readings, explanations)
    else:
        spacing = scan.spacing
        html = compare_view(frame, readings, truth, spacing and spacing[1] * spacing[2])
    if scan.is_volume:
        where = f"{scan.plane.capitalize()} slice {index + 1} of {len(scan.voxels)}."
        html = f"<p class='aside'>{where}</p>{html}"
    if review_in(state):
        html = f"<p class='aside'>{UNREVIEWED}</p>{html}"
    return {**answered, "html": slice_store(grey, frame) + html}
