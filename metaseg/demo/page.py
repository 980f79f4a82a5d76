"""The page: drop a scan, see what each network outlines, move the threshold."""

from collections.abc import Sequence

import gradio as gr

from metaseg.demo.about import add_about_tab
from metaseg.demo.api import add_api, in_our_words
from metaseg.demo.batch import add_batch_tab
from metaseg.demo.gallery import read_examples
from metaseg.demo.handover import add_handover
from metaseg.demo.render import (
    ENHANCED,
    EXPLAIN,
    HINT,
    ORIGINAL,
    Inputs,
    next_lesion,
    render,
    render_explanation,
)
from metaseg.demo.store import SCAN, TRUTH, store
from metaseg.demo.style import masthead
from metaseg.demo.tables import notice_list
from metaseg.demo.toolbar import KEYS, TOOLBAR
from metaseg.demo.workbench import BOTH, Workbench
from metaseg.limits import MAX_QUEUE
from metaseg.scan.planes import PLANES
from metaseg.segmenter import Segmenter

NOT_TAKEN = (
    "The file or a value was not accepted: reload the page and upload the file again, or give a "
    "public address."
)

# The browser restores what only it knows, such as the zoom, after each redraw.
DRAWN = {
    "apply_default_css": False,
    "js_on_load": """
        const drawn = () => document.dispatchEvent(new Event("metaseg:drawn"));
        watch("value", drawn);
        drawn();
    """,
}


class Page(gr.Blocks):
    """gr.Blocks that reports invalid input in one sentence."""

    async def preprocess_data(self, *arguments, **options) -> list:
        """As in gradio, with our sentence for unexpected errors."""
        try:
            return await super().preprocess_data(*arguments, **options)
        except gr.Error:
            raise
        except Exception as fault:
            raise gr.Error(NOT_TAKEN, print_exception=False) from fault


def build_page(segmenter: Segmenter, notices: Sequence[str] = ()) -> gr.Blocks:
    """The whole demo, ready to launch with ``launch_options``; ``notices`` stand at its top."""
    workbench = Workbench(segmenter, store().claim)
    with Page(title="MetaSeg", analytics_enabled=False) as page:
        gr.HTML(masthead(list(segmenter.checkpoints.values())))
        if notices:
            gr.HTML(notice_list(notices), elem_id="notices")
        with gr.Tab("One scan"):
            add_scan_tab(workbench)
        with gr.Tab("Several scans"):
            add_batch_tab(workbench)
        with gr.Tab("About"):
            add_about_tab(segmenter)
        add_api(workbench)
        page.unload(lambda: store().forget())
    return page.queue(max_size=MAX_QUEUE)


def add_scan_tab(workbench: Workbench) -> None:
    """Inputs on the left, examples and results on the right, and what joins them."""
    examples = read_examples()
    with gr.Row():
        with gr.Column(scale=1, min_width=290):
            scan = gr.File(label="MRI slice or volume", height=150, elem_id="scan")
            truth = gr.File(
                label="Ground truth mask (optional)", height=150, elem_id="ground-truth"
            )
            model = gr.Radio(
                [BOTH, *workbench.segmenter.titles.values()],
                value=BOTH,
                label="Model",
                elem_id="model",
            )
            threshold = gr.Slider(
                0,
                1,
                workbench.default_threshold(BOTH),
                step=0.01,
                label="Threshold",
                info="Lower finds more but adds false positives; higher is stricter",
                elem_id="threshold",
            )
            shown = gr.Radio(
                [ORIGINAL, ENHANCED],
                value=ORIGINAL,
                label="Grey levels",
                info="Enhanced equalises local contrast (CLAHE)",
                elem_id="view",
            )
            plane = gr.Radio(list(PLANES), label="Plane", visible=False, elem_id="plane")
            position = gr.Slider(0, 1, 0, step=1, label="Slice", visible=False, elem_id="position")
            marks = gr.HTML(visible=False, elem_id="marks")
            following = gr.Button("Next lesion", visible=False, elem_id="next-lesion")
        with gr.Column(scale=3, min_width=320):
            gr.HTML("<h2>Examples: real slices with ground truth</h2>", elem_classes="section")
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
            with gr.Column(visible=False, elem_id="results") as results:
                gr.HTML(TOOLBAR, elem_id="toolbar", **DRAWN)
                picture = gr.HTML(elem_id="picture", **DRAWN)
                with gr.Tabs(elem_id="views"):
                    with gr.Tab("Outlines") as outlines_tab:
                        outlines = gr.HTML(elem_id="outlines", **DRAWN)
                    with gr.Tab("Compare") as compare_tab:
                        comparison = gr.HTML(elem_id="compare", **DRAWN)
                    with gr.Tab(EXPLAIN) as explain_tab:
                        explanation = gr.HTML(elem_id="explain", **DRAWN)
                figures = gr.HTML(elem_id="figures", apply_default_css=False)
                gr.HTML(KEYS, apply_default_css=False)
            handover = add_handover(
                workbench, [scan, truth, model, threshold, shown, plane, position]
            )

    def show(*values, progress=gr.Progress()):
        return render(workbench, Inputs(*values), progress.tqdm)

    def show_all_but(*kept):
        """As ``show``, but the components ``kept`` stay as they are."""

        def partly(*values, progress=gr.Progress()):
            updates = zip(outputs, show(*values, progress=progress))
            return [gr.skip() if part in kept else update for part, update in updates]

        return partly

    @in_our_words
    def explain(*values):
        return render_explanation(workbench, Inputs(*values)) if values[0] else ""

    def choose(event: gr.SelectData):
        example = examples[event.index]
        return example.scan, example.truth

    @in_our_words
    def jump(*values):
        return next_lesion(workbench, Inputs(*values))

    view, unset = gr.State(None), gr.State(None)
    chosen = [scan, truth, model, threshold, shown]
    fresh = [*chosen, unset, unset, view]
    inputs = [*chosen, plane, position, view]
    outputs = [
        *[plane, position, marks, following, status, picture],
        *[outlines, comparison, figures, explanation, results, handover],
    ]
    private = {"api_visibility": "private"}
    # always_last: changes made during a running request must not be lost. One queue for all keeps
    # the answers in the order of the requests.
    drawn = {
        "outputs": outputs,
        **private,
        "show_progress_on": status,
        "trigger_mode": "always_last",
        "concurrency_id": "draw",
    }
    quiet = {**drawn, "show_progress": "hidden"}
    gallery.select(choose, None, [scan, truth], **private).then(show, fresh, **drawn)
    scan.upload(show, fresh, **drawn)
    # A ground truth belongs to its scan and must not be applied to the next one.
    scan.clear(lambda: store().forget(SCAN, TRUTH), None, truth, **private).then(
        show, fresh, **quiet
    )
    truth.clear(lambda: store().forget(TRUTH), **private)
    gr.on([truth.upload, truth.clear, plane.input], show, inputs, **drawn)
    model.input(None, [model, threshold], threshold, js=workbench.follow_model(), **private).then(
        show, inputs, **drawn
    )
    # A late answer must not reset a slider that the visitor is moving. Parts that do not depend on
    # the threshold are not sent again.
    gr.on([shown.input, position.input], show_all_but(plane, position), inputs, **quiet)
    # The explanation does not depend on the threshold. Without the view it is not drawn.
    unchanged = show_all_but(plane, position, picture, explanation)
    threshold.input(unchanged, [*chosen, plane, position], **quiet)
    following.click(jump, inputs, position, **private).then(show, inputs, **quiet)
    for tab in (outlines_tab, compare_tab):
        tab.select(lambda: None, None, view, show_progress="hidden", **private)
    explain_tab.select(lambda: EXPLAIN, None, view, show_progress="hidden", **private).then(
        explain, inputs, explanation, show_progress="hidden", concurrency_id="draw", **private
    )
