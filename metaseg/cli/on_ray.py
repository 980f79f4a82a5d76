"""Studies on a Ray cluster, through Ray Data: ``metaseg predict --ray``.

Each worker opens the network once and takes one study after the other. Workers read the studies
and write the results themselves, so every machine needs MetaSeg, the checkpoint and the same
folders.
"""

import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from metaseg.cli.studies import Outcome, Settings, Task, open_segmenter, segment_study
from metaseg.errors import InputError
from metaseg.hub.resolve import SHIPPED, local_folder

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report to its makers

import ray
from ray.exceptions import RayError

REACHED_WITHIN = 10
"""Seconds that a cluster has to accept a connection."""
NOT_WRITTEN = (
    "{} could not be written by a machine of the cluster ({}): all of them need the folder of the "
    "results, with room in it."
)
LOST = (
    "The Ray cluster lost a worker again and again: see its logs, and run the command again. "
    "Finished scans are kept."
)


class Worker:
    """Segments studies in a process of the cluster."""

    def __init__(self, settings: Settings):
        self.settings, self.segmenter = settings, open_segmenter(settings)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """``row`` with the outcome of its task."""
        try:
            outcome = segment_study(self.segmenter, self.settings, row["task"])
        except OSError as error:
            fault = InputError(NOT_WRITTEN.format(row["task"].name, error.strerror))
            return {**row, "outcome": fault, "ends": True}
        return {**row, "outcome": outcome, "ends": False}


def on_ray(
    settings: Settings, tasks: Iterable[Task], address: str, workers: int | None
) -> Iterator[tuple[Task, Outcome]]:
    """Each of ``tasks`` with its outcome, as it is finished by one of ``workers`` processes of the
    cluster at ``address``, by default one for each of its processors, or of its GPUs if it has any.

    ``local`` starts a cluster on this machine. Ray replaces workers that die. InputError if there
    is no cluster, or it loses workers again and again.
    """
    # The processes of a cluster run in folders of their own.
    settings = replace(settings, folder=settings.folder.absolute())
    checkpoint = local_folder(settings.model)
    if checkpoint is not None and checkpoint.parent != SHIPPED:
        settings = replace(settings, model=str(checkpoint.absolute()))
    studies = [(task, replace(task.study, path=task.study.path.absolute())) for task in tasks]
    rows = [{"task": replace(task, study=study)} for task, study in studies]
    if not rows:
        return
    try:
        if ":" in address:  # Ray itself would try for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), REACHED_WITHIN).close()
        ray.init(address, log_to_driver=False, logging_level="error")
    except (RayError, OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"There is no Ray cluster at {address}: start one, or give its address."
        ) from error
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        resources = ray.cluster_resources()
        gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
        if not gpus + cpus:
            raise InputError(
                f"The Ray cluster at {address} has no processor yet: wait for its workers, and run "
                "the command again."
            )
        dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            Worker,
            fn_constructor_args=(settings,),
            num_cpus=1,
            num_gpus=1 if gpus else 0,
            concurrency=min(workers or gpus or cpus, len(rows)),
        )
        for row in dataset.iter_rows():
            if row["ends"]:
                raise row["outcome"]
            yield row["task"], row["outcome"]
    except RayError as error:
        raise InputError(LOST) from error
    finally:
        ray.shutdown()
