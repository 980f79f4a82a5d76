"""Single downloads beside the full zip: a figure for a paper, masks, tables, DICOM objects."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from metaseg.demo.files import clean_name, part_to_show, write_report, write_zip
from metaseg.demo.one_page import slice_text
from metaseg.demo.render import Inputs
from metaseg.demo.result import Result, result_of
from metaseg.demo.store import SCAN, store
from metaseg.demo.workbench import OpenScan, Workbench
from metaseg.errors import InputError
from metaseg.findings.files import write_results
from metaseg.findings.overlay import TRUTH_COLOUR
from metaseg.findings.panels import Layer, Panel
from metaseg.findings.report import RESEARCH_USE
from metaseg.findings.review import Review
from metaseg.scan.types import display_name

FIGURES = {"figure-png": ".png", "figure-svg": ".svg", "figure-pdf": ".pdf"}
FILES = ("mask", "probability", "lesions", "overlay", "dicom")
LABELS = {
    "figure-png": "Figure (PNG, 300 dpi)",
    "figure-svg": "Figure (SVG)",
    "figure-pdf": "Figure (PDF)",
    "report": "Printable report",
    "mask": "Mask",
    "probability": "Probability (NIfTI)",
    "lesions": "Lesions (CSV)",
    "overlay": "Slice with outlines (PNG)",
    "dicom": "DICOM-SEG and structured report",
    "zip": "Everything (zip)",
}
IMAGE, TRUTH, TOGETHER = "image", "truth", "together"
"""Panels of a figure, beside one of each network's name."""


def downloads_of(opened: OpenScan) -> dict[str, str]:
    """The kinds of download that there are for a scan, with their labels."""
    volume, dicom = opened.scan.is_volume, bool(opened.scan.sources)
    missing = {*["probability"] * (not volume), *["dicom"] * (not dicom)}
    return {kind: label for kind, label in LABELS.items() if kind not in missing}


def write_download(
    workbench: Workbench,
    inputs: Inputs,
    kind: str,
    review: Review | None = None,
    panels: Sequence[str] = (),
) -> str:
    """Path of the download ``kind``, a key of ``LABELS``; several files come as a zip.

    ``panels`` are those of a figure, as ``figure_panels`` names them; by default the image, the
    ground truth and each network. InputError for a kind or a panel that there is not.
    """
    if kind == "zip":
        return write_zip(workbench, inputs, review)
    folder = store().new_result(SCAN)
    name = clean_name(display_name(inputs.scan or ""))
    if kind == "report":
        path = folder / f"{name}_report.html"
        path.write_text(write_report(workbench, inputs, review), encoding="utf-8")
        return str(path)
    result = result_of(workbench, inputs, review)
    if kind not in downloads_of(result.opened):
        raise InputError("There is no such download of this scan: choose another.")
    if kind in FIGURES:
        return str(
            _write_figure(workbench, inputs, result, folder / (name + FIGURES[kind]), panels)
        )
    files = []
    for prediction, found in zip(result.predictions, result.findings):
        stem = f"{name}_{prediction.model}"
        report, written = write_results(
            folder,
            stem,
            workbench.segmenter,
            result.opened.scan,
            prediction,
            found,
            kinds=[kind],
        )
        if not written:
            raise InputError(report.notices[0])
        files += [folder / file for file in written]
    return str(files[0] if len(files) == 1 else _pack(files, folder / f"{name}_{kind}.zip"))


def figure_panels(result: Result, index: int) -> dict[str, Panel]:
    """All panels that a figure of slice ``index`` can have, by name, in their usual order."""
    truth = result.opened.truth
    layers = [
        Layer(prediction.title, mask, colour)
        for prediction, (mask, colour) in zip(
            result.predictions, result.outlines(index, truth=False)
        )
    ]
    panels = {IMAGE: Panel("Image")}
    if truth is not None:
        reference = Layer("Ground truth", truth[index], TRUTH_COLOUR)
        panels[TRUTH] = Panel("Ground truth", (reference,))
    for prediction, layer in zip(result.predictions, layers):
        panels[prediction.model] = Panel(layer.label, (layer,))
    if len(layers) > 1 or truth is not None:
        everything = layers if truth is None else [reference, *layers]
        panels[TOGETHER] = Panel("Together", tuple(everything))
    return panels


def _write_figure(
    workbench: Workbench, inputs: Inputs, result: Result, path: Path, chosen: Sequence[str]
) -> Path:
    from metaseg.findings.paper_figure import write_paper_figure

    scan = result.opened.scan
    index = result.main_slice if inputs.position is None else result.viewed
    panels = figure_panels(result, index)
    wanted = list(chosen) or [name for name in panels if name != TOGETHER]
    if len(wanted) > len(panels) or not all(name in list(panels) for name in wanted):
        raise InputError(f"A figure of this result can have the panels {', '.join(panels)}.")
    used = ", ".join(
        f"{found.report.model} at threshold {found.report.threshold:g}" for found in result.findings
    )
    reviewed = "reviewed by a person" if result.review is not None else ""
    caption = "; ".join(words for words in (slice_text(index, scan), used, reviewed) if words)
    revisions = ", ".join(f"{one.title} {one.revision}" for one in result.predictions)
    write_paper_figure(
        path,
        workbench.segmenter.view(scan, index),
        [panels[name] for name in wanted],
        part_to_show(workbench, result, index),
        scan.spacing and scan.spacing[1:],
        scan.aspect,
        caption[:1].upper() + caption[1:],
        f"{caption}. {revisions}. {RESEARCH_USE}",
    )
    return path


def _pack(files: Sequence[Path], path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in files:
            archive.write(file, file.name)
            file.unlink()
    return path
