"""What a visitor takes away: files, a report, a link, and the same call in Python."""

# Calls of the page have a request.
# pyright: reportOptionalMemberAccess=false

import json
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.route_utils import get_root_url

from metaseg.demo.downloads import write_download
from metaseg.demo.pixels import address_of
from metaseg.demo.render import Inputs, chosen_models, number_in, review_in
from metaseg.demo.workbench import BOTH, Workbench
from metaseg.errors import InputError
from metaseg.prediction import check_threshold


def take(workbench: Workbench, state: Any) -> dict:
    """The file that ``state`` asks for: its address and what the visitor is to call it."""
    inputs, kind = Inputs.of(state), str(state.get("take"))
    panels = state.get("panels")
    panels = panels if isinstance(panels, list) else []
    path = Path(write_download(workbench, inputs, kind, review_in(state), panels))
    # The browser takes only what it has asked for, and asks for each with another number.
    return {
        "number": state.get("number"),
        "kind": kind,
        "url": address_of(path),
        "name": path.name,
    }


def root_url(request: gr.Request) -> str:
    """The address at which the visitor reaches this server, without a trailing slash."""
    route = request.request.url.path
    return get_root_url(request.request, route, request.request.scope.get("root_path"))


def read_link(workbench: Workbench, query: dict[str, str]) -> tuple[str | None, float | None, str]:
    """The network's name or "Both", the threshold, and the errors of a link's ``query``.

    Model and threshold are None if missing or invalid."""
    model = threshold = None
    faults = []
    try:
        if "model" in query:
            both = query["model"].lower() == BOTH.lower()
            model = BOTH if both else workbench.segmenter.find(query["model"]).name
    except InputError as error:
        faults.append(str(error))
    try:
        if "threshold" in query:
            threshold = check_threshold(number_in(query["threshold"]))
    except InputError as error:
        faults.append(str(error))
    if faults:
        faults.insert(0, "Part of this link was not understood and was ignored:")
    return model, threshold, " ".join(faults)


def python_call(workbench: Workbench, server: str, inputs: Inputs) -> str:
    """The gradio_client calls that reproduce the page's result for ``inputs``: of a volume one for
    each network, without the ground truth, which ``/segment_volume`` does not take."""
    if not inputs.scan:
        return ""
    names = chosen_models(workbench, inputs.model)
    titles = [workbench.segmenter.titles[name] for name in names]
    arguments = {"scan": _file(inputs.scan)}
    if inputs.threshold is not None:
        arguments["threshold"] = f"{check_threshold(inputs.threshold):g}"
    if inputs.series is not None:
        arguments["series"] = json.dumps(inputs.series)
    if workbench.open(inputs.scan, None, series=inputs.series).scan.is_volume:
        calls = [
            _call(["mask", "lesions", "report"], "/segment_volume", [title], arguments)
            for title in titles
        ]
    else:
        if inputs.truth:
            arguments["ground_truth"] = _file(inputs.truth)
        results = ["overlay", "mask", "report"]
        if inputs.model == BOTH:
            results = [f"{part}_{number}" for number, _ in enumerate(names, 1) for part in results]
        calls = [
            _call(results, "/compare" if inputs.model == BOTH else "/segment", titles, arguments)
        ]
    return (
        "from gradio_client import Client, handle_file\n\n"
        f"client = Client({json.dumps(server)})\n{''.join(calls)}"
    )


def _call(results: list[str], endpoint: str, titles: list[str], arguments: dict[str, str]) -> str:
    model = {"model": json.dumps(titles[0])} if endpoint != "/compare" else {}
    lines = [f"    {k}={v},\n" for k, v in {**arguments, **model}.items()]
    lines.append(f"    api_name={json.dumps(endpoint)},\n")
    return f"# {', '.join(titles)}\n{', '.join(results)} = client.predict(\n{''.join(lines)})\n"


def _file(path: str) -> str:
    return f"handle_file({json.dumps(Path(path).name, ensure_ascii=False)})"
