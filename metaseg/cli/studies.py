"""One study after the other, or several at once: what ``metaseg predict`` does with each."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import cv2

from metaseg.data.studies import Study
from metaseg.errors import InputError, memory_errors
from metaseg.findings.files import all_or_none, write_results
from metaseg.findings.report import RESEARCH_USE, find
from metaseg.hub.resolve import load_models
from metaseg.runtime.threads import threads
from metaseg.scan import Scan, read_scan
from metaseg.scan.planes import in_plane
from metaseg.segmenter import Segmenter

WORKER_DIED = (
    "A worker process ended, perhaps for want of memory: run the command again with fewer "
    "--workers. Finished scans are kept."
)


@dataclass(frozen=True)
class Settings:
    """What is done with every study."""

    model: str
    """The checkpoint as the command line names it."""
    folder: Path
    """Where results go."""
    threshold: float
    plane: str | None
    minimum: float
    """The smallest lesion in mm3, or voxels."""
    ignore_spacing: bool
    series: str | None
    volume: int | None
    slices: bool
    """Whether every slice is written."""


@dataclass(frozen=True)
class Task:
    """A study to segment, the name of its results and the SHA-256 of its content."""

    study: Study
    name: str
    digest: str


Outcome = dict[str, Any] | InputError
"""``seconds``, ``lesions``, ``files`` and ``notices``, or why there are none."""


def open_segmenter(settings: Settings) -> Segmenter:
    """The network of ``settings`` in a process of its own."""
    cv2.setNumThreads(1)
    return Segmenter(load_models([settings.model]))


def segment_study(
    segmenter: Segmenter,
    settings: Settings,
    task: Task,
    progress: Callable[[Iterable], Iterable] = lambda steps: steps,
) -> Outcome:
    """Segment one study and write its results, all or none."""
    path, (model,) = task.study.path, segmenter.checkpoints
    try:
        with memory_errors(path.name), all_or_none(settings.folder, task.name) as folder:
            scan = _read(path, settings)
            prediction = segmenter.predict(scan, model, progress)
            minimum = settings.minimum if scan.is_volume else 0
            found = find(scan, prediction, settings.threshold, minimum)
            report, files = write_results(
                folder, task.name, segmenter, scan, prediction, found, settings.slices
            )
    except InputError as error:
        return error
    return {
        "seconds": report.seconds,
        "lesions": len(report.lesions),
        "files": files,
        "notices": [notice for notice in report.notices if notice != RESEARCH_USE],
    }


def in_processes(
    settings: Settings, tasks: Iterable[Task], workers: int
) -> Iterator[tuple[Task, Outcome]]:
    """Each of ``tasks`` with its outcome as it is finished by one of ``workers`` processes, which
    share the processors. InputError if one of them dies."""
    os.environ["OMP_NUM_THREADS"] = str(max(1, threads() // workers))
    waiting, running = iter(tasks), dict[Future, Task]()
    # A fork would inherit the threads of the networks, but not what they hold.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _open, (settings,))
    try:
        while True:
            # Two each, so that none waits for the next.
            for task in islice(waiting, 2 * workers - len(running)):
                running[pool.submit(_segment, task)] = task
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    except BrokenProcessPool as error:
        raise InputError(WORKER_DIED) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        # Python would wait at its end for the studies that are under way.
        for process in active_children():
            process.kill()


_opened: list[tuple[Segmenter, Settings]] = []
"""Of a worker process: its networks and what to do."""


def _open(settings: Settings) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command itself says that it was stopped
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _opened[:] = [(open_segmenter(settings), settings)]


def _end_with_parent() -> None:
    if parent := parent_process():
        wait_for_end([parent.sentinel])
        os._exit(1)


def _segment(task: Task) -> Outcome:
    return segment_study(*_opened[0], task)


def _read(path: Path, settings: Settings) -> Scan:
    scan = read_scan(path, settings.series, settings.volume)
    unused = []
    if settings.series is not None and not (scan.sources or path.is_dir() or is_zipfile(path)):
        unused.append("series")
    if settings.volume is not None and (scan.sources or scan.orientation is None):
        unused.append("volume")
    if settings.plane is not None and scan.is_volume:
        scan = in_plane(scan, settings.plane)
    elif settings.plane is not None:
        unused.append("plane")
    told = [f"The option --{option} does not apply to this scan." for option in unused]
    spacing = None if settings.ignore_spacing else scan.spacing
    return replace(scan, spacing=spacing, notices=(*scan.notices, *told))
