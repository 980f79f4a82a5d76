"""The measurements as docs/performance.md shows them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

TITLES = {"attention_unet": "Attention U-Net", "nested_unet": "Nested U-Net"}
INTRODUCTION = """# Performance

`python benchmarks/speed.py --before CHECKOUT --write` wrote this page from one run. A figure is a
median with quartiles in brackets. "Before" is an earlier commit, measured in turn with this one;
on a machine that others use as well, trust the ratios more than the seconds. Each commit runs
the networks that it ships, so ratios compare versions of MetaSeg, not one network.
"""

CERTIFICATES = """`gradio_client` opens a connection for every call and every file, here three for
an empty call and six for `/segment`, and reads the certificates of all authorities for each. The
rows "certificates read once" hand it one TLS context: see [the guide to the API](how-to/api.md).
"""


def document(facts: dict[str, str], results: dict[str, dict]) -> str:
    """The whole page, from ``facts`` of the run and what ``before`` and ``after`` measured."""
    parts = [INTRODUCTION, table(["", ""], [[name, words] for name, words in facts.items()])]
    after, before = results["after"], results.get("before", {})
    rows = []
    for name, title in TITLES.items():
        rows += [
            (f"{title}: network, all views", ("network", "network", name)),
            (f"{title}: a slice, without reading it", ("network", "slice", name)),
        ]
    rows += [
        ("155 x 240 x 240 through both networks, in as many planes as they use", ("volume", "all")),
        ("400 x 512 x 512 through one network", ("memory", "all")),
    ]
    parts.append(section("In one process", rows, before, after))
    profiled = after.get("stages") or {}
    parts.append(
        section(
            "Inside one request (Nested U-Net, profiled)",
            [(stage, ("stages", stage)) for stage in profiled],
            before,
            after,
        )
    )
    rows = [("from the command to the page", ("requests", "start"))]
    for words, of in (("", ("requests",)), (", certificates read once", ("requests", "quick"))):
        rows.append((f"an empty call (/models){words}", (*of, "empty")))
        for name, title in TITLES.items():
            slices = (*of, "slices", name)
            rows += [
                (f"{title}: /segment of a new slice{words}", (*slices, "new")),
                (
                    f"{title}: the same, uploaded again, other threshold{words}",
                    (*slices, "other_threshold"),
                ),
            ]
    rows += [
        ("/segment_volume of 24 slices", ("requests", "volume", "first")),
        ("the same at another threshold", ("requests", "volume", "other_threshold")),
        ("a slice, nobody else there", ("requests", "beside", "alone")),
        ("a slice while another visitor's volume runs", ("requests", "beside", "beside")),
    ]
    parts.append(section("The demo, through a real client", rows, before, after))
    if find(after, ("requests", "quick")):
        parts.append(CERTIFICATES)
    ways = {"one core": "one process on one core", "1": "one process", "2": "two processes"}
    rows = [
        (f"{what}, {words}", ("archive", key + way))
        for key, what in (("", "32 studies with the start"), ("further, ", "a further study"))
        for way, words in ways.items()
    ]
    parts.append(section("An archive of studies (`metaseg predict`)", rows, before, after))
    if archive := after.get("archive"):
        ratio = archive["further, one core"] / archive["further, 2"]
        parts.append(
            f"Once they run, two processes do {ratio:.2f} times as many studies as one on one "
            f"core. Of matrix products they do {archive['two_at_once']:.2f} times as many here.\n"
        )
    parts.append(memory_section(before, after))
    if after.get("peers"):
        peers = [
            [name, f"{one['weights'] / 1e6:.1f}", spread(one["seconds"])]
            for name, one in after["peers"].items()
        ]
        parts.append(
            "## Beside networks of others\n\nOne slice of 192 x 192. Weights are in millions.\n\n"
            + table(["network", "weights", "time"], peers)
        )
    return "\n".join(parts)


def section(title: str, rows: Sequence[tuple], before: dict, after: dict) -> str:
    """A table of ``rows``, each with its place in the results, and the ratio after to before."""
    lines = []
    for words, place in rows:
        old, new = find(before, place), find(after, place)
        if new is None:
            continue
        ratio = "" if old is None else f"{np.median(new) / np.median(old):.2f}"
        lines.append([words, "" if old is None else spread(old), spread(new), ratio])
    return f"## {title}\n\n" + table(["", "before", "after", "ratio"], lines) if lines else ""


def memory_section(before: dict, after: dict) -> str:
    """Memory in MiB."""
    rows = []
    for words, place in (
        ("the demo, after its first slices", ("requests", "mib_idle")),
        ("a volume of 400 x 512 x 512, peak above idle", ("memory", "mib_above_idle")),
        ("a volume of 155 x 240 x 240 through both, peak above idle", ("volume", "mib_above_idle")),
    ):
        old, new = find(before, place), find(after, place)
        if new is not None:
            rows.append([words, "" if old is None else f"{old:.0f}", f"{new:.0f}"])
    for words, key in (("document of the page, kB", "document"), ("the same as sent, kB", "sent")):
        old, new = find(before, ("requests", "page", key)), find(after, ("requests", "page", key))
        if new is not None:
            rows.append([words, "" if old is None else f"{old / 1e3:.0f}", f"{new / 1e3:.0f}"])
    return "## Memory (MiB) and page\n\n" + table(["", "before", "after"], rows) if rows else ""


def find(results: dict, place: Sequence[str]) -> Any:
    """What lies at ``place``, or None."""
    found = results
    for key in place:
        if not isinstance(found, dict) or key not in found:
            return None
        found = found[key]
    return found


def spread(seconds: float | Sequence[float]) -> str:
    """Median and quartiles, in ms or s."""
    low, middle, high = np.percentile(np.atleast_1d(seconds), [25, 50, 75])
    unit, scale = ("ms", 1e3) if middle < 1 else ("s", 1)
    digits = 0 if scale == 1e3 and middle >= 0.1 else 1
    text = f"{middle * scale:.{digits}f} {unit}"
    if np.size(seconds) == 1:
        return text
    return f"{text} ({low * scale:.{digits}f} to {high * scale:.{digits}f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"
