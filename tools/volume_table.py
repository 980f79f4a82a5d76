"""python -m tools.volume_table CASE_DICE.csv...: print a table of volumes, a column a network."""

import csv
import sys
from pathlib import Path

from metaseg.models import TITLES


def table_of(paths: list[Path]) -> str:
    """``case_dice.csv`` files of evaluations as one table in Markdown."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                shown = f"{float(row['dice']):.3f}" if row["dice"] else "–"
                rows.setdefault((row["case"], row["slices"]), {})[row["model"]] = shown
    models = list(dict.fromkeys(model for cells in rows.values() for model in cells))
    titles = [TITLES.get(model, model) for model in models]
    lines = [["volume", "slices", *titles], ["---"] * (2 + len(titles))]
    lines += [[*key, *(cells.get(m, "–") for m in models)] for key, cells in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    print(table_of(list(map(Path, sys.argv[1:]))), end="")
