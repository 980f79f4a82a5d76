"""Many inputs of a format through a worker, counted, and what it finds kept."""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.fuzz.mutate import make
from tests.fuzz.seeds import FORMATS, SCAN_OF
from tests.fuzz.worker import Result, Worker

SECONDS, MEGABYTES = 5, 1024
"""What one input may cost: of the processor, and of memory beyond what was held before."""

COLUMNS = ("success", "sentence", "foreign", "slow", "over memory")


def verdict(result: Result) -> str:
    """The column that ``result`` counts in."""
    if result.kind == "foreign":
        return "foreign"
    if result.kind == "stopped" or result.seconds > SECONDS:
        return "slow"
    return "over memory" if result.megabytes > MEGABYTES else result.kind


def run(
    format_: str, numbers: Iterable[int], worker: Worker, found: Path | None = None
) -> tuple[Counter, list[str]]:
    """Counts by column, and a line on every defect, whose input is kept in the folder ``found``."""
    counts, defects = Counter(), []
    for number in numbers:
        with tempfile.TemporaryDirectory() as folder:
            path = make(format_, number, Path(folder))
            result = worker.handle(path, SCAN_OF.get(format_))
            column = verdict(result)
            leak = folder in result.words
            counts[column] += 1
            if column in ("success", "sentence") and not leak:
                continue
            what = "names a path of the server" if leak else column
            defects.append(f"{format_} {number}: {what}: {result}")
            if found is not None:
                target = found / format_ / f"{number}_{path.name}"
                target.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if path.is_dir() else shutil.copy)(path, target)
    return counts, defects


def table(counts: dict[str, Counter]) -> str:
    """The counts as a table in Markdown."""
    lines = ["| format | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    total = sum((counts[name] for name in counts), Counter())
    for name, row in [
        *((name, counts[name]) for name in FORMATS if name in counts),
        ("all", total),
    ]:
        lines.append(f"| {name} | " + " | ".join(str(row[column]) for column in COLUMNS) + " |")
    return "\n".join(lines)


def load(state: Path) -> dict[str, Counter]:
    """The counts of an earlier run, where there was one."""
    if not state.is_file():
        return {name: Counter() for name in FORMATS}
    return {name: Counter(row) for name, row in json.loads(state.read_text()).items()}


def save(state: Path, counts: dict[str, Counter]) -> None:
    """Whole or not at all: a run may be ended at any time."""
    partial = state.with_suffix(".partial")
    partial.write_text(json.dumps(counts))
    partial.replace(state)
