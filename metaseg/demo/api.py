"""The public endpoints. Their inputs are unconstrained here and checked in our own words."""

from collections.abc import Callable
from functools import wraps

import gradio as gr

from metaseg.demo.files import write_volume
from metaseg.demo.workbench import Workbench
from metaseg.errors import InputError


def in_our_words(function: Callable) -> Callable:
    """An InputError reaches the client as its sentence, without a traceback in the log."""

    @wraps(function)
    def guarded(*arguments):
        try:
            return function(*arguments)
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None

    return guarded


def add_api(workbench: Workbench) -> None:
    """Add ``/segment``, ``/compare`` and ``/segment_volume`` to the Blocks that are being built."""

    @in_our_words
    def segment(scan, ground_truth=None, model=None, threshold=None, slice_index=None):
        """Outline brain metastases on one MRI slice with one network.

        Returns the overlay (PNG), the binary mask (PNG, 0/255, the slice's own size) and a report.
        Research software, not for diagnosis.
        """
        opened = workbench.open(scan, ground_truth).only(slice_index)
        result = workbench.segment(opened, model, threshold)
        return result.overlay, result.mask, result.report

    @in_our_words
    def compare(scan, ground_truth=None, threshold=None, slice_index=None):
        """Run the Attention U-Net and the Nested U-Net once each on one MRI slice.

        Returns overlay, mask and report of the first, then of the second.
        Research software, not for diagnosis.
        """
        opened = workbench.open(scan, ground_truth).only(slice_index)
        results = [workbench.segment(opened, name, threshold) for name in workbench.compared]
        return [part for r in results for part in (r.overlay, r.mask, r.report)]

    @in_our_words
    def segment_volume(scan, model=None, threshold=None, min_lesion_mm3=None):
        """Outline brain metastases in a whole volume with one network.

        Returns the mask (NIfTI, in the scan's own grid), the lesion table (CSV) and a report.
        Research software, not for diagnosis.
        """
        return write_volume(workbench, scan, model, threshold, min_lesion_mm3, volume_outputs[0])

    first_title = workbench.segmenter.titles[workbench.compared[0]]

    def inputs(with_model: bool) -> list[gr.components.Component]:
        model = [gr.Textbox(first_title, label="model")] if with_model else []
        return [
            gr.File(label="scan"),
            gr.File(label="ground_truth"),
            *model,
            gr.Number(0.5, label="threshold"),
            gr.Number(None, label="slice_index"),
        ]

    def outputs(of: str = "") -> list[gr.components.Component]:
        return [
            gr.Image(label=f"overlay{of}", format="png"),
            gr.Image(label=f"mask{of}", format="png"),
            gr.JSON(label=f"report{of}"),
        ]

    with gr.Column(visible=False):
        volume_outputs = [gr.File(label="mask"), gr.File(label="lesions"), gr.JSON(label="report")]
        gr.Button().click(
            segment_volume,
            [
                gr.File(label="scan"),
                gr.Textbox(first_title, label="model"),
                gr.Number(0.5, label="threshold"),
                gr.Number(0, label="min_lesion_mm3"),
            ],
            volume_outputs,
            api_name="segment_volume",
        )
        gr.Button().click(segment, inputs(with_model=True), outputs(), api_name="segment")
        both = [part for name in workbench.compared for part in outputs(f"_{name}")]
        gr.Button().click(compare, inputs(with_model=False), both, api_name="compare")
