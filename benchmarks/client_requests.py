"""The demo of the working folder through a real client: start-up, requests, memory. Prints JSON."""

import json
import os
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import httpx
import psutil
from drawn import new_slices, write_volume
from gradio_client import Client, handle_file
from tables import TITLES
from watched_server import running_server

REPEATS = 12
SMALL = (24, 256, 256)
LONG = (400, 256, 256)


def seconds_of(call) -> float:
    """How long ``call`` takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def start_seconds(folder: Path) -> float:
    """From the command to the first page served."""
    started = time.perf_counter()
    with running_server(folder, Path.cwd()):
        return time.perf_counter() - started


def page_weight(url: str) -> dict:
    """Bytes of the document as sent, compressed where the server does it."""
    answer = httpx.get(url, headers={"Accept-Encoding": "gzip"})
    return {
        "document": len(answer.content),
        "sent": int(answer.headers.get("content-length", len(answer.content))),
    }


def measure_empty(visitor: Client) -> list[float]:
    """Calls that do nothing but answer."""
    visitor.predict(api_name="/models")
    return [seconds_of(lambda: visitor.predict(api_name="/models")) for _ in range(REPEATS)]


def measure_slices(visitor: Client, fresh: Iterator[Path]) -> dict:
    """New slices, and one slice at other thresholds, for each network."""
    result = {}
    for name, title in TITLES.items():

        def segment(path: Path, threshold: float = 0.5, title: str = title) -> None:
            visitor.predict(
                scan=handle_file(str(path)), model=title, threshold=threshold, api_name="/segment"
            )

        segment(next(fresh))
        new = [seconds_of(lambda p=p: segment(p)) for p in islice(fresh, REPEATS)]
        same = next(fresh)
        segment(same)
        thresholds = [0.3 + step / 50 for step in range(REPEATS)]
        moved = [seconds_of(lambda s=same, t=t: segment(s, t)) for t in thresholds]
        result[name] = {"new": new, "other_threshold": moved}
    return result


def measure_volume(visitor: Client, path: Path) -> dict:
    """A volume of 24 slices, first and at other thresholds."""

    def segment(threshold: float) -> None:
        visitor.predict(
            scan=handle_file(str(path)), threshold=threshold, api_name="/segment_volume"
        )

    first = seconds_of(lambda: segment(0.5))
    return {
        "first": first,
        "other_threshold": [seconds_of(lambda k=k: segment(k)) for k in (0.4, 0.6, 0.3)],
    }


def measure_beside(url: str, visitor: Client, fresh: Iterator[Path], folder: Path) -> dict:
    """New slices of one visitor alone, and while another's volume runs."""

    def segment() -> None:
        visitor.predict(scan=handle_file(str(next(fresh))), api_name="/segment")

    alone = [seconds_of(segment) for _ in range(REPEATS)]
    path = write_volume(folder / "long.nii", LONG)
    job = Client(url, verbose=False).submit(scan=handle_file(str(path)), api_name="/segment_volume")
    time.sleep(4)
    beside = []
    while len(beside) < REPEATS and not job.done():
        beside.append(seconds_of(segment))
    return {"alone": alone, "beside": beside, "still_running": not job.done()}


def main() -> None:
    """Measure everything on one server, and the start-up on three others."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        result = {"start": [start_seconds(folder / "cache") for _ in range(4)][1:]}
        with running_server(folder / "cache", Path.cwd()) as (url, server):
            visitor = Client(url, verbose=False)
            result["page"] = page_weight(url)
            result["empty"] = measure_empty(visitor)
            slices = folder / "slices"
            slices.mkdir()
            fresh = new_slices(slices)  # one for all: the demo keeps what it has seen
            result["slices"] = measure_slices(visitor, fresh)
            result["mib_idle"] = memory_mib(server)
            # The client opens a connection for each call and file, and reads the certificates of
            # all authorities for each, unless it is given them.
            quick = Client(url, verbose=False, ssl_verify=ssl.create_default_context())  # pyright: ignore[reportArgumentType]
            result["quick"] = {"empty": measure_empty(quick)}
            result["quick"]["slices"] = measure_slices(quick, fresh)
            path = write_volume(folder / "small.nii", SMALL)
            result["volume"] = measure_volume(visitor, path)
            result["beside"] = measure_beside(url, visitor, fresh, folder)
    print(json.dumps(result))


def memory_mib(server: psutil.Process) -> float:
    """Resident memory of the server and all that it started."""
    family = [server, *server.children(recursive=True)]
    return sum(process.memory_info().rss for process in family) / (1 << 20)


if __name__ == "__main__":
    sys.exit(main())
