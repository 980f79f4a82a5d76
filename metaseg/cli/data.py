"""python -m metaseg data check DIR, and data convert KIND SOURCE DEST"""

import argparse
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from metaseg.cli.options import add_modality
from metaseg.data.case import Case, read_case
from metaseg.data.cases import SPLITS, read_cases
from metaseg.data.convert import KINDS, Planned, convert
from metaseg.data.dataset import Dataset
from metaseg.data.layouts import LAYOUTS, read_layout
from metaseg.errors import InputError
from metaseg.files import path_of

SHOWN_FAULTS = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to ``parser``."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="describe a data folder and list its problems")
    check.add_argument("folder", type=path_of, metavar="DIR")
    check.add_argument("--layout", choices=["cases.csv", *LAYOUTS], help="default: detected")
    add_modality(check)
    check.set_defaults(run=run)
    making = actions.add_parser(
        "convert", help="make a data folder from an unpacked download, with MetaSeg's split"
    )
    making.add_argument("kind", choices=KINDS)
    making.add_argument(
        "source", type=path_of, metavar="SOURCE", help="folder with the unpacked download"
    )
    making.add_argument("destination", type=path_of, metavar="DEST", help="data folder to write")
    add_modality(making)
    making.set_defaults(run=run_convert)


def run(options: argparse.Namespace) -> int:
    """Read every case. Returns 2 if there is a problem."""
    name, cases, remarks = _find(options.folder, options.layout, options.modality)
    groups = {case.group for case in cases}
    print(f"{options.folder.resolve().name}: {name}, {len(cases)} cases of {len(groups)} groups")
    for line in _describe(cases[0].dataset):
        print(f"  {line}")
    _print_splits(cases)
    sizes, slices, empty, notices, faults = Counter(), 0, 0, Counter(), []
    for case in tqdm(cases, desc="Reading", unit="case", leave=False):
        try:
            scan, truth = read_case(case)
        except InputError as error:
            faults.append(f"{case.name}: {error}")
            continue
        depth, height, width = scan.voxels.shape
        sizes[f"{width} x {height}" + (f" x {depth}" if depth > 1 else "")] += 1
        slices += depth
        empty += depth - int(truth.any(axis=(1, 2)).sum())
        notices.update(scan.notices)
    common = ", ".join(f"{size} ({count})" for size, count in sizes.most_common(5))
    print(f"  {slices} slices, {empty} of them with an empty mask; sizes: {common or 'none'}")
    for remark in [*remarks, *notices]:
        print(f"  note: {remark}")
    for fault in faults[:SHOWN_FAULTS]:
        print(f"  problem: {fault}")
    if len(faults) > SHOWN_FAULTS:
        print(f"  problem: {len(faults) - SHOWN_FAULTS} more cases")
    print(
        f"{len(faults)} of {len(cases)} cases have a problem." if faults else "No problems found."
    )
    return 2 if faults else 0


def run_convert(options: argparse.Namespace) -> int:
    """Write a data folder, complete or not at all."""
    bar = partial(tqdm, desc="Converting", unit="case", leave=False, disable=None)
    cases = convert(options.kind, options.source, options.destination, options.modality, bar)
    groups = len({case.group for case in cases})
    print(f"{options.destination}: {len(cases)} cases of {groups} groups")
    _print_splits(cases)
    if options.kind == "nifti" and groups == len(cases):
        print(
            "  note: each scan counts as its own patient; put several scans of one patient into "
            "one folder"
        )
    return 0


def _print_splits(cases: Sequence[Case | Planned]) -> None:
    counts = Counter(case.split for case in cases)
    for split, count in sorted(counts.items()):
        patients = len({case.group for case in cases if case.split == split})
        print(f"  {split}: {count} cases of {patients} groups")
    for split in SPLITS:
        if not counts[split]:
            print(f"  note: no case is in the split {split}: choose patients for it in cases.csv")


def _describe(dataset: Dataset) -> list[str]:
    """The description of a data folder, one line for each entry."""
    skull = {True: "removed", False: "present", None: "not stated"}[dataset.skull_stripped]
    spacing = "as in the files"
    if dataset.header_spacing_is_wrong:
        spacing = "wrong in the files, ignored"
    if dataset.pixel_mm is not None:
        spacing += f"; pixels of {dataset.pixel_mm:g} mm"
    return [
        f"title: {dataset.title}",
        f"modality: {dataset.modality}; skull: {skull}; spacing: {spacing}",
        f"target: {dataset.target}",
        f"groups: {dataset.groups}",
        f"licence: {dataset.license}",
        f"citation: {dataset.citation or 'none'}",
    ]


def _find(
    folder: Path, layout: str | None, modality: str | None
) -> tuple[str, list[Case], list[str]]:
    own = (folder / "cases.csv").is_file()
    if layout == "cases.csv" and not own:
        raise InputError(f"{folder.name} has no cases.csv: use a data folder with one.")
    if layout == "cases.csv" or (layout is None and own) or not folder.is_dir():
        return "cases.csv", read_cases(folder, modality=modality), []
    name, cases, remarks = read_layout(folder, layout, modality)
    return LAYOUTS[name].title, cases, remarks
