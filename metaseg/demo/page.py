"""The page: drop a scan, see what each network outlines, move the threshold."""

from collections.abc import Sequence

import gradio as gr

from metaseg.demo.about import add_about_tab
from metaseg.demo.api import add_api, in_our_words
from metaseg.demo.batch import add_batch_tab
from metaseg.demo.files import write_files
from metaseg.demo.gallery import read_examples
from metaseg.demo.render import AFTER_CLAHE, AS_LOADED, HINT, PICTURES, Inputs, next_lesion, render
from metaseg.demo.style import HEADER, legend
from metaseg.demo.tables import VOLUME_LESION_COLUMNS, notice_list
from metaseg.demo.workbench import BOTH, Workbench
from metaseg.scan.planes import PLANES
from metaseg.segmenter import Segmenter


def build_page(segmenter: Segmenter, notices: Sequence[str] = ()) -> gr.Blocks:
    """The whole demo, ready to launch with ``LAUNCH_OPTIONS``; ``notices`` stand at its top."""
    workbench = Workbench(segmenter)
    with gr.Blocks(title="MetaSeg", analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        gr.HTML(HEADER)
        if notices:
            gr.HTML(notice_list(notices), elem_id="notices")
        with gr.Tab("One scan"):
            add_scan_tab(workbench)
        with gr.Tab("Several scans"):
            add_batch_tab(workbench)
        with gr.Tab("About"):
            add_about_tab(segmenter)
        served = segmenter.checkpoints.values()
        gr.HTML(legend(checkpoint.config.architecture for checkpoint in served))
        add_api(workbench)
    return page


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
            plane = gr.Radio(list(PLANES), label="Plane", visible=False, elem_id="plane")
            position = gr.Slider(
                0, 1, 0, step=1, label="Slice of the volume", visible=False, elem_id="position"
            )
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
                    for number in range(PICTURES)
                ]
            figures = gr.HTML(elem_id="figures")
            lesions = gr.Dataframe(
                headers=VOLUME_LESION_COLUMNS,
                label="Lesions of the volume: click a row to see the lesion",
                interactive=False,
                visible=False,
                elem_id="lesions",
            )
            with gr.Row():
                prepare = gr.Button(
                    "Prepare the files", size="sm", visible=False, elem_id="prepare"
                )
                files = gr.File(
                    label="Masks, probabilities, lesion tables, reports",
                    visible=False,
                    file_count="multiple",
                    interactive=False,
                    elem_id="files",
                )

    def show(*values, progress=gr.Progress()):
        return render(workbench, Inputs(*values), progress.tqdm)

    def choose(event: gr.SelectData):
        example = examples[event.index]
        return example.scan, example.truth

    @in_our_words
    def jump(*values):
        return next_lesion(workbench, Inputs(*values))

    def go_to_lesion(table, event: gr.SelectData):
        return int(table.iloc[event.index[0]]["Slice"])

    @in_our_words
    def make_files(*values):
        return gr.update(value=write_files(workbench, Inputs(*values), files), visible=True)

    fresh = [scan, truth, model, threshold, shown]
    inputs = [*fresh, plane, position]
    outputs = [plane, position, marks, following, status, *pictures, figures, lesions, prepare]
    private = {"api_visibility": "private"}
    # always_last: what is set while an answer is under way must not be lost.
    drawn = {
        "outputs": outputs,
        **private,
        "show_progress_on": status,
        "trigger_mode": "always_last",
    }
    quiet = {**drawn, "show_progress": "hidden"}
    gallery.select(choose, None, [scan, truth], **private).then(show, fresh, **drawn)
    scan.upload(show, fresh, **drawn)
    # A truth belongs to its scan, and must not be laid on the next one.
    scan.clear(lambda: None, None, truth, **private).then(show, fresh, **quiet)
    gr.on([truth.upload, truth.clear, model.input, plane.input], show, inputs, **drawn)
    moved = [threshold.input, shown.input, position.input]
    gr.on(moved, show, inputs, **quiet)
    following.click(jump, inputs, position, **private).then(show, inputs, **quiet)
    lesions.select(go_to_lesion, lesions, position, **private).then(show, inputs, **quiet)
    prepare.click(make_files, inputs, files, **private)
    # Files of the scan before must not stand under this one.
    gone = gr.update(value=None, visible=False)
    gr.on([scan.upload, scan.clear, gallery.select], lambda: gone, None, files, **private)
