"""The files that the page and the API return."""

import re
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from metaseg.demo.one_page import Facts, one_page
from metaseg.demo.render import Inputs, chosen_models, open_inputs, present_slice
from metaseg.demo.store import SCAN, store
from metaseg.demo.workbench import OpenScan, Segmentation, Workbench
from metaseg.findings.files import write_results
from metaseg.findings.lesions import lesion_table
from metaseg.findings.manifest import Manifest, digest_of
from metaseg.findings.overlay import TRUTH_COLOUR, draw_overlay
from metaseg.findings.report import Findings
from metaseg.scan.nifti import write_nifti
from metaseg.scan.pictures import write_png
from metaseg.scan.types import display_name

REPORT = "report.html"
LONGEST_NAME = 100


@dataclass(frozen=True)
class OnScreen:
    """What the page shows: the scan, the displayed slice, and each chosen network's result."""

    opened: OpenScan
    index: int
    slices: list[Segmentation]
    volumes: list[Findings]
    """Empty for a single slice."""


def on_screen(workbench: Workbench, inputs: Inputs) -> OnScreen:
    """What the page shows for ``inputs``, from stored predictions. An unreadable ground truth is
    left out, as on the page. Raises InputError for any other error."""
    opened, _ = open_inputs(workbench, inputs)
    threshold, index = inputs.threshold, present_slice(opened, inputs)
    names = chosen_models(workbench, inputs.model)
    slices = [workbench.segment(opened, name, threshold, index) for name in names]
    volumes = []
    if opened.scan.is_volume:
        volumes = [workbench.find_in_volume(opened, name, threshold) for name in names]
    return OnScreen(opened, index, slices, volumes)


def clean_name(name: str) -> str:
    """The last part of the path ``name`` with letters, digits, dots, dashes and spaces alone."""
    cleaned = re.sub(r"[^\w.\- ]", "_", re.split(r"[/\\]", name)[-1])
    return cleaned[-LONGEST_NAME:].strip(" .") or "scan"


def write_zip(workbench: Workbench, inputs: Inputs) -> str:
    """Path of a zip with everything about the current result.

    It holds the original and the ground truth as given, the files of ``write_results`` for each
    chosen network, the manifest and the one-page report.
    """
    shown = on_screen(workbench, inputs)
    opened = shown.opened
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
    for name in chosen_models(workbench, inputs.model):
        prediction = workbench.predict(opened, name)
        report, files = write_results(
            results,
            prediction.model,
            workbench.segmenter,
            opened.scan,
            prediction,
            workbench.find_in_volume(opened, name, inputs.threshold),
        )
        manifest.add(
            prediction.model,
            digest,
            "done",
            model=prediction.title,
            revision=prediction.revision,
            seconds=report.seconds,
            lesions=len(report.lesions),
            files=files,
        )
    (results / REPORT).write_text(_page_of(workbench, inputs, shown, digest), encoding="utf-8")
    path = folder / f"metaseg_{clean_name(display_name(inputs.scan))}.zip"
    # Most files are compressed already.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for role, given_path in given.items():
            archive.write(given_path, f"{role}/{clean_name(given_path)}")
        for file in sorted(results.iterdir()):
            archive.write(file, file.name)
            file.unlink()
    return str(path)


def write_report(workbench: Workbench, inputs: Inputs) -> str:
    """The one-page report of the current result."""
    shown = on_screen(workbench, inputs)
    return _page_of(workbench, inputs, shown, digest_of(Path(inputs.scan)))


def _page_of(workbench: Workbench, inputs: Inputs, shown: OnScreen, digest: str) -> str:
    opened = shown.opened
    grey = workbench.segmenter.view(opened.scan, shown.index, enhanced=False)
    pictures = [("Slice", draw_overlay(grey, [], opened.scan.aspect))]
    if opened.truth is not None:
        outline = (opened.truth[shown.index], TRUTH_COLOUR)
        pictures.append(("Ground truth", draw_overlay(grey, [outline], opened.scan.aspect)))
    pictures += [(result.title, result.overlay) for result in shown.slices]
    facts = Facts(
        file=clean_name(inputs.scan),
        sha256=digest,
        truth=clean_name(inputs.truth) if opened.truth is not None else None,
        scan=opened.scan,
        index=shown.index,
        made=datetime.now(UTC),
    )
    volumes = [volume.report for volume in shown.volumes]
    return one_page(facts, pictures, [result.report for result in shown.slices], volumes)


def write_volume(
    workbench: Workbench,
    scan: str,
    model: str,
    threshold: float | str | None,
    minimum: float,
) -> tuple[str, str, dict]:
    """Mask (NIfTI, the scan's own grid), lesion table (CSV) and report of a volume."""
    opened = workbench.open(scan, None)
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
