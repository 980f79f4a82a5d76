"""Several scans at once: a table with the result of each, and everything as one zip."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import gradio as gr

from metaseg.demo.render import chosen_models
from metaseg.demo.store import BATCH, store
from metaseg.demo.workbench import BOTH, Workbench, check_slices
from metaseg.errors import InputError
from metaseg.findings.files import write_results
from metaseg.findings.report import find
from metaseg.prediction import check_threshold
from metaseg.scan import Scan
from metaseg.scan.errors import log_cause
from metaseg.scan.reading import open_all

COLUMNS = ["Scan", "Model", "Result", "Lesions"]


def add_batch_tab(workbench: Workbench) -> None:
    """Files, model and threshold in, table and zip out."""
    with gr.Row():
        with gr.Column(scale=1, min_width=290):
            scans = gr.File(
                label="Scans: pictures, NIfTI, DICOM or zip",
                file_count="multiple",
                height=180,
                elem_id="batch-scans",
            )
            model = gr.Radio(
                [BOTH, *workbench.segmenter.titles.values()], value=BOTH, label="Model"
            )
            threshold = gr.Slider(
                0, 1, workbench.default_threshold(BOTH), step=0.01, label="Threshold"
            )
            start = gr.Button("Segment all", variant="primary", elem_id="batch-start")
        with gr.Column(scale=3, min_width=320):
            table = gr.Dataframe(
                headers=COLUMNS, label="Results", interactive=False, elem_id="batch-table"
            )
            results = gr.File(
                label="All results (zip)", interactive=False, visible=False, elem_id="batch-zip"
            )

    def segment_all(paths, model, threshold, progress=gr.Progress()):
        names = chosen_models(workbench, model)
        rows, archive = run_batch(workbench, paths or [], names, threshold, progress.tqdm)
        return rows, gr.update(value=archive, visible=archive is not None)

    private = {"api_visibility": "private"}
    model.input(None, [model, threshold], threshold, js=workbench.follow_model(), **private)
    start.click(segment_all, [scans, model, threshold], [table, results], **private)
    scans.clear(lambda: store().forget(BATCH), **private)


def run_batch(
    workbench: Workbench, paths: list[str], models: list[str], threshold: float, progress
) -> tuple[list[list[str]], str | None]:
    """Rows of the table and the path of the zip. A bad scan gives a row; the others go on."""
    threshold = check_threshold(threshold)
    folder = store().new_result(BATCH)
    rows = []
    number = 0
    archive_path = folder / "metaseg.zip"
    with zipfile.ZipFile(archive_path, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in progress(paths, desc="Scans"):
            try:
                workbench.claim(path, BATCH)
                for shown, read in open_all(path):
                    number += 1
                    rows += _segment_one(
                        workbench, shown, read, models, threshold, folder, number, archive
                    )
            except Exception as error:
                rows.append([Path(path).name, "", _words(error), ""])
    if not any(row[2] == "done" for row in rows):
        archive_path.unlink()
        return rows, None
    return rows, str(archive_path)


def _segment_one(
    workbench: Workbench,
    shown: str,
    read: Callable[[], Scan],
    models: list[str],
    threshold: float,
    folder: Path,
    number: int,
    archive: zipfile.ZipFile,
) -> list[list[str]]:
    """The rows of one scan. Its results go into ``archive``."""
    rows = []
    try:
        # Bypass the cache: a batch may be larger than the cache.
        scan = check_slices(read())
        for prediction in workbench.run_each(scan, models):
            found = find(scan, prediction, threshold)
            name = f"{number:03d}_{prediction.model}"
            report, files = write_results(
                folder, name, workbench.segmenter, scan, prediction, found
            )
            for file in files:
                archive.write(folder / file, f"{number:03d}/{file}")
                (folder / file).unlink()
            rows.append([shown, prediction.title, "done", str(len(report.lesions))])
    except Exception as error:
        rows.append([shown, "", _words(error), ""])
    return rows


def _words(fault: Exception) -> str:
    """One sentence on ``fault``. The log says what nobody foresaw."""
    if isinstance(fault, InputError):
        return str(fault)
    log_cause(fault)
    return "This could not be segmented: check the file, and give it alone."
