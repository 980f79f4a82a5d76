"""python -m metaseg predict SCAN... --model NAME --threshold T --output DIR"""

import argparse
import math
import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tqdm import tqdm

from metaseg.cli.studies import Outcome, Settings, Task, in_processes, segment_study
from metaseg.data.studies import Study, find_studies
from metaseg.errors import InputError
from metaseg.files import output_folder, path_of, readable_name, short_digest, shortened
from metaseg.findings.manifest import MANIFEST, Manifest, digest_of
from metaseg.hub.resolve import load_models
from metaseg.prediction import SENSITIVE
from metaseg.runtime.threads import threads
from metaseg.scan.planes import PLANES
from metaseg.segmenter import Segmenter
from metaseg.version import __version__

ANOTHER = (
    "The output folder holds results of another scan called {}: use another folder, or rename the "
    "scan."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to ``parser``."""
    parser.add_argument(
        "scans",
        nargs="+",
        type=path_of,
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
        "--series",
        help="number or description of the DICOM series or image, if a folder or zip has several",
    )
    parser.add_argument(
        "--volume", type=int, help="volume of a 4-D NIfTI, counted from 0 (default: the first)"
    )
    parser.add_argument("--slices", action="store_true", help="also write PNG files of every slice")
    parser.add_argument(
        "--workers",
        type=_workers,
        help="scans to segment at once, each in a process of its own (default: one per processor, "
        "one on a GPU)",
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const="auto",
        metavar="ADDRESS",
        help="use the Ray cluster at ADDRESS, or the one that runs here; local starts one",
    )
    parser.add_argument("--output", required=True, type=path_of, metavar="DIR")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Segment every scan. An unreadable scan is named on standard error and does not stop the
    others. Results of an earlier run with the same input and options are kept. A full disk ends the
    run."""
    checkpoint = load_models([options.model])[0]
    if not 0 <= options.min_lesion_mm3 < math.inf:
        raise InputError("The smallest lesion must be a number, 0 mm3 or more.")
    segmenter = Segmenter([checkpoint])
    threshold = segmenter.threshold(checkpoint.name, options.threshold)
    studies, skipped = find_studies(options.scans)
    names = output_names(studies)
    for path in options.scans:
        # The next run would take the results for scans.
        if path.is_dir() and options.output.resolve().is_relative_to(path.resolve()):
            raise InputError(
                f"The output folder lies in {path.name}, which holds the scans: use one outside."
            )
        # And files beside a scan, such as a mask of one's own, may have the names of results.
        if options.output.resolve() == path.parent.resolve():
            raise InputError(
                f"The output folder is that of {path.name}: use one for results alone."
            )
    folder = output_folder(options.output)
    made_by = {
        "metaseg": __version__,
        "model": checkpoint.name,
        "revision": checkpoint.revision,
        "settings": checkpoint.config.digest,
        "runtime": segmenter.runtime(checkpoint.name).name,
        "threshold": threshold,
        "plane": options.plane,
        "min_lesion_mm3": options.min_lesion_mm3,
        "ignore_spacing": options.ignore_spacing,
        "series": options.series,
        "volume": options.volume,
        "slices": options.slices,
    }
    manifest = Manifest(folder, made_by, {one.label: one.reason for one in skipped})
    settings = Settings(
        model=options.model,
        folder=folder,
        threshold=threshold,
        plane=options.plane,
        minimum=options.min_lesion_mm3,
        ignore_spacing=options.ignore_spacing,
        series=options.series,
        volume=options.volume,
        slices=options.slices,
    )
    rows: dict[str, tuple[str, str, str]] = {}
    with tqdm(total=len(studies), unit="scan") as bar:

        def note(name: str, *row: str) -> None:
            rows[name] = row
            bar.update()

        def fail(study: Study, name: str, digest: str | None, error: InputError) -> None:
            tqdm.write(f"metaseg: {error}", file=sys.stderr)
            origin = _origin(study)
            if not manifest.is_of_another(name, origin["place"], digest):
                manifest.add(name, digest, "failed", **origin, reason=str(error))
            note(name, study.label, "failed", str(error))

        def tasks() -> Iterator[Task]:
            """What is left to do; a study is read no sooner than it is wanted."""
            for study, name in zip(studies, names):
                try:
                    digest = _digest(study.path)
                except InputError as error:
                    fail(study, name, None, error)
                    continue
                if manifest.is_of_another(name, _origin(study)["place"], digest):
                    fail(study, name, digest, InputError(ANOTHER.format(name)))
                elif manifest.is_done(name, digest):
                    found = _found(manifest.scans[name]["lesions"])
                    note(name, study.label, "done before", found)
                else:
                    yield Task(study, name, digest)

        for task, outcome in _outcomes(options, segmenter, settings, tasks(), len(studies)):
            if isinstance(outcome, InputError):
                fail(task.study, task.name, task.digest, outcome)
                continue
            for notice in outcome.pop("notices"):
                tqdm.write(f"{task.name}: {notice}", file=sys.stderr)
            manifest.add(task.name, task.digest, "done", **_origin(task.study), **outcome)
            note(task.name, task.study.label, "done", _found(outcome["lesions"]))
    table = [rows[name] for name in names]
    table += [(one.label, "skipped", one.reason) for one in skipped]
    if len(table) > 1:
        _print_table(table)
    return 2 if any(status == "failed" for _, status, _ in table) else 0


def _outcomes(
    options: argparse.Namespace,
    segmenter: Segmenter,
    settings: Settings,
    tasks: Iterator[Task],
    count: int,
) -> Iterator[tuple[Task, Outcome]]:
    """Each of at most ``count`` tasks with its outcome, as they are finished."""
    if options.ray is not None:
        from metaseg.cli.on_ray import on_ray  # of the extra "scale", and slow to import

        yield from on_ray(settings, tasks, options.ray, options.workers)
        return
    workers = options.workers or (threads() if segmenter.device == "cpu" else 1)
    if min(workers, count) > 1:
        yield from in_processes(settings, tasks, min(workers, count))
        return
    for task in tasks:
        progress = partial(tqdm, desc=task.name, unit="step", leave=False)
        yield task, segment_study(segmenter, settings, task, progress)


def _workers(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text} is not a number of processes: use 1 or more.")
    return int(text)


def _threshold(text: str) -> float | str:
    try:
        return text if text == SENSITIVE else float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text} is not a threshold: use a number from 0 to 1, or {SENSITIVE}."
        ) from error


def output_names(studies: list[Study]) -> list[str]:
    """A name for the results of each study: its own; of equal ones the parent folder's with it; of
    those still equal the ending with it; then the same with one folder more, and so on."""
    names, taken = [shortened(study.name) for study in studies], Path(MANIFEST).stem
    folders = [Path(os.path.normpath(study.path)).parent.parts[1:] for study in studies]
    for depth in range(1, max(map(len, folders)) + 1):
        for with_ending in (False, True):
            counts = Counter([*names, taken])
            for index, study in enumerate(studies):
                if counts[names[index]] > 1:
                    own = study.path.name.replace(".", "_") if with_ending else study.name
                    names[index] = shortened("_".join((*folders[index][-depth:], own)))
    twice = [name for name, count in Counter([*names, taken]).items() if count > 1]
    if twice:
        raise InputError(f"Two scans would both be written as {twice[0]}: rename one of them.")
    return names


def _origin(study: Study) -> dict[str, str]:
    """What the manifest says of where a scan comes from: its label, and as its place a digest,
    which names no folder."""
    return {"source": study.label, "place": short_digest(os.path.realpath(study.path))}


def _digest(path: Path) -> str:
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe can be read only once
        raise InputError(f"{path.name} is not a file: save it as one.")
    try:
        return digest_of(path)
    except OSError as error:
        raise InputError(f"{path.name} cannot be opened: check that the file is there.") from error


def _found(lesions: int) -> str:
    return "1 lesion" if lesions == 1 else f"{lesions} lesions"


def _print_table(rows: list[tuple[str, str, str]]) -> None:
    width = max(len(name) for name, _, _ in rows)
    for name, status, text in rows:
        print(f"{name:<{width}}  {status:<11}  {readable_name(text)}")
    counts = Counter(status for _, status, _ in rows)
    scans = len(rows) - counts["skipped"]
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    failed = counts["failed"]
    print(f"{scans - failed} of {scans} done, {failed} failed{skipped}.")
