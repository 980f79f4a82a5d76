"""Studies on a Ray cluster, through Ray Data: ``metaseg predict --ray``.

Each worker opens the network once and takes one study after the other. Workers read the studies
and write the results themselves, so every machine needs MetaSeg, the checkpoint and the same
folders.
"""

import os
import socket
from collections.abc import Iterable, Iterator
from typing import Any

from metaseg.cli.studies import Outcome, Settings, Task, open_segmenter, segment_study
from metaseg.errors import InputError

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report to its makers

import ray
from ray.exceptions import RayError

REACHED_WITHIN = 10
"""Seconds that a cluster has to accept a connection."""
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
        return {**row, "outcome": segment_study(self.segmenter, self.settings, row["task"])}


def on_ray(
    settings: Settings, tasks: Iterable[Task], address: str, workers: int | None
) -> Iterator[tuple[Task, Outcome]]:
    """Each of ``tasks`` with its outcome, as it is finished by one of ``workers`` processes of the
    cluster at ``address``, by default one for each of its processors, or of its GPUs if it has any.

    ``local`` starts a cluster on this machine. Ray replaces workers that die. InputError if there
    is no cluster, or it loses workers again and again.
    """
    rows = [{"task": task} for task in tasks]
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
            yield row["task"], row["outcome"]
    except RayError as error:
        raise InputError(LOST) from error
    finally:
        ray.shutdown()
