"""Result files of a prediction, the same for the command line and the API."""

import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from metaseg.errors import InputError
from metaseg.files import check_no_folder, write_json, write_whole
from metaseg.findings.contact_sheet import contact_sheet
from metaseg.findings.lesions import lesion_table
from metaseg.findings.overlay import PREDICTION_COLOURS, draw_overlay
from metaseg.findings.report import Findings, Report
from metaseg.findings.structured_report import write_structured_report
from metaseg.prediction import Prediction
from metaseg.scan import Scan
from metaseg.scan.dicom_seg import write_dicom_seg
from metaseg.scan.nifti import write_nifti
from metaseg.scan.pictures import write_png
from metaseg.segmenter import Segmenter

DICOM_KINDS = ("seg", "sr")
"""How the names of DICOM objects end, before .dcm."""
KINDS = ("mask", "probability", "sheet", "lesions", "dicom", "overlay", "report")
"""What ``write_results`` can write."""


@contextmanager
def all_or_none(folder: Path, name: str) -> Iterator[Path]:
    """A folder whose files, the results ``name``, move to ``folder`` at the end, so that a killed
    run or a full disk leaves no partial file among the results. InputError if a folder, or a file
    that is no result of MetaSeg, has the place of one."""
    partial_folder = folder / f".{name}.partial"
    shutil.rmtree(partial_folder, ignore_errors=True)
    partial_folder.mkdir()
    try:
        yield partial_folder
        places = {file: folder / file.name for file in partial_folder.iterdir()}
        # Not every result has them, and an old one must not stay.
        old = [folder / f"{name}_{kind}.dcm" for kind in DICOM_KINDS]
        ours = _is_report(folder / f"{name}.json")
        for path in (*old, *places.values()):
            check_no_folder(path)
            if path.exists() and not ours:
                raise InputError(
                    f"{path.name} is there already and no result of MetaSeg: use another folder."
                )
        for path in old:
            path.unlink(missing_ok=True)
        # The report first: it tells the next run whose files these are.
        for file, path in sorted(places.items(), key=lambda pair: pair[0].suffix != ".json"):
            file.replace(path)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)


def _is_report(path: Path) -> bool:
    """Whether MetaSeg wrote the file at ``path`` beside its other results."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"schema", "revision"} <= found.keys()


def write_results(
    folder: Path,
    name: str,
    segmenter: Segmenter,
    scan: Scan,
    prediction: Prediction,
    found: Findings,
    each_slice: bool = False,
    kinds: Collection[str] = KINDS,
) -> tuple[Report, list[str]]:
    """Write the results of one scan to ``folder``; return the report and the file names.

    A slice gives mask, overlay, lesion table and report. A volume gives mask and probability as
    NIfTI and a contact sheet as well; ``each_slice`` adds mask and overlay of every slice. Whatever
    comes from DICOM also gives a DICOM-SEG, and a structured report of what was measured.
    ``found`` is what ``find`` made of ``prediction``.
    """
    mask, report = found.mask, found.report
    colour = PREDICTION_COLOURS[segmenter.find(prediction.model).config.architecture]
    files: list[str] = []

    def to(ending: str) -> Path:
        files.append(f"{name}{ending}")
        return folder / files[-1]

    def view(index: int) -> np.ndarray:
        return segmenter.view(scan, index)

    def overlay(index: int) -> np.ndarray:
        return draw_overlay(view(index), [(mask[index], colour)], scan.aspect)

    if "mask" in kinds and scan.is_volume:
        write_nifti(to("_mask.nii.gz"), mask, scan)
    elif "mask" in kinds:
        write_png(to("_mask.png"), mask[0])
    if "probability" in kinds and scan.is_volume:
        write_nifti(to("_probability.nii.gz"), prediction.probability, scan)
    if "sheet" in kinds and scan.is_volume:
        write_png(to("_contact_sheet.png"), contact_sheet(view, mask, colour, scan.aspect))
    if "lesions" in kinds:
        write_whole(to("_lesions.csv"), lesion_table(report.lesions).encode())
    if "dicom" in kinds and scan.sources:
        written, fault = _write_dicom(folder, name, scan, prediction, found)
        files += written
        if fault is not None:
            report = replace(report, notices=(fault, *report.notices))
    if "overlay" in kinds:
        write_png(to("_overlay.png"), overlay(_most_lesion(mask)))
    if each_slice and scan.is_volume:
        for index, slice_ in enumerate(mask):
            write_png(to(f"_slice{index:04d}_mask.png"), slice_)
            write_png(to(f"_slice{index:04d}_overlay.png"), overlay(index))
    if "report" in kinds:
        write_json(to(".json"), report.to_json())
    return report, files


def _write_dicom(
    folder: Path, name: str, scan: Scan, prediction: Prediction, found: Findings
) -> tuple[list[str], str | None]:
    """A DICOM-SEG and, where lesions can be measured in mm, a structured report that refers to it:
    their names, and a sentence on what could not be written.

    Without a lesion there is no report: it would read as an all-clear. One of an earlier result
    under the same name is removed.
    """
    for kind in DICOM_KINDS:
        (folder / f"{name}_{kind}.dcm").unlink(missing_ok=True)
    lesions, reviewed = found.report.lesions, found.report.review is not None
    title, revision = prediction.title, prediction.revision
    files, what = [], "DICOM-SEG"
    try:
        segmentation, headers = write_dicom_seg(
            folder / f"{name}_seg.dcm", found.components.numbers, scan, title, revision, reviewed
        )
        files.append(f"{name}_seg.dcm")
        if lesions and scan.spacing is not None:
            what = "structured report"
            write_structured_report(
                folder / f"{name}_sr.dcm", lesions, segmentation, headers, scan.name, scan.is_volume
            )
            files.append(f"{name}_sr.dcm")
    except InputError as error:
        return files, f"There is no {what}: {error}"
    return files, None


def _most_lesion(mask: np.ndarray) -> int:
    """The slice with the most lesion, or the middle one where there is none."""
    areas = mask.sum(axis=(1, 2))
    return int(areas.argmax()) if areas.any() else len(areas) // 2
