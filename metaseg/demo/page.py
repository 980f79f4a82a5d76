"""The page: drop a slice, see what each network outlines, move the threshold."""

from html import escape

import gradio as gr

from metaseg.demo.api import add_api
from metaseg.demo.gallery import read_examples
from metaseg.demo.style import HEADER, LEGEND
from metaseg.demo.tables import lesion_table, metrics_table, notice_list
from metaseg.demo.workbench import BOTH, Workbench
from metaseg.errors import InputError
from metaseg.segmenter import Segmenter

AS_LOADED, AFTER_CLAHE = "As loaded", "After CLAHE"
HINT = (
    "<p class='hint'>Drop an MRI slice on the left, or choose an example above. "
    "The outlines of both networks appear here.</p>"
)


def build_page(segmenter: Segmenter) -> gr.Blocks:
    """The whole demo, ready to launch with ``LAUNCH_OPTIONS``."""
    workbench = Workbench(segmenter)
    titles = list(segmenter.titles.values())
    examples = read_examples()

    with gr.Blocks(title="MetaSeg", analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        gr.HTML(HEADER)
        with gr.Row():
            with gr.Column(scale=1, min_width=290):
                scan = gr.File(label="MRI slice", height=150, elem_id="scan")
                truth = gr.File(
                    label="Ground truth mask (optional)", height=150, elem_id="ground-truth"
                )
                model = gr.Radio([BOTH, *titles], value=BOTH, label="Model", elem_id="model")
                threshold = gr.Slider(
                    0,
                    1,
                    0.5,
                    step=0.01,
                    label="Threshold",
                    info="Probability from which a pixel counts as lesion",
                    elem_id="threshold",
                )
                shown = gr.Radio(
                    [AS_LOADED, AFTER_CLAHE],
                    value=AS_LOADED,
                    label="Slice shown",
                    info="CLAHE evens out the contrast; the networks see the slice after it",
                    elem_id="view",
                )
                position = gr.Slider(
                    0, 1, 0, step=1, label="Slice of the volume", visible=False, elem_id="position"
                )
            with gr.Column(scale=3, min_width=320):
                gr.HTML(
                    "<h2>Examples: real slices with ground truth</h2>",
                    elem_classes="examples-title",
                )
                gallery = gr.Gallery(
                    [(example.thumbnail, example.title) for example in examples],
                    label="Examples",
                    show_label=False,
                    container=False,
                    columns=8,
                    height="auto",
                    allow_preview=False,
                    buttons=[],
                    interactive=False,
                    elem_id="examples",
                )
                status = gr.HTML(HINT, elem_id="status")
                with gr.Row(elem_id="pictures"):
                    pictures = [
                        gr.Image(
                            format="png",
                            visible=False,
                            interactive=False,
                            buttons=["download", "fullscreen"],
                            min_width=240,
                            elem_id=f"picture-{number}",
                        )
                        for number in range(4)
                    ]
                figures = gr.HTML(elem_id="figures")
        gr.HTML(LEGEND)

        def render(scan, truth, model, threshold, shown, position):
            return _render(workbench, scan, truth, model, threshold, shown, position)

        def open_scan(scan, truth, model, threshold, shown):
            return render(scan, truth, model, threshold, shown, None)

        def choose(event: gr.SelectData):
            example = examples[event.index]
            return example.scan, example.truth

        inputs = [scan, truth, model, threshold, shown]
        outputs = [position, status, *pictures, figures]
        quiet = {"outputs": outputs, "api_visibility": "private", "show_progress": "hidden"}
        chosen = gallery.select(choose, None, [scan, truth], api_visibility="private")
        chosen.then(open_scan, inputs, **quiet)
        scan.upload(open_scan, inputs, **quiet)
        scan.clear(lambda: None, None, truth, api_visibility="private").then(
            open_scan, inputs, **quiet
        )
        gr.on(
            [
                truth.upload,
                truth.clear,
                model.input,
                threshold.input,
                shown.input,
                position.input,
            ],
            render,
            [*inputs, position],
            trigger_mode="always_last",
            **quiet,
        )
        add_api(workbench)
    return page


def _render(workbench: Workbench, scan, truth, model, threshold, shown, position) -> list:
    """Updates of the slice slider, the status, the four pictures and the figures.

    A fault in the scan leaves the pictures as they are; a fault in the ground truth is told, and
    the scan is shown without it.
    """
    if not scan:
        return [_hide(), HINT, *[_hide(None)] * 4, ""]
    trouble = ""
    try:
        try:
            loaded = workbench.load(scan, truth, position)
        except InputError as error:
            loaded = workbench.load(scan, None, position)
            trouble = _alert(error)
        names = workbench.compared if model == BOTH else [model]
        results = [workbench.segment(loaded, name, threshold) for name in names]
    except InputError as error:
        return [gr.skip(), _alert(error), *[gr.skip()] * 4, gr.skip()]

    name = loaded.scan.name
    panels = [("Slice", workbench.view(loaded, enhanced=shown == AFTER_CLAHE))]
    if loaded.truth is not None:
        enhanced = shown == AFTER_CLAHE
        panels.append(("Ground truth", workbench.view(loaded, enhanced, with_truth=True)))
    panels += [(result.title, result.overlay) for result in results]
    pictures = [
        gr.update(value=picture, label=title, alt_text=f"{title}: {name}", visible=True)
        for title, picture in panels
    ]
    pictures += [_hide(None)] * (4 - len(panels))
    reports = [result.report for result in results]
    notices = [notice for report in reports for notice in report["notices"]]
    figures = metrics_table(reports) + "".join(map(lesion_table, reports))
    slider = gr.update(
        maximum=max(loaded.depth - 1, 1), value=loaded.index, visible=loaded.depth > 1
    )
    return [slider, trouble + notice_list(notices), *pictures, figures]


def _hide(*value) -> dict:
    return gr.update(visible=False, **({"value": value[0]} if value else {}))


def _alert(error: InputError) -> str:
    return f"<p class='alert' role='alert'>{escape(str(error))}</p>"
