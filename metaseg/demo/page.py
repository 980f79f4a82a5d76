"""The page: drop a scan, see what each network outlines, move the threshold."""

from collections.abc import Sequence
from typing import Any

import gradio as gr
from gradio.caching import clear_session_caches

from metaseg.demo.about import add_about_tab
from metaseg.demo.answer import answer, forget_wanted, want
from metaseg.demo.api import add_api, in_our_words
from metaseg.demo.batch import add_batch_tab
from metaseg.demo.handover import read_link, root_url, take
from metaseg.demo.sessions import current_session
from metaseg.demo.shell import BAR, shell
from metaseg.demo.store import SCAN, TRUTH, store
from metaseg.demo.tables import notice_list
from metaseg.demo.views import view_of
from metaseg.demo.wires import wire
from metaseg.demo.workbench import EXPLANATIONS, SLICES, VOLUMES, Workbench
from metaseg.limits import MAX_QUEUE
from metaseg.segmenter import Segmenter

NOT_TAKEN = (
    "The file or a value was not accepted: reload the page and upload the file again, or give a "
    "public address."
)
FORGOTTEN = "() => { document.dispatchEvent(new Event('metaseg:forgotten')); }"
KEPT = "() => { document.dispatchEvent(new Event('metaseg:kept')); }"
UNTAKEN = "() => { document.dispatchEvent(new Event('metaseg:untaken')); }"
UNSEEN = "() => { document.dispatchEvent(new Event('metaseg:unseen')); }"
LOST = "() => { document.dispatchEvent(new Event('metaseg:lost')); }"


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
        gr.HTML(BAR, apply_default_css=False, elem_id="bar")
        if notices:
            gr.HTML(notice_list(notices), elem_id="server-notices")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Scan", id="scan-tab"):
                add_viewer(workbench, page)
            with gr.Tab("Batch", id="batch-tab"):
                add_batch_tab(workbench)
            with gr.Tab("About", id="about-tab") as about_tab:
                add_about_tab(segmenter, about_tab)
        add_api(workbench)
        page.unload(leave)
    return page.queue(max_size=MAX_QUEUE)


def leave() -> None:
    """The session that is being answered has ended."""
    forget_wanted()
    store().forget()


def clear() -> None:
    """Remove the visitor's scan and ground truth, and what was read and found of any scan."""
    store().forget(SCAN, TRUTH)
    clear_session_caches(current_session())


def of(state: Any, key: str) -> dict:
    """The part of the browser's ``state`` that was fixed when something was asked for."""
    part = state.get(key) if isinstance(state, dict) else None
    return part if isinstance(part, dict) else {}


def add_viewer(workbench: Workbench, page: gr.Blocks) -> None:
    """The viewer, which runs in the browser, and what the server answers it.

    ``state`` says what the visitor chose. Each answer names the scan that it is for, so that the
    viewer can tell one that comes too late.
    """
    gr.HTML(shell(workbench), apply_default_css=False, elem_id="shell")
    state = wire("state", "ask", "ask_volume", "halt", "look", "take", "forget", "forget_truth")
    reply, view, parcel, link = (wire(name) for name in ("reply", "view", "parcel", "link"))

    def ask(state):
        yield from answer(workbench, state)

    def ask_volume(state):
        yield from answer(workbench, state, waited=True)

    @in_our_words
    def look(state, request: gr.Request):
        return view_of(workbench, of(state, "looked"), root_url(request))

    @in_our_words
    def pack(state):
        return take(workbench, of(state, "taken"))

    def restore(request: gr.Request):
        model, threshold, faults = read_link(workbench, dict(request.query_params))
        return {"model": model, "threshold": threshold, "faults": faults}

    private = {"api_visibility": "private", "show_progress": "hidden"}
    # The last choice counts: those made meanwhile need no answer.
    last = {"trigger_mode": "always_last", **private}
    for asked in (
        state.ask(ask, state, reply, **last, **SLICES),
        state.ask_volume(ask_volume, state, reply, **last, **VOLUMES),
    ):
        asked.failure(None, js=LOST)
    state.look(look, state, view, **last, **EXPLANATIONS).failure(None, js=UNSEEN)
    state.halt(want, state, queue=False, trigger_mode="multiple", **private)
    # The browser asks for the next one as soon as it has one.
    taken = state.take(pack, state, parcel, trigger_mode="multiple", **private, **SLICES)
    taken.failure(None, js=UNTAKEN)
    # What the next scan needs must not be made before this has ended, which waits for nobody.
    gone = state.forget(clear, queue=False, **private)
    gone.success(None, js=FORGOTTEN)
    gone.failure(None, js=KEPT)
    removed = state.forget_truth(lambda: store().forget(TRUTH), queue=False, **private)
    removed.failure(None, js=KEPT)
    page.load(restore, None, link, **private)
