"""Find the DICOM series in a folder, a zip or a file, and read one of them as a Scan."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
from nibabel import orientations
from pydicom import Dataset
from pydicom.uid import UID

from metaseg.limits import MAX_SCAN_VOXELS
from metaseg.scan.archive import Entry
from metaseg.scan.dicom_described import SPLITTERS, Series, describe, told_apart
from metaseg.scan.dicom_frames import Frame, frames_of, is_dicom, macro, read_header
from metaseg.scan.dicom_kind import odd_kind
from metaseg.scan.dicom_pixels import is_eight_bit, read_pixels
from metaseg.scan.dicom_stack import TO_RAS, Stack, stack_frames
from metaseg.scan.errors import CostError, FileError, decoding
from metaseg.scan.planes import natural_plane, spacing_of, to_plane
from metaseg.scan.types import Scan, SourceSlice

NEAR = 0.75
"""Slices closer than this share of their thickness are of the same place: a patient who moved, or
two scans under one identifier. Reconstructions that overlap on purpose are closer as well, but no
attribute separates them."""
TURNED, STRETCHED = 0.05, 0.01
"""Slices of one stack differ no more in a direction cosine, and in their spacing by this share."""
MOST_ALIKE = 20
"""Stacks of a series that a slice is compared with: the latest."""


@decoding()
def find_series(entries: list[Entry]) -> tuple[list[Series], list[str]]:
    """Every series of images among ``entries``, and notices about files that were skipped.

    Raises FileError if a single file cannot be read, CostError if reading exceeds a limit.
    """
    stacks: dict[tuple, list[list[Frame]]] = defaultdict(list)
    heads = [(entry, entry.head()) for entry in entries]
    dicom = [entry for entry, head in heads if is_dicom(head)]
    empty = [entry for entry, head in heads if not head]
    faults, seen, repeated = [], set(), 0
    for entry in dicom:
        try:
            header = read_header(entry)
            if len(entries) > 1 and not _is_image(header):
                continue  # reports, plans and results stored beside the images
            frames = frames_of(entry, header)
        except CostError:
            raise
        except FileError as fault:
            faults.append(fault)
            continue
        # Bad anonymisers give every file the same identifier, or none.
        instance = (
            str(header.get("SOPInstanceUID") or entry.name),
            frames[0].number,
            _place(frames[0]),
        )
        if instance in seen:
            repeated += 1
            continue
        seen.add(instance)
        for frame in frames:
            _add(stacks[_key(frame)], frame)
    if faults and not stacks and len(dicom) + len(empty) == len(entries):
        raise faults[0]
    notices = []
    # A copy that broke off leaves empty files.
    endings = set(map(_ending, dicom))
    if damaged := len(faults) + sum(_ending(entry) in endings for entry in empty):
        notices.append(f"Damaged DICOM files were skipped: {damaged}.")
    if repeated:
        notices.append(f"Duplicate DICOM files were left out: {repeated}.")
    parts = [part for group in stacks.values() for frames in group for part in _split(frames)]
    series = told_apart([Series(describe(part), _uid(part[0]), part) for part in parts])
    return sorted(series, key=lambda one: (one.description, one.uid)), notices


@decoding()
def read_series(series: Series, notices: Sequence[str]) -> Scan:
    """The frames of ``series`` as a Scan, cut in their natural plane.

    Raises FileError if half of its files or more are damaged, or too many slices are missing.
    """
    stack = stack_frames(series.frames)
    array, stack = _decode(stack)
    present = [frame for frame in stack.slots if frame is not None]
    notices = (*notices, *stack.notices, *odd_kind(present[0].header))
    eight_bit = all(is_eight_bit(frame) for frame in present)
    sources = tuple(map(_source, stack.slots))
    if stack.affine is None:
        spacing = None
        # Without the distance of the slices no volume can be measured.
        if present[0].spacing is not None and (stack.step or len(stack.slots) == 1):
            spacing = (stack.step or 1.0, *present[0].spacing)
        return Scan(array, "", eight_bit, spacing, notices=notices, sources=sources)
    affine = TO_RAS @ stack.affine
    codes = orientations.aff2axcodes(affine)
    source = array.transpose(2, 1, 0)
    plane = natural_plane(source.shape, affine)
    voxels, turned = to_plane(source, affine, codes, plane)
    spacing = spacing_of(turned)
    return Scan(voxels, "", eight_bit, spacing, turned, codes, plane, sources, notices)


def _ending(entry: Entry) -> str:
    return PurePosixPath(entry.file_name).suffix.lower()


def _is_image(header: Dataset) -> bool:
    """Whether a file is, or was before it was cut off, an image and no result of one."""
    meta = getattr(header, "file_meta", {})
    kind = header.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID")
    is_other = bool(kind) and "Image Storage" not in UID(kind).name
    return header.get("Modality") != "SEG" and ("Rows" in header or not is_other)


def _key(frame: Frame) -> tuple:
    header = frame.header
    # Bad anonymisers give several series the same identifier, or none.
    series = _uid(frame) or str(header.get("StudyInstanceUID", ""))
    return series, str(header.get("SeriesNumber")), int(header.Rows), int(header.Columns)


def _add(stacks: list[list[Frame]], frame: Frame) -> None:
    """Add ``frame`` to the one of ``stacks`` with its orientation and spacing, or to a new one."""
    for stack in reversed(stacks[-MOST_ALIKE:]):
        if _near(stack[0].orientation, frame.orientation, 0, TURNED) and _near(
            stack[0].spacing, frame.spacing, STRETCHED, 0
        ):
            stack.append(frame)
            return
    stacks.append([frame])


def _near(one: Sequence | None, other: Sequence | None, relative: float, absolute: float) -> bool:
    if one is None or other is None:
        return one is other
    return np.allclose(one, other, rtol=relative, atol=absolute)


def _uid(frame: Frame) -> str:
    return str(frame.header.get("SeriesInstanceUID", ""))


def _place(frame: Frame) -> tuple | int:
    if frame.position is None:
        return frame.number * 100_000 + frame.index
    return tuple(np.round(frame.position, 2))


def _split(frames: list[Frame]) -> list[list[Frame]]:
    """Separate echoes, time points and the like, which share positions."""
    at_a_place = _most_at_a_place
    if (most := at_a_place(frames)) == 1:
        at_a_place = _most_nearby
        if (most := at_a_place(frames)) == 1:
            return [frames]
    partly = None
    for attributes in (*((one,) for one in SPLITTERS), SPLITTERS):
        parts: dict[tuple, list[Frame]] = defaultdict(list)
        for frame in frames:
            values = (macro(frame.header, frame.index, *one) for one in attributes)
            parts[tuple(map(str, values))].append(frame)
        # More parts than images at one place would tear a stack apart.
        if 1 < len(parts) <= most:
            left = max(map(at_a_place, parts.values()))
            if left == 1:
                return list(parts.values())
            partly = partly or (list(parts.values()) if left < most else None)
    return [one for part in partly for one in _split(part)] if partly else [frames]


def _most_at_a_place(frames: list[Frame]) -> int:
    """The largest number of ``frames`` that share a place."""
    return max(Counter(map(_place, frames)).values())


def _most_nearby(frames: list[Frame]) -> int:
    """The largest number of ``frames`` within NEAR of a slice, if half of them are so close to
    another; else 1."""
    stated = [frame.thickness for frame in frames]
    if None in stated or not all(frame.is_placed for frame in frames):
        return 1
    near = NEAR * min(stated)
    distances = np.sort([frame.distance for frame in frames])
    close = np.diff(distances) < near
    with_neighbour = np.r_[close, False] | np.r_[False, close]
    if 2 * np.count_nonzero(with_neighbour) < len(frames) or _are_stations(frames):
        return 1
    last = np.searchsorted(distances, distances + near, side="left")
    return int((last - np.arange(len(frames))).max())


def _are_stations(frames: list[Frame]) -> bool:
    """Whether ``frames`` lie beside each other, as those of a spine, half a field of view apart."""
    first = frames[0]
    normal = np.cross(*np.reshape(first.orientation, (2, 3)))
    positions = np.array([frame.position for frame in frames])
    beside = np.ptp(positions - np.outer(positions @ normal, normal), axis=0).max()
    extent = np.multiply(first.spacing, (int(first.header.Rows), int(first.header.Columns)))
    return bool(beside > extent.min() / 2)


def _decode(stack: Stack) -> tuple[np.ndarray, Stack]:
    """The pixels (D, H, W) float32 in the order of the stack, and the stack.

    Damaged slices become missing ones; missing slices are filled with the lowest value.
    """
    present = [frame for frame in stack.slots if frame is not None]
    rows, columns = int(present[0].header.Rows), int(present[0].header.Columns)
    if len(stack.slots) * rows * columns > MAX_SCAN_VOXELS:
        raise FileError("contains too many slices: use a smaller series.")
    array = np.empty((len(stack.slots), rows, columns), np.float32)
    files: dict[int, list[tuple[int, Frame]]] = defaultdict(list)
    for slot, frame in enumerate(stack.slots):
        if frame is not None:
            files[id(frame.entry)].append((slot, frame))
    least, slots, damaged = np.inf, list(stack.slots), 0
    for members in files.values():
        members.sort(key=lambda member: member[1].index)  # compressed frames come one by one
        try:
            for (slot, _), pixels in zip(members, read_pixels([f for _, f in members])):
                array[slot] = pixels
                least = min(least, float(pixels.min()))
        except CostError:
            raise
        except FileError:
            damaged += 1
            if 2 * damaged >= len(files):
                raise
            for slot, _ in members:
                slots[slot] = None
    array[[frame is None for frame in slots]] = least
    if not damaged:
        return array, stack
    notice = (
        f"{damaged} slice{'s' if damaged > 1 else ''} of the series "
        f"{'are' if damaged > 1 else 'is'} damaged: left empty, so no lesion can be found there."
    )
    return array, replace(stack, slots=slots, notices=(*stack.notices, notice))


def _source(frame: Frame | None) -> SourceSlice | None:
    return None if frame is None else SourceSlice(frame.header, frame.index)
