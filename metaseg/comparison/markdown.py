"""Markdown blocks: tables, figures and text that means what it says."""

import re
from collections.abc import Iterable, Sequence


def escape(text: str) -> str:
    """``text`` so that Markdown shows it as it is, in a paragraph or in a table."""
    return re.sub(r"([\\`*_{}\[\]<>|#&])", r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """``text`` as code; for names and commands, which hold no backtick."""
    return f"`{' '.join(text.split()).replace('`', '').replace('|', chr(92) + '|')}`"


def join(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table of cells in Markdown; the first ``words`` columns are text, the others numbers."""
    aligned = ["---"] * words + ["---:"] * (len(head) - words)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, aligned, *rows))


def figure(path: str, alt: str, caption: str) -> str:
    """A picture with its caption. Neither may hold Markdown of its own but code."""
    return f"![{alt}]({path})\n*{caption}*"


def percent(share: float | None) -> str:
    """``0.045`` as ``4.5 %``; a dash where it is not defined."""
    return "–" if share is None else f"{share:.1%}".replace("%", " %")


def signed(difference: dict[str, float] | None) -> str:
    """A mean difference with its interval, for example ``+0.010 (−0.005 to +0.025)``."""
    if difference is None or difference["mean"] is None:
        return "–"
    mean, low, high = (difference[key] for key in ("mean", "low", "high"))
    return plus(mean) if low is None else f"{plus(mean)} ({plus(low)} to {plus(high)})"


def plus(value: float | None) -> str:
    """A number with its sign."""
    return "–" if value is None else f"{value:+.3f}".replace("-", "−")
