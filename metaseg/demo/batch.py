"""Several scans at once: a table with the result of each, and everything as one zip."""

import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np

from metaseg.demo.api import NO_SPACE
from metaseg.demo.batch_table import STYLE, THUMBNAIL, Row, batch_table
from metaseg.demo.render import alert, chosen_models, typed_threshold
from metaseg.demo.store import BATCH, store
from metaseg.demo.workbench import BOTH, Workbench, check_slices
from metaseg.errors import DISK, InputError
from metaseg.findings.cropping import picture_of, tissue_box
from metaseg.findings.files import write_results
from metaseg.findings.matching import Regions, match_regions
from metaseg.findings.overlay import PREDICTION_COLOURS
from metaseg.findings.report import RESEARCH_USE, Findings, find
from metaseg.findings.sizes import diameter_of, extent_of
from metaseg.findings.verdict import verdict
from metaseg.scan import Scan
from metaseg.scan.errors import log_cause
from metaseg.scan.reading import is_dicom_file, open_all, open_together

SHOWN_EVERY = 2.0
"""Seconds between two views of a growing table."""
WELCOME = (
    "<p>Each file becomes a row. DICOM files are sorted into series, and each series becomes a "
    "row.</p>"
)
NOTHING_GIVEN = "<p role='status'>Choose the scans first.</p>"

OPEN = """
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-open]");
      if (!button) return;
      const { open: scan, series = null, model, threshold = null } = button.dataset;
      const detail = { scan, series, model, threshold };
      document.dispatchEvent(new CustomEvent("metaseg:open", { detail }));
    });
"""
"""A row that is chosen tells the page, which shows ``detail.series`` of ``detail.scan`` as the row
does."""


def add_batch_tab(workbench: Workbench) -> None:
    """Files, model and threshold in, table and zip out."""
    with gr.Row():
        with gr.Column(scale=1, min_width=290):
            scans = gr.File(
                label="Pictures, NIfTI, DICOM, zip",
                file_count="multiple",
                height=180,
                elem_id="batch-scans",
            )
            model = gr.Radio(
                [BOTH, *workbench.segmenter.titles.values()], value=BOTH, label="Model"
            )
            # gr.Number shows 0 where nothing is given.
            threshold = gr.Textbox(
                label="Threshold", placeholder="each network's own", elem_id="batch-threshold"
            )
            start = gr.Button("Segment all", variant="primary", elem_id="batch-start")
        with gr.Column(scale=3, min_width=320):
            table = gr.HTML(
                WELCOME,
                elem_id="batch-table",
                css_template=STYLE,
                apply_default_css=False,
                js_on_load=OPEN,
            )
            results = gr.File(
                label="All results (zip)", interactive=False, visible=False, elem_id="batch-zip"
            )

    def segment_all(paths, model, threshold, progress=gr.Progress()):
        if not paths:
            yield NOTHING_GIVEN, gr.update(visible=False)
            return
        names = chosen_models(workbench, model)
        shown = BOTH if model == BOTH else names[0]
        try:
            wanted = typed_threshold(workbench, model, threshold)
            for rows, archive in run_batch(workbench, paths, names, wanted, progress.tqdm):
                yield (
                    batch_table(rows, shown, wanted),
                    gr.update(value=archive, visible=archive is not None),
                )
        except InputError as fault:
            yield alert(fault), gr.update(visible=False)
        except OSError as fault:
            log_cause(fault)
            yield alert(NO_SPACE), gr.update(visible=False)

    private = {"api_visibility": "private"}
    run = start.click(segment_all, [scans, model, threshold], [table, results], **private)

    def forget():
        store().forget(BATCH)
        return WELCOME, gr.update(value=None, visible=False)

    scans.clear(forget, None, [table, results], queue=False, cancels=[run], **private)


def run_batch(
    workbench: Workbench,
    paths: Sequence[str],
    models: Sequence[str],
    threshold: float | str | None,
    progress: Callable,
) -> Iterator[tuple[list[Row], str | None]]:
    """The rows so far, every few seconds, and at last all of them with the path of the zip; None if
    no scan could be segmented. It ends without more once the batch is cleared.

    A bad scan gives a row; the others go on. ``threshold`` is as ``Segmenter.threshold`` takes it.
    """
    names = [workbench.segmenter.find(model).name for model in models]
    thresholds = [workbench.segmenter.threshold(name, threshold) for name in names]
    folder = store().new_result(BATCH)
    rows: list[Row] = []
    number, shown = 0, time.monotonic()
    archive_path = folder / "metaseg.zip"
    with zipfile.ZipFile(archive_path, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in progress(_sources(workbench, paths, rows), desc="Scans"):
            before = len(rows)
            # The viewer opens one file; of several it would show a slice.
            opens = str(source[0]) if len(source) == 1 else None
            try:
                scans = open_all(source[0]) if opens else open_together(source)
                for series, (label, read) in enumerate(scans, start=1):
                    number += 1
                    row = _segment_one(
                        workbench, label, read, names, thresholds, folder, number, archive
                    )
                    rows.append(row if row.failed else replace(row, opens=opens, series=series))
            except Exception as error:
                rows.append(Row(source[0].name, failed=_words(error)))
            if len(rows) == before + 1:
                rows[-1] = replace(rows[-1], series=None)
            if not folder.exists():
                return
            if time.monotonic() - shown > SHOWN_EVERY:
                yield rows, None
                shown = time.monotonic()
    if all(row.failed for row in rows):
        archive_path.unlink(missing_ok=True)
        yield rows, None
    else:
        yield rows, str(archive_path)


def _sources(workbench: Workbench, paths: Sequence[str], rows: list[Row]) -> list[list[Path]]:
    """Each of ``paths`` alone, but all DICOM files together, because they are slices. Those that
    must not be read become ``rows``."""
    alone, dicom = [], []
    for path in map(Path, paths):
        try:
            workbench.claim(str(path), BATCH)
            (dicom if is_dicom_file(path) else alone).append(path)
        except Exception as error:
            rows.append(Row(path.name, failed=_words(error)))
    return [[path] for path in alone] + [dicom] * bool(dicom)


def _segment_one(
    workbench: Workbench,
    label: str,
    read: Callable[[], Scan],
    names: Sequence[str],
    thresholds: Sequence[float],
    folder: Path,
    number: int,
    archive: zipfile.ZipFile,
) -> Row:
    """The row of one scan. Its results go into ``archive``."""
    try:
        # Bypass the cache: a batch may be larger than the cache.
        scan = check_slices(read())
        predictions = workbench.run_each(scan, names)
        found = [find(scan, *pair) for pair in zip(predictions, thresholds)]
        for prediction, one in zip(predictions, found):
            stem = f"{number:03d}_{prediction.model}"
            _, files = write_results(folder, stem, workbench.segmenter, scan, prediction, one)
            for file in files:
                archive.write(folder / file, f"{number:03d}/{file}")
                (folder / file).unlink()
        return _row(workbench, label, scan, names, found, match_regions(scan, predictions, found))
    except Exception as error:
        return Row(label, failed=_words(error))


def _row(
    workbench: Workbench,
    label: str,
    scan: Scan,
    names: Sequence[str],
    found: Sequence[Findings],
    regions: Regions,
) -> Row:
    largest, index = "", len(scan.voxels) // 2
    if regions.rows:
        lesion = regions.rows[0].lesion
        largest = f"{diameter_of(lesion)} · {extent_of(lesion, scan.is_volume)}"
        index = lesion.diameter_slice
    notes = dict.fromkeys(notice for one in found for notice in one.report.notices)
    return Row(
        label,
        verdict(regions),
        largest,
        tuple(notice for notice in notes if notice != RESEARCH_USE),
        picture=_thumbnail(workbench, scan, names, found, index),
    )


def _thumbnail(
    workbench: Workbench, scan: Scan, names: Sequence[str], found: Sequence[Findings], index: int
) -> np.ndarray:
    segmenter = workbench.segmenter
    colours = [PREDICTION_COLOURS[segmenter.find(name).config.architecture] for name in names]
    masks = [(one.mask[index], colour) for one, colour in zip(found, colours)]
    grey = segmenter.view(scan, index)
    box = tissue_box(grey, segmenter.display, masks)
    return picture_of(grey, masks, box, THUMBNAIL, scan.aspect)


def _words(fault: Exception) -> str:
    """One sentence on ``fault``. The log says what nobody foresaw."""
    if isinstance(fault, InputError):
        return str(fault)
    if isinstance(fault, OSError) and fault.errno in DISK:
        raise fault  # the scan is not to blame
    log_cause(fault)
    return "This could not be segmented: check the file, and try it alone."
