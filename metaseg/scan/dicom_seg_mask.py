"""Read DICOM-SEG as masks of the scan that they lie on."""

from dataclasses import replace

import numpy as np

from metaseg.scan.archive import Entry
from metaseg.scan.dicom_frames import Frame, frames_of, is_dicom, macro, parse, read_header
from metaseg.scan.dicom_pixels import stored_pixels
from metaseg.scan.dicom_stack import TO_RAS, place_affine
from metaseg.scan.errors import FileError, decoding
from metaseg.scan.planes import from_plane
from metaseg.scan.types import Scan

SAME_SLICE_MM = 0.05
"""A frame this close to a slice of the series, along its normal, belongs to that slice."""
SAME_GRID = 0.1
"""Largest offset, in voxels, at which a mask still counts as on the grid of the scan."""


def is_dicom_seg(entry: Entry) -> bool:
    """Whether the file is a DICOM-SEG."""
    try:
        with decoding():  # pydicom parses a value on access
            return is_dicom(entry.head()) and read_header(entry).get("Modality") == "SEG"
    except FileError:  # read_scan will say what is wrong
        return False


@decoding()
def read_dicom_seg(entry: Entry, scan: Scan) -> np.ndarray:
    """All segments of a DICOM-SEG together as a mask (D, H, W) bool in the grid of ``scan``.

    Fractional segments are thresholded at half their maximum. Raises FileError if the scan has no
    patient coordinates or the segments do not lie on its grid.
    """
    if scan.affine is None:
        raise FileError("is a DICOM-SEG: use the scan as DICOM or NIfTI with it.")
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
