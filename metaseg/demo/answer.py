"""The answer to each choice of the visitor, in steps: the scan, the networks' masks, the findings.

A step says all that the ones before said, because a browser may see only the last of several.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from typing import Any

import numpy as np

from metaseg.demo.panel import doubts_in, findings_of
from metaseg.demo.pixels import pack_probability, write_parts
from metaseg.demo.render import Inputs, chosen_models, open_inputs, review_in
from metaseg.demo.scene import scene_of, truth_of
from metaseg.demo.sessions import current_session
from metaseg.demo.store import store
from metaseg.demo.workbench import OpenScan, Workbench
from metaseg.errors import InputError
from metaseg.findings.review import Review
from metaseg.passes import Pass
from metaseg.scan import SeriesChoiceError
from metaseg.scan.errors import log_cause

FAILED = "This could not be segmented: try again, or give another file."
FEWEST = 4
"""Slices that are sent together while more of them come."""
PATIENCE = 0.25
"""Seconds between two steps of progress at least."""


_wanted: dict[str, int] = {}
"""The first answer that each session still waits for: work for one before it stops."""


class UnwantedError(Exception):
    """The visitor looks at another scan, has cancelled or has left."""


def want(state: Any) -> None:
    """The session that is being answered waits for no answer before the one that ``state`` names.

    gradio's own way to cancel loses calls that come while it is under way.
    """
    if session := current_session():
        _wanted[session] = _number_in(state, "wanted")
        if isinstance(state, dict):
            store().name_tab(state.get("tab"))  # it may have lost its connection for a moment


def _number_in(state: Any, key: str) -> int:
    number = state.get(key) if isinstance(state, dict) else None
    return number if isinstance(number, int) else 0


def forget_wanted() -> None:
    """The session that is being answered has ended."""
    _wanted.pop(current_session() or "", None)


def answer(workbench: Workbench, state: Any, waited: bool = False) -> Iterator[dict]:
    """Steps of the answer to the browser's ``state``, which names what it ``has`` already.

    Networks run over a volume only if the call has ``waited`` in the queue of volumes; before, the
    last step says that it is one.
    """
    step = {key: _number_in(state, key) for key in ("id", "question")}
    session = current_session()

    def wanted() -> bool:
        return step["id"] >= _wanted.get(session, 0)

    try:
        if not wanted():
            return
        inputs, has = Inputs.of(state), set(state.get("has") or ())
        step["truth_for"] = state.get("truth")
        store().name_tab(state.get("tab"))
        for more in _steps(workbench, inputs, review_in(state), has, waited, wanted):
            step = {**step, "progress": None, **more}
            yield step
    except UnwantedError:
        return
    except SeriesChoiceError as several:
        yield {**step, "progress": None, "choices": list(several.choices)}
    except InputError as error:
        yield {**step, "progress": None, "alert": str(error)}
    except Exception as error:
        log_cause(error)
        yield {**step, "progress": None, "alert": FAILED}


def _steps(
    workbench: Workbench,
    inputs: Inputs,
    review: Review | None,
    has: set[str],
    waited: bool,
    wanted: Callable[[], bool],
) -> Iterator[dict]:
    opened, fault = open_inputs(workbench, inputs)
    doubts = doubts_in(opened.scan.notices)
    if "scene" not in has:
        yield {"doubts": doubts, "scene": scene_of(opened, workbench.segmenter.display)}
    elif "truth" not in has:
        yield {"truth": truth_of(opened)}
    names = chosen_models(workbench, inputs.model)
    # What the server has forgotten runs again, as if the browser did not have it either.
    missing = [name for name in names if name not in has or not workbench.knows(opened, [name])]
    # Only the browser can choose the queue: volumes have one of their own.
    if opened.scan.is_volume and not waited and not workbench.knows(opened, missing):
        yield {"doubts": doubts, "volume": True}
        return
    if missing:
        yield from _networks(workbench, opened, missing, doubts, wanted)
    yield {"findings": findings_of(workbench, inputs, review, fault)}


def _networks(
    workbench: Workbench,
    opened: OpenScan,
    missing: Sequence[str],
    doubts: list[str],
    wanted: Callable[[], bool],
) -> Iterator[dict]:
    """The steps in which the ``missing`` networks' results come."""
    sent = Sent()
    titles = [workbench.segmenter.titles[name] for name in missing]
    depth = len(opened.scan.voxels)
    for steps, of, passes in predicting(workbench, opened, missing, wanted):
        done = steps * depth // of
        if opened.scan.is_volume:
            sent.add_done(passes, done)
        progress = {"titles": titles, "done": done, "count": depth}
        yield {"progress": progress, "networks": dict(sent.parts)}
    for prediction in workbench.predict_each(opened, missing):
        doubts = doubts_in((*doubts, *prediction.notices))
        sent.add(prediction.model, prediction.probability, depth)
    yield {"doubts": doubts, "networks": dict(sent.parts), "complete": missing}


class Sent:
    """The parts of each network's probability that the browser has been told of."""

    def __init__(self) -> None:
        self.parts: dict[str, list[dict]] = {}
        self.slices: dict[str, int] = {}

    def add_done(self, passes: Sequence[Pass], done: int) -> None:
        """The slices before ``done`` of ``passes`` under way, once there are enough new ones."""
        for one in passes:
            # A mean over planes is no result until the last of them.
            if len(one.planes) == 1 and done - self.slices.get(one.checkpoint.name, 0) >= FEWEST:
                self.add(one.checkpoint.name, one.probability, done)

    def add(self, name: str, probability: np.ndarray, done: int) -> None:
        """The slices of ``probability`` (D, H, W) before ``done`` that are not sent yet."""
        first = self.slices.get(name, 0)
        if first < done:
            parts = write_parts(pack_probability(probability[first:done]), first)
            self.parts[name] = [*self.parts.get(name, []), *parts]
            self.slices[name] = done


def predicting(
    workbench: Workbench, opened: OpenScan, names: Sequence[str], wanted: Callable[[], bool]
) -> Iterator[tuple[int, int, list[Pass]]]:
    """Steps done, steps to do and the passes while the networks ``names`` run: see
    ``following``."""
    passes: list[Pass] = []

    def work(progress: Callable) -> None:
        workbench.predict_each(opened, names, progress, passes.extend)

    for done, count in following(work, wanted):
        yield done, count, passes


def following(
    work: Callable[[Callable], None], wanted: Callable[[], bool] = lambda: True
) -> Iterator[tuple[int, int]]:
    """The numbers of steps done and to do of ``work``, which is given a function that wraps its
    steps as tqdm does. Whatever ``work`` raises is raised here.

    UnwantedError once it is not ``wanted`` any more; it stops as well where nobody takes its steps.
    """
    said: queue.SimpleQueue = queue.SimpleQueue()
    unwanted = threading.Event()

    def progress(steps):
        for done, step in enumerate(steps):
            if unwanted.is_set() or not wanted():
                raise UnwantedError
            said.put((done, len(steps)))
            yield step

    def run() -> None:
        try:
            work(progress)
            said.put(None)
        except BaseException as error:
            said.put(error)

    # The session is known by its context, and the cache keeps a visitor's results under it.
    threading.Thread(target=copy_context().run, args=[run], daemon=True).start()
    spoken = float("-inf")
    try:
        while (last := said.get()) is not None:
            if isinstance(last, BaseException):
                raise last
            if time.monotonic() - spoken >= PATIENCE:
                spoken = time.monotonic()
                yield last
    finally:
        unwanted.set()
