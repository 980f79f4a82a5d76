"""The examples that the page offers, with their ground truth."""

import json
from dataclasses import dataclass
from pathlib import Path

from metaseg.resources import resource

EXAMPLES = resource("examples")


@dataclass(frozen=True)
class Example:
    """A real slice with its ground truth and where it is from."""

    title: str
    scan: str
    truth: str
    thumbnail: str
    source: str


def read_examples() -> list[Example]:
    """The examples in the order of ``examples/examples.json``."""
    entries = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))
    return [
        Example(
            title=entry["title"],
            scan=str(EXAMPLES / entry["scan"]),
            truth=str(EXAMPLES / entry["truth"]),
            thumbnail=str(EXAMPLES / "thumbnails" / f"{Path(entry['scan']).stem}.jpg"),
            source=entry["source"],
        )
        for entry in entries
    ]
