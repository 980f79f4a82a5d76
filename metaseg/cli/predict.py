"""python -m metaseg predict SCAN... --model NAME --threshold T --output DIR"""

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from metaseg.data.studies import Study, find_studies
from metaseg.errors import InputError, memory_errors
from metaseg.files import output_folder
from metaseg.findings.files import write_results
from metaseg.findings.manifest import Manifest, digest_of
from metaseg.findings.report import find
from metaseg.hub.resolve import load_models
from metaseg.prediction import SENSITIVE
from metaseg.scan import Scan, read_scan
from metaseg.scan.planes import PLANES, in_plane
from metaseg.segmenter import Segmenter


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to ``parser``."""
    parser.add_argument(
        "scans",
        nargs="+",
        type=Path,
        metavar="SCAN",
        help="picture, NIfTI volume, DICOM file, folder or zip, or a folder of these",
    )
    parser.add_argument(
        "--model",
        default="attention_unet",
        help="shipped name, checkpoint folder or Hub name (default: attention_unet)",
    )
    parser.add_argument(
        "--threshold",
        type=_threshold,
        help=f"lowest probability that counts as lesion, 0 to 1, or {SENSITIVE} for the "
        "checkpoint's sensitive threshold (default: its own)",
    )
    parser.add_argument(
        "--plane", choices=PLANES, help="plane to cut volumes in (default: as acquired)"
    )
    parser.add_argument(
        "--min-lesion-mm3", type=float, default=0.0, help="leave out smaller lesions in volumes"
    )
    parser.add_argument(
        "--ignore-spacing",
        action="store_true",
        help="ignore a wrong header: measure in pixels and voxels",
    )
    parser.add_argument(
        "--series", help="number or description of the DICOM series, if there are several"
    )
    parser.add_argument(
        "--volume", type=int, help="volume of a 4-D NIfTI, counted from 0 (default: the first)"
    )
    parser.add_argument("--slices", action="store_true", help="also write PNG files of every slice")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Segment every scan. An unreadable scan is named on standard error and does not stop the
    others. Results of an earlier run with the same input and options are kept. A full disk ends the
    run."""
    checkpoint = load_models([options.model])[0]
    if not options.min_lesion_mm3 >= 0:
        raise InputError("The smallest lesion must be 0 mm3 or more.")
    segmenter = Segmenter([checkpoint])
    threshold = segmenter.threshold(checkpoint.name, options.threshold)
    studies, skipped = find_studies(options.scans)
    folder = output_folder(options.output)
    made_by = {
        "model": checkpoint.name,
        "revision": checkpoint.revision,
        "runtime": segmenter.runtime(checkpoint.name).name,
        "threshold": threshold,
        "volume_settings": checkpoint.config.volume and asdict(checkpoint.config.volume),
        "plane": options.plane,
        "min_lesion_mm3": options.min_lesion_mm3,
        "ignore_spacing": options.ignore_spacing,
        "series": options.series,
        "volume": options.volume,
        "slices": options.slices,
    }
    manifest = Manifest(folder, made_by, {one.label: one.reason for one in skipped})
    rows = []
    for study, name in tqdm(list(zip(studies, output_names(studies))), unit="scan"):
        path, digest = study.path, None
        try:
            digest = _digest(path)
            if manifest.is_done(name, digest):
                rows.append((study.label, "done before", _found(manifest.scans[name]["lesions"])))
                continue
            progress = partial(tqdm, desc=name, unit="slice", leave=False)
            minimum = options.min_lesion_mm3
            with memory_errors(path.name), _all_or_none(folder, name) as partial_folder:
                scan = _read(path, options)
                prediction = segmenter.predict(scan, checkpoint.name, progress)
                found = find(scan, prediction, threshold, minimum if scan.is_volume else 0)
                report, files = write_results(
                    partial_folder, name, segmenter, scan, prediction, found, options.slices
                )
            lesions = len(report.lesions)
            manifest.add(
                name,
                digest,
                "done",
                source=study.label,
                seconds=report.seconds,
                lesions=lesions,
                files=files,
            )
            rows.append((study.label, "done", _found(lesions)))
        except InputError as error:
            tqdm.write(f"metaseg: {error}", file=sys.stderr)
            manifest.add(name, digest, "failed", source=study.label, reason=str(error))
            rows.append((study.label, "failed", str(error)))
    rows += [(one.label, "skipped", one.reason) for one in skipped]
    if len(rows) > 1:
        _print_table(rows)
    return 2 if any(status == "failed" for _, status, _ in rows) else 0


def _threshold(text: str) -> float | str:
    return text if text == SENSITIVE else float(text)


def output_names(studies: list[Study]) -> list[str]:
    """A name for the results of each study: its own; of equal ones the parent folder's with it; of
    those still equal the ending with it."""
    ways: list[Callable[[Study], str]] = [
        lambda study: study.name,
        lambda study: f"{study.path.resolve().parent.name}_{study.name}",
        lambda study: f"{study.path.resolve().parent.name}_{study.path.name.replace('.', '_')}",
    ]
    names = [""] * len(studies)
    for way in ways:
        counts = Counter(names)
        names = [
            way(study) if not name or counts[name] > 1 else name
            for study, name in zip(studies, names)
        ]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"Two scans would both be written as {twice[0]}: rename one of them.")
    return names


@contextmanager
def _all_or_none(folder: Path, name: str) -> Iterator[Path]:
    """A folder whose files move to ``folder`` at the end, so that a killed run or a full disk
    leaves no partial file among the results."""
    partial_folder = folder / f".{name}.partial"
    shutil.rmtree(partial_folder, ignore_errors=True)
    partial_folder.mkdir()
    try:
        yield partial_folder
        for file in partial_folder.iterdir():
            file.replace(folder / file.name)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)


def _read(path: Path, options: argparse.Namespace) -> Scan:
    scan = read_scan(path, options.series, options.volume)
    if options.plane is not None and scan.is_volume:
        scan = in_plane(scan, options.plane)
    return replace(scan, spacing=None) if options.ignore_spacing else scan


def _digest(path: Path) -> str:
    try:
        return digest_of(path)
    except OSError as error:
        raise InputError(f"{path.name} cannot be opened: check that the file is there.") from error


def _found(lesions: int) -> str:
    return "1 lesion" if lesions == 1 else f"{lesions} lesions"


def _print_table(rows: list[tuple[str, str, str]]) -> None:
    width = max(len(name) for name, _, _ in rows)
    for name, status, text in rows:
        print(f"{name:<{width}}  {status:<11}  {text}")
    counts = Counter(status for _, status, _ in rows)
    scans = len(rows) - counts["skipped"]
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    failed = counts["failed"]
    print(f"{scans - failed} of {scans} done, {failed} failed{skipped}.")
