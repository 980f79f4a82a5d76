"""What a visitor takes away: files, a report, a link, and the same call in Python."""

# A type checker does not see the events that gradio adds to components, nor a request's URL.
# pyright: reportOptionalMemberAccess=false, reportAttributeAccessIssue=false

import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

import gradio as gr
from gradio.context import Context
from gradio.route_utils import get_root_url

from metaseg.demo.api import in_our_words
from metaseg.demo.files import write_report, write_zip
from metaseg.demo.render import Inputs, alert
from metaseg.demo.workbench import BOTH, Workbench
from metaseg.errors import InputError
from metaseg.prediction import check_threshold

DOWNLOAD = """(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = file.url;
  link.download = file.orig_name;
  link.click();
}"""

OPEN = """(report) => {
  if (!report) return;
  const url = URL.createObjectURL(new Blob([report], { type: "text/html" }));
  if (window.open(url)) return;
  // If the browser blocks the window, the report is downloaded.
  const link = document.createElement("a");
  link.href = url;
  link.download = "metaseg_report.html";
  link.click();
}"""


def add_handover(workbench: Workbench, inputs: Sequence[gr.components.Component]) -> gr.Column:
    """Buttons and fields for the current result, in a column that is hidden until there is one.

    ``inputs`` are the components of ``Inputs``, in its order. Also restores model and threshold
    when the page is opened by a link that names them, as in ``/?model=unet&threshold=0.4``.
    """
    model, threshold = inputs[2:4]
    trouble = gr.HTML(visible=False, elem_id="link-trouble")
    with gr.Column(visible=False, elem_id="handover") as column:
        with gr.Row():
            everything = gr.Button("Download everything (zip)", size="sm", elem_id="download")
            report = gr.Button("Printable report", size="sm", elem_id="open-report")
        link = gr.Textbox(
            label="Link to this model and threshold (without the image)",
            interactive=False,
            buttons=["copy"],
            elem_id="link",
        )
        with gr.Accordion("Reproduce in Python", open=False, elem_id="python"):
            code = gr.Code(language="python", show_label=False, interactive=False, elem_id="code")
        archive = gr.File(visible=False)
        page = gr.Textbox(visible=False)

    @in_our_words
    def make_zip(*values):
        return write_zip(workbench, Inputs(*values))

    @in_our_words
    def make_report(*values):
        return write_report(workbench, Inputs(*values))

    def describe(request: gr.Request, *values):
        server, shown = root_url(request), Inputs(*values)
        try:
            return link_to(workbench, server, shown), python_call(workbench, server, shown)
        except InputError:
            return gr.skip(), ""

    def describe_fresh(request: gr.Request, *values):
        # In its own plane and at its middle slice, whatever the previous scan used.
        return describe(request, *values[:5])

    def restore(request: gr.Request):
        chosen, value, faults = read_link(workbench, dict(request.query_params))
        return (
            gr.skip() if chosen is None else chosen,
            gr.skip() if value is None else value,
            gr.update(value=alert(faults), visible=bool(faults)),
        )

    private = {"api_visibility": "private"}
    hidden = {**private, "show_progress": "hidden"}
    inputs = list(inputs)
    everything.click(make_zip, inputs, archive, show_progress_on=everything, **private).success(
        None, archive, None, js=DOWNLOAD
    )
    report.click(make_report, inputs, page, show_progress_on=report, **private).success(
        None, page, None, js=OPEN
    )
    # change and not input, so that links, examples and "Next lesion" count too.
    scan, *others = inputs
    described = {"inputs": inputs, "outputs": [link, code], "trigger_mode": "always_last", **hidden}
    scan.change(describe_fresh, **described)
    gr.on([component.change for component in others], describe, **described)
    opened = Context.root_block.load(restore, None, [model, threshold, trouble], **hidden)
    opened.then(describe, inputs, [link, code], **hidden)
    return column


def root_url(request: gr.Request) -> str:
    """The address at which the visitor reaches this server, without a trailing slash."""
    route = request.request.url.path
    return get_root_url(request.request, route, request.request.scope.get("root_path"))


def link_to(workbench: Workbench, server: str, inputs: Inputs) -> str:
    """A link to the page with the model and the threshold of ``inputs``, and nothing else."""
    model = BOTH.lower()
    if inputs.model != BOTH:
        model = workbench.segmenter.find(inputs.model).name
    threshold = f"{check_threshold(inputs.threshold):g}"
    return f"{server}/?{urlencode({'model': model, 'threshold': threshold})}"


def read_link(workbench: Workbench, query: dict[str, str]) -> tuple[str | None, float | None, str]:
    """The model's title or "Both", the threshold, and the errors of a link's ``query``.

    Model and threshold are None if missing or invalid. A model without a threshold comes with its
    own."""
    model = threshold = None
    faults = []
    try:
        if "model" in query:
            both = query["model"].lower() == BOTH.lower()
            model = BOTH if both else workbench.segmenter.find(query["model"]).config.title
    except InputError as error:
        faults.append(str(error))
    try:
        if "threshold" in query:
            threshold = check_threshold(_number(query["threshold"]))
        elif model is not None:
            threshold = workbench.default_threshold(model)
    except InputError as error:
        faults.append(str(error))
    if faults:
        faults.insert(0, "Part of this link was not understood and was ignored:")
    return model, threshold, " ".join(faults)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def python_call(workbench: Workbench, server: str, inputs: Inputs) -> str:
    """The gradio_client call that reproduces the page's result for ``inputs``."""
    if not inputs.scan:
        return ""
    arguments = {"scan": _file(inputs.scan)}
    if inputs.truth:
        arguments["ground_truth"] = _file(inputs.truth)
    names = workbench.compared
    if inputs.model != BOTH:
        names = [workbench.segmenter.find(inputs.model).name]
        arguments["model"] = json.dumps(inputs.model)
    arguments["threshold"] = f"{check_threshold(inputs.threshold):g}"
    if inputs.position is not None and workbench.open(inputs.scan, None).scan.is_volume:
        arguments["slice_index"] = f"{inputs.position:g}"
        if inputs.plane is not None:
            arguments["plane"] = json.dumps(inputs.plane)
    arguments["api_name"] = '"/compare"' if inputs.model == BOTH else '"/segment"'
    results = ["overlay", "mask", "report"]
    if len(names) > 1:
        results = [f"{part}_{number}" for number, _ in enumerate(names, 1) for part in results]
    order = ", ".join(workbench.segmenter.titles[name] for name in names)
    lines = "".join(f"    {name}={value},\n" for name, value in arguments.items())
    return (
        "from gradio_client import Client, handle_file\n\n"
        f"client = Client({json.dumps(server)})\n"
        f"# {order}\n"
        f"{', '.join(results)} = client.predict(\n{lines})\n"
    )


def _file(path: str) -> str:
    return f"handle_file({json.dumps(Path(path).name, ensure_ascii=False)})"
