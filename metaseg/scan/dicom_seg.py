"""Read and write DICOM-SEG: masks that a viewer shows on top of their series."""

import io
import warnings
from dataclasses import replace
from functools import partial
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
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from metaseg.scan.archive import Entry
from metaseg.scan.dicom_frames import (
    Frame,
    frame_count,
    frames_of,
    is_dicom,
    macro,
    parse,
    read_header,
)
from metaseg.scan.dicom_pixels import stored_pixels
from metaseg.scan.dicom_stack import TO_RAS, place_affine
from metaseg.scan.errors import FileError, about, decoding
from metaseg.scan.planes import from_plane
from metaseg.scan.types import Scan

MOST_SEGMENTS = 100
"""Number of lesions that get a segment of their own; smaller ones share one more."""

SAME_SLICE_MM = 0.05
"""A frame this close to a slice of the series, along its normal, belongs to that slice."""
SAME_GRID = 0.1
"""Largest offset, in voxels, at which a mask still counts as on the grid of the scan."""

LACKS = (
    "lacks what a DICOM-SEG refers to (patient, study or frame of reference): use the NIfTI mask."
)

PATIENT = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex")
"""Patient attributes kept in a DICOM-SEG or a structured report, so that an archive files it with
its study."""
PERSONAL = (0x0010, 0x0032, 0x0038)
"""Groups of attributes: the patient, the request and the visit."""


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
        headers, pixels = _referenced(_in_source_order(numbers, scan), scan)
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
    """Remove data of the patient and the visit from ``result`` except ``PATIENT``: comments, other
    numbers and the like, which no archive needs."""
    for group in PERSONAL:
        for element in list(result.group_dataset(group)):
            if element.keyword not in PATIENT:
                del result[element.tag]


def is_dicom_seg(path: Path) -> bool:
    """Whether the file at ``path`` is a DICOM-SEG."""
    entry = Entry(path.name, partial(path.open, "rb"))
    try:
        with decoding():  # pydicom parses a value on access
            return is_dicom(entry.head()) and read_header(entry).get("Modality") == "SEG"
    except FileError:  # read_scan will say what is wrong
        return False


@decoding()
def read_dicom_seg(path: Path, scan: Scan) -> np.ndarray:
    """All segments of a DICOM-SEG together as a mask (D, H, W) bool in the grid of ``scan``.

    Fractional segments are thresholded at half their maximum. Raises FileError if the scan has no
    patient coordinates or the segments do not lie on its grid.
    """
    if scan.affine is None:
        raise FileError("is a DICOM-SEG: use the scan as DICOM or NIfTI with it.")
    entry = Entry(path.name, partial(path.open, "rb"))
    header = parse(entry)
    frames = frames_of(entry, header)
    references = {str(s.header.get("FrameOfReferenceUID")) for s in scan.sources if s is not None}
    if references and str(header.get("FrameOfReferenceUID")) not in references:
        raise FileError("belongs to another scan: use the one for this series.")
    half = int(header.get("MaximumFractionalValue", 1)) / 2
    mask = np.zeros(scan.voxels.shape, bool)
    to_scan = np.linalg.inv(scan.affine) @ TO_RAS
    shifts = _shifts(scan)
    for frame, pixels in zip(frames, stored_pixels(header, range(len(frames)))):
        slice_ = pixels >= half
        if slice_.any():
            _place(mask, _on_even_grid(frame, shifts), slice_, to_scan)
    return mask


def _shifts(scan: Scan) -> list[tuple[np.ndarray, np.ndarray]]:
    """Where each source slice of ``scan`` lies, and by how much its evenly spaced grid puts it
    elsewhere: (3,) mm, in DICOM's coordinates."""
    if scan.affine is None or scan.orientation is None:
        return []
    _, affine = from_plane(scan.voxels, scan.affine, scan.orientation, scan.plane)
    shifts = []
    for slot, source in enumerate(scan.sources):
        if source is not None:
            value = macro(
                source.header, source.frame, "PlanePositionSequence", "ImagePositionPatient"
            )
            position = np.array([float(x) for x in value])
            shifts.append((position, (TO_RAS @ affine @ [0, 0, slot, 1])[:3] - position))
    return shifts


def _on_even_grid(frame: Frame, shifts: list[tuple[np.ndarray, np.ndarray]]) -> Frame:
    """``frame``, moved as the grid of the scan moves the source slice at its place."""
    if not shifts or not frame.is_placed:
        return frame
    normal = place_affine(frame)[:3, 2]
    apart = [abs(float((frame.position - position) @ normal)) for position, _ in shifts]
    nearest = int(np.argmin(apart))
    if apart[nearest] > SAME_SLICE_MM:
        return frame
    return replace(frame, position=frame.position + shifts[nearest][1])


def _in_source_order(mask: np.ndarray, scan: Scan) -> np.ndarray:
    """``mask`` (D, H, W) as (slices, rows, columns) of the source."""
    if scan.affine is None or scan.orientation is None:
        return mask
    array, _ = from_plane(mask, scan.affine, scan.orientation, scan.plane)
    return array.transpose(2, 1, 0)


def _referenced(frames: np.ndarray, scan: Scan) -> tuple[list[Dataset], np.ndarray]:
    """The headers to refer to and the pixels (n, rows, columns) uint8 that belong to them."""
    pairs = [(source, frame) for source, frame in zip(scan.sources, frames) if source is not None]
    headers = {id(source.header): source.header for source, _ in pairs}
    first = pairs[0][0].header
    if len(headers) == 1 and "NumberOfFrames" in first:
        # A multi-frame file: highdicom needs all of its frames, in file order.
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


def _of_one_frame(header: Dataset) -> Dataset:
    """``header`` without the number of its frames, by which highdicom knows multi-frame files."""
    if "NumberOfFrames" not in header:
        return header
    single = Dataset(header)
    del single.NumberOfFrames
    return single


def _place(mask: np.ndarray, frame: Frame, slice_: np.ndarray, to_scan: np.ndarray) -> None:
    """Set the voxels of ``mask`` that ``slice_`` (rows, columns) marks."""
    if not frame.is_placed:
        raise FileError("does not give the positions of its frames: use a NIfTI mask.")
    rows, columns = np.nonzero(slice_)
    points = np.stack([columns, rows, np.zeros_like(rows), np.ones_like(rows)])
    found = (to_scan @ place_affine(frame) @ points)[2::-1]  # slice, row, column
    index = np.rint(found).astype(int)
    if len(mask) == 1 and (np.abs(found[0]) > 0.5).all():
        return  # a frame of another slice
    outside = (index < 0) | (index >= np.array(mask.shape)[:, None])
    if outside.any() or np.abs(found - index).max() > SAME_GRID:
        raise FileError("is on a different grid from the scan: export it for this series.")
    mask[tuple(index)] = True
