"""The files that the page and the API hand over."""

import tempfile
from pathlib import Path

import gradio as gr
import numpy as np

from metaseg.demo.render import Inputs, chosen_models
from metaseg.demo.workbench import Workbench
from metaseg.lesions3d import lesion_table
from metaseg.results import write_results
from metaseg.scan.nifti import write_nifti


def new_folder(component: gr.components.Component) -> Path:
    """A folder in the cache of ``component``, which gradio empties when its time has come.

    Nothing in it is named by what a visitor wrote.
    """
    cache = Path(component.GRADIO_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=cache))


def write_files(workbench: Workbench, inputs: Inputs, component: gr.File) -> list[str]:
    """All results for what is on the page, of each network that is chosen."""
    opened = workbench.open(inputs.scan, None, inputs.plane)
    folder = new_folder(component)
    written = []
    for model in chosen_models(workbench, inputs.model):
        prediction = workbench.predict(opened, model)
        _, names = write_results(
            folder,
            prediction.model,
            workbench.segmenter,
            opened.scan,
            prediction,
            inputs.threshold,
        )
        written += [str(folder / name) for name in names]
    return written


def write_volume(
    workbench: Workbench,
    scan: str,
    model: str,
    threshold: float,
    minimum: float,
    component: gr.File,
) -> tuple[str, str, dict]:
    """Mask (NIfTI, the scan's own grid), lesion table (CSV) and report of a volume."""
    opened = workbench.open(scan, None)
    found = workbench.find_in_volume(opened, model, threshold, minimum)
    folder = new_folder(component)
    write_nifti(folder / "mask.nii.gz", found.mask.astype(np.uint8), opened.scan)
    (folder / "lesions.csv").write_text(lesion_table(found.lesions), encoding="utf-8")
    return str(folder / "mask.nii.gz"), str(folder / "lesions.csv"), found.report
