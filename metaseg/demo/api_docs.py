"""The API page's description of each endpoint, and the list that ``/models`` returns."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.utils import get_function_description

from metaseg.prediction import SENSITIVE
from metaseg.segmenter import Segmenter

EXAMPLES: dict[str, Any] = {
    "scan": "examples/meningioma_axial.jpg",
    "ground_truth": "examples/meningioma_axial_truth.png",
    "model": "Nested U-Net",
    "threshold": 0.5,
    "slice_index": 12,
    "plane": "coronal",
    "min_lesion_mm3": 10,
    "series": "2",
}
"""A sensible value of each parameter, instead of gradio's own."""

LISTED_METRICS = (
    "split",
    "cases",
    "groups",
    "dice",
    "iou",
    "precision",
    "recall",
    "f1",
    "group_dice",
    "pooled_dice",
    "empty_cases",
    "empty_false_positive_rate",
)
"""The metrics of each test set in ``/models``: those of the README's table and a few more."""


def list_models(segmenter: Segmenter) -> list[dict[str, Any]]:
    """The loaded networks, ready for JSON; metrics that were not recorded are null."""
    return [
        {
            "name": checkpoint.name,
            "title": checkpoint.config.title,
            "revision": checkpoint.revision,
            "license": checkpoint.config.license,
            "threshold": checkpoint.config.threshold,
            "sensitive_threshold": checkpoint.config.sensitive_threshold,
            "runtime": segmenter.runtime(checkpoint.name).name,
            "metrics": {
                data: {name: metrics.get(name) for name in LISTED_METRICS}
                for data, metrics in checkpoint.metrics.items()
            }
            or None,
        }
        for checkpoint in segmenter.checkpoints.values()
    ]


def document(
    function: Callable,
    inputs: list[gr.components.Component],
    outputs: list[gr.components.Component],
) -> None:
    """Show the docstring's entries for inputs and outputs of ``function`` on the API page.

    Gradio shows them only to MCP clients. Outputs take the docstring's entries in turn, and
    repeat them if there are more outputs than entries.
    """
    _, parameters, returns = get_function_description(function)
    for component in inputs:
        _describe(component, parameters[component.label], EXAMPLES[component.label])
    for number, component in enumerate(outputs):
        _describe(component, returns[number % len(returns)].partition(": ")[2])


def _describe(component: gr.components.Component, text: str, example: Any = None) -> None:
    info = {**component.api_info(), "description": text, "additional_description": text}
    if component.label == "slice_index":
        info["type"] = "integer"
    if component.label == "threshold":
        info["anyOf"] = [{"type": info.pop("type")}, {"type": "string", "const": SENSITIVE}]
    if isinstance(component, gr.File) and example is not None:
        example = {"path": example, "meta": {"_type": "gradio.FileData"}}
    component.api_info = lambda: info
    component.example_inputs = lambda: example
