"""Markdown blocks: tables, figures and text that means what it says."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from metaseg.errors import InputError


def escape(text: str) -> str:
    """``text`` so that Markdown shows it as it is, in a paragraph or in a table."""
    return re.sub(r"([\\`*_{}\[\]<>|#&])", r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """``text`` as code; for names and commands, which hold no backtick."""
    return f"`{' '.join(text.split()).replace('`', '')}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table of cells in Markdown; the first ``words`` columns are text, the others numbers.

    Where two of them are text, the first stands only in the first of the rows that share it.
    """
    aligned = ["---"] * words + ["---:"] * (len(head) - words)
    lines, before = [], None
    for row in rows:
        first = "" if words > 1 and row[0] == before else row[0]
        before = row[0]
        lines.append([first, *row[1:]])
    cells = ([re.sub(r"(?<!\\)\|", r"\|", cell) for cell in row] for row in lines)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, aligned, *cells))


def figure(path: str, alt: str, caption: str) -> str:
    """A picture with what it shows and its caption, both plain text."""
    return f"![{escape(alt)}]({path})\n*{escape(caption)}*"


def percent(share: float | None, digits: int = 1) -> str:
    """``0.045`` as ``4.5 %``; a dash where it is not defined."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def signed(difference: dict[str, float] | None) -> str:
    """A mean difference with its interval, for example ``+0.010 (−0.005 to +0.025)``."""
    if difference is None or difference["mean"] is None:
        return "–"
    mean, low, high = (difference[key] for key in ("mean", "low", "high"))
    return plus(mean) if low is None else f"{plus(mean)} ({plus(low)} to {plus(high)})"


def plus(value: float | None) -> str:
    """A number with its sign."""
    return "–" if value is None else f"{value:+.3f}".replace("-", "−")


def read_json(path: Path) -> Any:
    """The content of ``path``, or None where there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InputError(f"{path.name} of the checkpoint {path.parent.name} is damaged.") from error
