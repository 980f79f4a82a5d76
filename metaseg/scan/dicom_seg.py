"""Write DICOM-SEG: masks that a viewer shows on top of their series."""

import io
import re
import warnings
from copy import deepcopy
from pathlib import Path

import highdicom
import numpy as np
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from metaseg.scan.dicom_frames import frame_count, macro
from metaseg.scan.errors import FileError, about, decoding
from metaseg.scan.planes import from_plane
from metaseg.scan.types import Scan

MOST_SEGMENTS = 100
"""Number of lesions that get a segment of their own; smaller ones share one more."""

LACKS = (
    "lacks what a DICOM-SEG refers to (patient, study or frame of reference): use the NIfTI mask."
)

TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate",
    "StudyTime", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""Attributes of patient and study that may be empty, but not missing (PS3.3, C.7.1.1, C.7.2.1)."""
VALID = {
    "DA": re.compile(r"(\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01]))?"),
    "TM": re.compile(r"(\d\d([0-5]\d([0-5]\d(\.\d{1,6})?)?)?)?"),
}
"""Dates and times as DICOM writes them (PS3.5, 6.2)."""
PATIENT = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex")
"""Patient attributes kept in a DICOM-SEG or a structured report, so that an archive files it with
its study."""
PERSONAL = (0x0010, 0x0012, 0x0032, 0x0038)
"""Groups of attributes: the patient, the clinical trial, the request and the visit."""
PHYSICIANS = (
    "ConsultingPhysicianName",
    "ConsultingPhysicianIdentificationSequence",
    "PhysiciansOfRecord",
    "PhysiciansOfRecordIdentificationSequence",
    "NameOfPhysiciansReadingStudy",
    "PhysiciansReadingStudyIdentificationSequence",
    "ReferringPhysicianIdentificationSequence",
)
"""Of the study, besides the referring physician's name, which may not be missing."""


def write_dicom_seg(
    path: str | Path,
    lesions: np.ndarray,
    scan: Scan,
    algorithm: str,
    version: str,
    reviewed: bool = False,
) -> tuple[Segmentation, list[Dataset]]:
    """Write ``lesions`` (D, H, W), in the grid of ``scan``, as a binary DICOM-SEG (PS3.3, A.51)
    that refers to the scan's own slices. Returns it and the headers of those slices.

    ``lesions`` is a bool mask, written as one segment, or int with numbered lesions, each written
    as a segment of that number. ``algorithm`` and ``version`` name the network and its revision.
    ``reviewed`` states that a person changed its result. Raises InputError if the scan does not
    come from DICOM, or its files lack the attributes to refer to.
    """
    with about(scan.name), decoding(LACKS):
        if not scan.sources:
            raise FileError("is not a DICOM series: a DICOM-SEG needs one to refer to.")
        numbers = np.minimum(lesions, MOST_SEGMENTS + 1).astype(np.uint8)
        frames, step = _in_source_order(numbers, scan)
        headers, pixels = _referenced(frames, scan)
        headers[0] = _complete(headers[0])
        if not headers[0].get("SliceThickness") and step is not None:  # it may be empty
            headers[0].SliceThickness = f"{step:.6g}"
        labels = ["Lesion"]
        if lesions.dtype != bool and numbers.any():
            labels = [f"Lesion {number}" for number in range(1, int(numbers.max()) + 1)]
            labels[MOST_SEGMENTS:] = ["Smaller lesions"] * (len(labels) > MOST_SEGMENTS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # highdicom warns of empty masks, which are valid
            result = _segmentation(headers, pixels, labels, algorithm, version, reviewed)
            result.save_as(whole := io.BytesIO())
    Path(path).write_bytes(whole.getvalue())
    return result, headers


def _segmentation(
    headers: list[Dataset],
    pixels: np.ndarray,
    labels: list[str],
    algorithm: str,
    version: str,
    reviewed: bool,
) -> Segmentation:
    how = SegmentAlgorithmTypeValues
    segments = [
        SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Lesion,
            algorithm_type=how.SEMIAUTOMATIC if reviewed else how.AUTOMATIC,
            algorithm_identification=highdicom.AlgorithmIdentificationSequence(
                name=algorithm,
                version=version[:64],
                family=codes.DCM.ArtificialIntelligence,
            ),
            anatomic_regions=[codes.SCT.Brain],
            tracking_uid=generate_uid(),
            tracking_id=label,
        )
        for number, label in enumerate(labels, start=1)
    ]
    result = Segmentation(
        source_images=headers,
        pixel_array=pixels,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        series_instance_uid=generate_uid(),
        series_number=series_number(headers, 1000),
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="MetaSeg",
        manufacturer_model_name=algorithm,
        software_versions=version[:64],
        device_serial_number="none",
        content_description="Research use only",
        series_description=f"MetaSeg lesions, {'reviewed, ' * reviewed}research use only",
    )
    keep_what_files_it(result)
    return result


def series_number(headers: list[Dataset], offset: int) -> int:
    """The number of a new series derived from the one of ``headers``."""
    return int(headers[0].get("SeriesNumber") or 0) + offset


def keep_what_files_it(result: Dataset) -> None:
    """Remove data of people from ``result`` except ``PATIENT``: comments, other numbers, physicians
    and the like, which no archive needs."""
    for keyword in PHYSICIANS:
        if keyword in result:
            delattr(result, keyword)
    for group in PERSONAL:
        for element in list(result.group_dataset(group)):
            if element.keyword not in PATIENT:
                del result[element.tag]


def _in_source_order(mask: np.ndarray, scan: Scan) -> tuple[np.ndarray, float | None]:
    """``mask`` (D, H, W) as (slices, rows, columns) of the source, and the distance of its slices
    in mm; None if it is unknown."""
    if scan.affine is None or scan.orientation is None:
        return mask, None
    array, affine = from_plane(mask, scan.affine, scan.orientation, scan.plane)
    return array.transpose(2, 1, 0), float(np.linalg.norm(affine[:3, 2]))


def _referenced(frames: np.ndarray, scan: Scan) -> tuple[list[Dataset], np.ndarray]:
    """The headers to refer to and the pixels (n, rows, columns) uint8 that belong to them."""
    pairs = [(source, frame) for source, frame in zip(scan.sources, frames) if source is not None]
    headers = {id(source.header): source.header for source, _ in pairs}
    first = pairs[0][0].header
    if len(headers) == 1 and "NumberOfFrames" in first:
        # A multi-frame file: highdicom needs all of its frames, in file order.
        places = [
            macro(first, index, "PlanePositionSequence", "ImagePositionPatient")
            for index in range(frame_count(first))
        ]
        if len(set(map(str, places))) < len(places):
            raise FileError(
                "is one of several images in a multi-frame file: a DICOM-SEG can only refer to "
                "all of its frames, so use the NIfTI mask."
            )
        pixels = np.zeros((frame_count(first), *frames.shape[1:]), np.uint8)
        for source, frame in pairs:
            pixels[source.frame] = frame
        return [first], pixels
    if any(
        "PerFrameFunctionalGroupsSequence" in one or frame_count(one) > 1
        for one in headers.values()
    ):
        raise FileError("is a series of several multi-frame files: a DICOM-SEG refers to one.")
    pixels = np.stack([frame for _, frame in pairs]).astype(np.uint8)
    return [_of_one_frame(source.header) for source, _ in pairs], pixels


def _complete(header: Dataset) -> Dataset:
    """``header`` in UTF-8, with what describes patient and study empty where it is missing or no
    DICOM value. highdicom copies these, takes few character sets, and asks for all of them, though
    the standard allows them to be empty (type 2)."""
    complete = deepcopy(header)
    complete.decode()
    complete.SpecificCharacterSet = "ISO_IR 192"
    for keyword in TYPE_2:
        value = str(complete.get(keyword) or "")
        fits = VALID.get(dictionary_VR(keyword))
        if not value or (fits and not fits.fullmatch(value)):
            setattr(complete, keyword, "")
    if complete.PatientSex not in ("M", "F", "O", ""):
        complete.PatientSex = ""
    return complete


def _of_one_frame(header: Dataset) -> Dataset:
    """``header`` without the number of its frames, by which highdicom knows multi-frame files."""
    if "NumberOfFrames" not in header:
        return header
    single = Dataset(header)
    del single.NumberOfFrames
    return single
