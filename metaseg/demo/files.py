"""The files that the page and the API return."""

import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from metaseg.demo.one_page import MOST_REGIONS, Facts, one_page
from metaseg.demo.render import Inputs
from metaseg.demo.result import Result, result_of
from metaseg.demo.store import SCAN, store
from metaseg.demo.workbench import OpenScan, Segmentation, Workbench
from metaseg.findings.cropping import Box, box_around, picture_of, tissue_box
from metaseg.findings.files import write_results
from metaseg.findings.lesions import lesion_table
from metaseg.findings.manifest import Manifest, digest_of
from metaseg.findings.overlay import TRUTH_COLOUR
from metaseg.findings.region_table import region_table
from metaseg.findings.review import Review
from metaseg.findings.sizes import diameter_of
from metaseg.scan.nifti import write_nifti
from metaseg.scan.pictures import write_png
from metaseg.scan.types import display_name

REPORT = "report.html"
BEFORE = "before_review"
"""The folder of a zip with what the networks outlined, where a person changed it."""
LONGEST_NAME = 100
PICTURE_SIDE, LESION_SIDE = 512, 320
"""Longer sides of the report's pictures, in pixels."""


def clean_name(name: str) -> str:
    """The last part of the path ``name`` with letters, digits, dots, dashes and spaces alone."""
    cleaned = re.sub(r"[^\w.\- ]", "_", re.split(r"[/\\]", name)[-1])
    return cleaned[-LONGEST_NAME:].strip(" .") or "scan"


def write_zip(workbench: Workbench, inputs: Inputs, review: Review | None = None) -> str:
    """Path of a zip with everything about the current result.

    It holds the original and the ground truth as given, the files of ``write_results`` for each
    chosen network, the table of regions, the manifest and the printable report. With a ``review``
    these follow it, and ``before_review/`` holds what the networks outlined.
    """
    result = result_of(workbench, inputs, review)
    opened = result.opened
    folder = store().new_result(SCAN)
    results = folder / "results"
    results.mkdir()
    given = {"original": inputs.scan}
    if opened.truth is not None:
        given["ground_truth"] = inputs.truth
    run = {
        "device": workbench.segmenter.device,
        "threshold": inputs.threshold,
        "plane": opened.scan.plane if opened.scan.is_volume else None,
        **{role: clean_name(path) for role, path in given.items()},
    }
    manifest = Manifest(results, run)
    digest = digest_of(Path(inputs.scan))
    for prediction, found, before in zip(result.predictions, result.findings, result.unreviewed):
        write = (prediction.model, workbench.segmenter, opened.scan, prediction)
        report, files = write_results(results, *write, found)
        if result.review is not None:
            (results / BEFORE).mkdir(exist_ok=True)
            _, unreviewed = write_results(results / BEFORE, *write, before)
            files += [f"{BEFORE}/{name}" for name in unreviewed]
        values = report.to_json()
        manifest.add(
            prediction.model,
            digest,
            "done",
            model=prediction.title,
            revision=prediction.revision,
            threshold=report.threshold,
            seconds=report.seconds,
            lesions=len(report.lesions),
            reviewed=values["reviewed"],
            review=values["review"],
            files=files,
        )
    if len(result.predictions) > 1:
        (results / "regions.csv").write_text(region_table(result.regions), encoding="utf-8")
    if result.review is not None:
        (results / "review.json").write_text(result.review.to_json(), encoding="utf-8")
    page = report_of(workbench, inputs, result, digest)
    (results / REPORT).write_text(page, encoding="utf-8")
    path = folder / f"metaseg_{clean_name(display_name(inputs.scan))}.zip"
    # Most files are compressed already.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for role, given_path in given.items():
            archive.write(given_path, f"{role}/{clean_name(given_path)}")
        for file in sorted(file for file in results.rglob("*") if file.is_file()):
            archive.write(file, file.relative_to(results))
            file.unlink()
    return str(path)


def write_report(workbench: Workbench, inputs: Inputs, review: Review | None = None) -> str:
    """The printable report of the current result."""
    result = result_of(workbench, inputs, review)
    return report_of(workbench, inputs, result, digest_of(Path(inputs.scan)))


def report_of(workbench: Workbench, inputs: Inputs, result: Result, digest: str) -> str:
    """The printable report of ``result``, whose scan has the SHA-256 ``digest``."""
    scan, truth = result.opened.scan, result.opened.truth
    index = result.main_slice
    grey = workbench.segmenter.view(scan, index)
    box = part_to_show(workbench, result, index)
    drawn = [("Slice", [])]
    if truth is not None:
        drawn.append(("Ground truth", [(truth[index], TRUTH_COLOUR)]))
    networks = result.outlines(index, truth=False)
    drawn += [(one.title, [layer]) for one, layer in zip(result.predictions, networks)]
    pictures = [
        (title, picture_of(grey, layers, box, PICTURE_SIDE, scan.aspect, filled=True))
        for title, layers in drawn
    ]
    lesions = []
    for row in result.regions.rows[:MOST_REGIONS]:
        at = row.lesion.diameter_slice
        part = box_around(row, part_to_show(workbench, result, at), scan.aspect)
        view = workbench.segmenter.view(scan, at)
        where = f", slice {at + 1}" if scan.is_volume else ""
        caption = f"Region {row.number}{where}, {diameter_of(row.lesion)}"
        picture = picture_of(view, result.outlines(at), part, LESION_SIDE, scan.aspect)
        lesions.append((caption, picture))
    facts = Facts(
        file=clean_name(inputs.scan),
        sha256=digest,
        truth=clean_name(inputs.truth) if truth is not None else None,
        scan=scan,
        index=index,
        made=datetime.now(UTC),
    )
    reports = [found.report for found in result.findings]
    return one_page(facts, reports, result.regions, pictures, lesions)


def part_to_show(workbench: Workbench, result: Result, index: int) -> Box:
    """The part of slice ``index`` that pictures show: its tissue, and all that is outlined."""
    grey = workbench.segmenter.view(result.opened.scan, index)
    return tissue_box(grey, workbench.segmenter.display, result.outlines(index))


def write_volume(
    workbench: Workbench,
    opened: OpenScan,
    model: str,
    threshold: float | str | None,
    minimum: float,
) -> tuple[str, str, dict]:
    """Mask (NIfTI, the scan's own grid), lesion table (CSV) and report of a volume."""
    found = workbench.find_in_volume(opened, model, threshold, minimum)
    folder = store().new_result(SCAN)
    write_nifti(folder / "mask.nii.gz", found.mask, opened.scan)
    (folder / "lesions.csv").write_text(lesion_table(found.report.lesions), encoding="utf-8")
    return str(folder / "mask.nii.gz"), str(folder / "lesions.csv"), found.report.to_json()


def write_segmentation(result: Segmentation) -> tuple[str, str, dict]:
    """Overlay (PNG), mask (PNG) and report of a slice."""
    folder = store().new_result(SCAN)
    for name, pixels in (("overlay", result.overlay), ("mask", result.mask)):
        write_png(folder / f"{name}.png", pixels)
    return str(folder / "overlay.png"), str(folder / "mask.png"), result.report.to_json()
