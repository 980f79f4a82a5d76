"""Data folders: a ``cases.csv`` with one row per case, or a published layout. They are checked as a
whole before anything runs."""

import csv
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from metaseg.data.case import Case
from metaseg.data.dataset import read_dataset
from metaseg.data.layouts import read_layout
from metaseg.errors import InputError, together

COLUMNS = ("case", "group", "image", "mask", "split")
SPLITS = ("train", "test")
"""The splits that MetaSeg knows; a table may have others, which only ``--split`` chooses."""


def read_cases(folder: Path, layout: str | None = None, modality: str | None = None) -> list[Case]:
    """All cases of a data folder: those of its ``cases.csv``, in its order, or of a layout.

    A published layout is used if ``layout`` names it, or if there is no ``cases.csv``.
    ``modality`` describes a folder without a ``dataset.toml``. Raises InputError that lists every
    fault: in the description, missing files, cases listed twice, groups in two splits.
    """
    folder = Path(folder)
    table = folder / "cases.csv"
    if not folder.is_dir():
        raise InputError(f"There is no data folder {folder.name}: check its name.")
    if layout is not None or not table.is_file():
        return read_layout(folder, layout, modality)[1]
    dataset, rows = together(
        partial(read_dataset, folder, modality), partial(_read_table, folder, table)
    )
    return [Case(**row, source=folder.resolve().name, dataset=dataset) for row in rows]


def read_rows(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and rows of a ``cases.csv``. Raises InputError if it cannot be read."""
    try:
        # Spreadsheets begin UTF-8 with a byte order mark.
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = [column.strip() for column in reader.fieldnames or []]
            # Spreadsheets leave spaces that nobody sees.
            rows = [{k.strip(): (v or "").strip() for k, v in row.items() if k} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{table.parent.name}/cases.csv cannot be read: save it as CSV in UTF-8."
        ) from error
    return columns, rows


def _read_table(folder: Path, table: Path) -> list[dict]:
    """The checked rows of ``cases.csv``, as the fields of a Case."""
    columns, rows = read_rows(table)
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        raise InputError(f"{folder.name}/cases.csv lacks the columns {', '.join(missing)}.")
    cases, faults, splits = [], [], {}
    for number, row in enumerate(rows, start=2):
        empty = [column for column in COLUMNS if not row[column]]
        if empty:
            faults.append(f"row {number}: {' and '.join(empty)} is empty")
            continue
        case = {
            "name": row["case"],
            "group": row["group"],
            "image": folder / row["image"],
            "mask": folder / row["mask"],
            "split": row["split"],
            "row": number,
        }
        for key in ("image", "mask"):
            if not case[key].is_file():
                fault = "is a folder: use a zip of it" if case[key].is_dir() else "is missing"
                faults.append(f"row {number}: {row[key]} {fault}")
        if row["split"] not in SPLITS and row["split"].lower() in SPLITS:
            faults.append(f"row {number}: the split {row['split']} must be {row['split'].lower()}")
        if splits.setdefault(row["group"], row["split"]) != row["split"]:
            faults.append(f"row {number}: group {row['group']} is in another split as well")
        cases.append(case)
    for name, count in Counter(case["name"] for case in cases).items():
        if count > 1:
            places = ", ".join(str(case["row"]) for case in cases if case["name"] == name)
            faults.append(f"case {name} is listed {count} times, in rows {places}")
    if faults:
        raise InputError(f"{folder.name}/cases.csv: " + "; ".join(faults) + ".")
    if not cases:
        raise InputError(f"{folder.name}/cases.csv lists no case: add a row for each.")
    return cases


def cases_of_split(folders: list[Path], split: str, modality: str | None = None) -> list[Case]:
    """The cases of one split of several data folders.

    ``modality`` describes folders without a ``dataset.toml``. Raises InputError if there are no
    such cases, one of their patients is in another split of another folder, two folders have the
    same name, or a folder is at fault.
    """
    tables = together(*(partial(read_cases, folder, modality=modality) for folder in folders))
    for name, count in Counter(Path(folder).resolve().name for folder in folders).items():
        if count > 1:
            raise InputError(f"Two data folders have the name {name}: rename one of them.")
    cases = [case for table in tables for case in table if case.split == split]
    if not cases:
        names = ", ".join(Path(folder).name for folder in folders)
        raise InputError(
            f'There is no case of the split "{split}" in {names}: choose another split.'
        )
    places = {case.group: case for table in tables for case in table if case.split != split}
    if both := sorted({case.group for case in cases} & places.keys()):
        other = places[both[0]]
        raise InputError(
            f"{len(both)} of the groups are in the split {split} of one data folder and in another "
            f"split of another, for example {both[0]} in {other.split} of {other.source}: rename "
            "them if they are other patients."
        )
    return cases


def hold_out_validation(
    cases: list[Case], share: float, by: str = "group"
) -> tuple[list[Case], list[Case]]:
    """Split ``cases`` into training and validation cases.

    Holds out about ``share`` of the patients of each data folder or, if ``by`` is "slice", of its
    cases. A patient that is held out of one folder is held out of all. Every run with the same
    cases and share holds out the same ones, whatever the order of ``cases``. Raises InputError that
    names every folder with too few.
    """
    kind, name_of, choose = HELD_OUT_BY[by]
    chosen, faults = set(), []
    for source in sorted({case.source for case in cases}):
        names = sorted({name_of(case) for case in cases if case.source == source})
        count = max(1, round(share * len(names)))
        if count >= len(names):
            faults.append(
                f"{source} has {len(names)} training {kind}, too few to hold some out for "
                f"validation: use more {kind}."
            )
            continue
        chosen |= {(source, name) for name in choose(names, count)}
    held_out = {name for _, name in chosen} if by == "group" else set()
    training, validation = [], []
    for case in cases:
        name = name_of(case)
        unseen = name in held_out or (case.source, name) in chosen
        (validation if unseen else training).append(case)
    for source in sorted({case.source for case in cases} - {case.source for case in training}):
        if not any(fault.startswith(f"{source} ") for fault in faults):
            faults.append(
                f"All patients of {source} are held out for validation, because other data folders "
                "have patients of these names: rename them if they are others."
            )
    if faults:
        raise InputError("\n".join(faults))
    return training, validation


def _evenly(names: list[str], count: int) -> list[str]:
    """``count`` of the sorted ``names`` at even distances: names often begin with the tumour or the
    hospital, and all of them should be represented."""
    step = len(names) / count
    return [names[int((k + 0.5) * step)] for k in range(count)]


def _at_random(names: list[str], count: int) -> list[str]:
    """``count`` of ``names``, the same ones in every run."""
    return np.random.default_rng(0).permutation(names)[:count].tolist()


HELD_OUT_BY: dict[str, tuple[str, Callable[[Case], str], Callable[[list[str], int], list[str]]]] = {
    "group": ("groups", lambda case: case.group, _evenly),
    "slice": ("cases", lambda case: case.name, _at_random),
}
"""Units to hold out for validation: their name, their key in a case, and how they are chosen."""
