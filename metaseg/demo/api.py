"""The public endpoints. Their inputs are unconstrained; our own checks explain every error."""

import errno
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr
from gradio.caching import clear_session_caches

from metaseg.demo.api_docs import document, list_models
from metaseg.demo.files import write_segmentation, write_volume
from metaseg.demo.sessions import current_session
from metaseg.demo.workbench import SLICES, VOLUMES, Workbench
from metaseg.errors import InputError

NO_SPACE = "The server cannot store the results now: try again later, or tell whoever runs it."
log = logging.getLogger(__name__)


def in_our_words(function: Callable) -> Callable:
    """An InputError reaches the client as its sentence, without a traceback in the log; so does a
    disk that is full."""

    @wraps(function)
    def guarded(*arguments):
        try:
            return function(*arguments)
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None
        except OSError as error:
            log.error("%s while results were written", errno.errorcode.get(error.errno, "OSError"))
            raise gr.Error(NO_SPACE, print_exception=False) from None
        finally:
            if current_session() is None:
                clear_session_caches(None)  # of this call: no other finds it again

    return guarded


def add_api(workbench: Workbench) -> None:
    """Add ``/segment``, ``/compare``, ``/segment_volume`` and ``/models`` to the Blocks that are
    being built.

    The API page and the MCP tools show the docstrings below.
    """
    first = workbench.compared[0]

    @in_our_words
    def segment(
        scan: str,
        ground_truth: str | None = None,
        model: str | None = None,
        threshold: float | str | None = None,
        slice_index: int | None = None,
        plane: str | None = None,
        series: str | None = None,
    ) -> tuple:
        """Outline brain tumours and metastases on one MRI slice with one network.
        Research software, not for diagnosis.

        Args:
            scan: Slice or volume: PNG, JPEG, BMP, WebP, TIFF, NIfTI, DICOM or a zipped series.
            ground_truth: A black and white mask of the same size. Optional.
            model: Title or name of a network, as /models lists it.
            threshold: Lowest probability (0 to 1) that counts as lesion, or "sensitive" to \
find more lesions with more false positives. Default: the model's own.
            slice_index: Slice of a volume, counted from 0. Default: the middle slice.
            plane: Cut an oriented volume in this plane: axial, coronal or sagittal.
            series: Which scan of a zip with several: its number or a part of its description.

        Returns:
            overlay: The slice with the outlines, as a PNG.
            mask: The binary mask as a PNG, 0 and 255, in the slice's own size.
            report: Model, revision, threshold, measured lesions, metrics against the ground \
truth, seconds, notices.
        """
        with workbench.segmenter.turns.ahead():
            opened = workbench.open(scan, ground_truth, plane or None, series or None)
            opened = opened.only(slice_index)
            return write_segmentation(workbench.segment(opened, model or first, threshold))

    @in_our_words
    def compare(
        scan: str,
        ground_truth: str | None = None,
        threshold: float | str | None = None,
        slice_index: int | None = None,
        plane: str | None = None,
        series: str | None = None,
    ) -> list:
        """Run each network once on one MRI slice and compare the results.
        Research software, not for diagnosis.

        Args:
            scan: Slice or volume: PNG, JPEG, BMP, WebP, TIFF, NIfTI, DICOM or a zipped series.
            ground_truth: A black and white mask of the same size. Optional.
            threshold: Lowest probability (0 to 1) that counts as lesion, or "sensitive" to \
find more lesions with more false positives. Default: each model's own.
            slice_index: Slice of a volume, counted from 0. Default: the middle slice.
            plane: Cut an oriented volume in this plane: axial, coronal or sagittal.
            series: Which scan of a zip with several: its number or a part of its description.

        Returns:
            overlay: The slice with this network's outlines, as a PNG.
            mask: This network's binary mask as a PNG, 0 and 255, in the slice's own size.
            report: This network's report, as in /segment.
        """
        with workbench.segmenter.turns.ahead():
            opened = workbench.open(scan, ground_truth, plane or None, series or None)
            opened = opened.only(slice_index)
            workbench.predict_each(opened, workbench.compared)
            results = [workbench.segment(opened, name, threshold) for name in workbench.compared]
            return [part for result in results for part in write_segmentation(result)]

    @in_our_words
    def segment_volume(
        scan: str,
        model: str | None = None,
        threshold: float | str | None = None,
        min_lesion_mm3: float | None = None,
        series: str | None = None,
    ) -> tuple[str, str, dict]:
        """Outline brain tumours and metastases in a whole volume with one network.
        Research software, not for diagnosis.

        Args:
            scan: The volume: NIfTI, a zipped DICOM series, or a TIFF stack.
            model: Title or name of a network, as /models lists it.
            threshold: Lowest probability (0 to 1) that counts as lesion, or "sensitive" to \
find more lesions with more false positives. Default: the model's own.
            min_lesion_mm3: Smallest lesion to report in mm3 (voxels if the file has no spacing).
            series: Which scan of a zip with several: its number or a part of its description.

        Returns:
            mask: The binary mask as NIfTI, 0 and 1, in the volume's own grid.
            lesions: The table of lesions as CSV, one row each.
            report: Model, revision, threshold, measured lesions, seconds, notices.
        """
        opened = workbench.open(scan, None, series=series or None)
        return write_volume(workbench, opened, model or first, threshold, min_lesion_mm3 or 0)

    def models() -> list[dict[str, Any]]:
        """List the loaded networks with their revision and test metrics.
        Research software, not for diagnosis.

        Returns:
            models: For each network: name, title, revision (the Hub's commit, or the SHA-256 of \
the weights), license of the weights, default threshold, sensitive threshold, what runs it, and \
metrics by test set (null if there are none).
        """
        return list_models(workbench.segmenter)

    first_title = workbench.segmenter.titles[first]

    def inputs(with_model: bool) -> list[gr.components.Component]:
        model = [gr.Textbox(first_title, label="model")] if with_model else []
        return [
            gr.File(label="scan"),
            gr.File(label="ground_truth"),
            *model,
            gr.Number(None, label="threshold"),
            gr.Number(None, label="slice_index"),
            gr.Textbox(None, label="plane"),
            gr.Textbox(None, label="series"),
        ]

    def outputs(of: str = "") -> list[gr.components.Component]:
        return [
            gr.Image(label=f"overlay{of}", format="png"),
            gr.Image(label=f"mask{of}", format="png"),
            gr.JSON(label=f"report{of}"),
        ]

    def offer(function: Callable, inputs: list, outputs: list, queue: dict) -> None:
        document(function, inputs, outputs)
        gr.Button().click(function, inputs, outputs, api_name=function.__name__, **queue)

    with gr.Column(visible=False):
        offer(segment, inputs(with_model=True), outputs(), SLICES)
        both = [part for name in workbench.compared for part in outputs(f"_{name}")]
        offer(compare, inputs(with_model=False), both, SLICES)
        volume_outputs = [gr.File(label="mask"), gr.File(label="lesions"), gr.JSON(label="report")]
        volume_inputs = [
            gr.File(label="scan"),
            gr.Textbox(first_title, label="model"),
            gr.Number(None, label="threshold"),
            gr.Number(0, label="min_lesion_mm3"),
            gr.Textbox(None, label="series"),
        ]
        offer(segment_volume, volume_inputs, volume_outputs, VOLUMES)
        offer(models, [], [gr.JSON(label="models")], SLICES)
