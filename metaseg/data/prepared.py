"""Slices on the network's grid, prepared once and cached on disk as 8-bit arrays."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from metaseg.data.case import Case, read_case
from metaseg.errors import InputError
from metaseg.preprocess import Geometry, Preprocessing, brain_mask, grey_slices, prepare
from metaseg.scan import Scan
from metaseg.scan.planes import PLANES, array_in_plane, in_plane, is_isotropic


@dataclass(frozen=True)
class Cuts:
    """Which slices of a volume are used; all of them if its spacing is unknown."""

    all_planes: bool
    """Whether an isotropic volume is cut in all three planes."""
    step_mm: float
    """Distance of the slices in mm; never less than the volume's own."""


FOR_TRAINING = Cuts(all_planes=True, step_mm=2)
FOR_VALIDATION = Cuts(all_planes=False, step_mm=3)


@dataclass(frozen=True)
class PreparedSlices:
    """N slices on the network's grid. Slices without tissue are left out.

    The images are memory-mapped files, which several trainings can share.
    """

    greys: np.ndarray
    """(N, size, size) uint8 from ``prepare``, before CLAHE and all other channels."""
    masks: np.ndarray
    """(N, size, size) bool."""
    brains: np.ndarray
    """(N, size, size) bool; all False if the brain is not certain (``brain.brain_mask``)."""
    areas: np.ndarray
    """(N,) number of pixels of the mask."""
    pixel_mm: np.ndarray
    """(N,) size of the grid's pixels in mm, NaN if unknown."""
    sources: np.ndarray
    """(N,) name of the data folder of each slice."""
    modalities: np.ndarray
    """(N,) modality from the description of the data folder: one of ``dataset.MODALITIES``."""
    cases: np.ndarray
    """(N,) name of the case of each slice."""
    planes: np.ndarray
    """(N,) axial, coronal or sagittal; axial for pictures."""

    @property
    def has_lesion(self) -> np.ndarray:
        """(N,) bool."""
        return self.areas > 0


PICTURES = ("greys", "masks", "brains")


def prepare_cases(
    cases: list[Case], settings: Preprocessing, cache: Path, cuts: Cuts
) -> PreparedSlices:
    """The slices of ``cases``, from the folder ``cache`` if they were prepared before.

    Raises InputError that lists every case whose image or mask cannot be used.
    """
    names = [
        (
            case.source,
            case.name,
            case.labels,
            case.channel,
            case.dataset.model_dump_json(),
            *(_state(path) for path in (case.image, case.mask)),
        )
        for case in cases
    ]
    fields = list(PreparedSlices.__dataclass_fields__)  # a new field needs a new cache
    seen = {name: value for name, value in asdict(settings).items() if name != "channels"}
    recipe = json.dumps([names, seen, asdict(cuts), fields]).encode()
    folder = cache / f"slices-{hashlib.sha256(recipe).hexdigest()[:16]}"
    if not folder.is_dir():
        # Two trainings may share the cache; each writes a folder of its own first.
        partial = folder.with_suffix(f".{os.getpid()}")
        partial.mkdir(parents=True, exist_ok=True)
        try:
            _prepare(cases, settings, cuts, partial)
            partial.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise the other training was faster
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return PreparedSlices(
        **{
            name: np.load(folder / f"{name}.npy", mmap_mode="r" if name in PICTURES else None)
            for name in fields
        }
    )


def _state(path: Path) -> tuple[int, int]:
    """Size and time of change of a file: an edited mask may keep its size."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


class _Pictures:
    """An .npy file that grows: pictures of many volumes do not fit into memory."""

    def __init__(self, path: Path):
        self.path, self.raw, self.count = path, path.with_suffix(".raw"), 0
        self.file = self.raw.open("wb")

    def add(self, picture: np.ndarray) -> None:
        """Append ``picture`` (H, W), of the shape and type of the others."""
        self.like = picture
        self.file.write(np.ascontiguousarray(picture).data)
        self.count += 1

    def close(self) -> None:
        """Write what was added as an array (N, H, W)."""
        self.file.close()
        if not self.count:
            return
        shape = (self.count, *self.like.shape)
        described = {"descr": self.like.dtype.str, "fortran_order": False, "shape": shape}
        with self.path.open("wb") as whole, self.raw.open("rb") as raw:
            np.lib.format.write_array_header_1_0(whole, described)
            shutil.copyfileobj(raw, whole)
        self.raw.unlink()


def _prepare(cases: list[Case], settings: Preprocessing, cuts: Cuts, folder: Path) -> None:
    """Write the fields of PreparedSlices for ``cases`` into ``folder``."""
    pictures = {name: _Pictures(folder / f"{name}.npy") for name in PICTURES}
    columns: dict[str, list] = {
        name: [] for name in PreparedSlices.__dataclass_fields__ if name not in PICTURES
    }
    faults = []
    for case in tqdm(cases, desc="Preparing slices", unit="case", disable=None):
        try:
            scan, truth = read_case(case)
        except InputError as error:
            faults.append(f"{case.source}, {case.place}: {error}")
            continue
        for cut, grey, mask in _cut(scan, truth, settings, cuts):
            prepared = prepare(grey, settings, cut.aspect)
            if prepared is None:
                continue
            levels, geometry = prepared
            brain = _stripped(grey) if case.dataset.skull_stripped else brain_mask(grey)
            if brain is None:
                brain = np.zeros(grey.shape, bool)
            seen = geometry.forward_mask(mask)
            pictures["greys"].add(levels)
            pictures["masks"].add(seen)
            pictures["brains"].add(geometry.forward_mask(brain))
            row = {
                "areas": int(seen.sum()),
                "pixel_mm": _pixel_on_grid(geometry, cut, case),
                "sources": case.source,
                "modalities": case.dataset.modality,
                "cases": case.name,
                "planes": cut.plane,
            }
            for name, value in row.items():
                columns[name].append(value)
    for one in pictures.values():
        one.close()
    if faults:
        raise InputError("\n".join(faults))
    if not columns["areas"]:
        raise InputError("No slice of the data has tissue: check the images.")
    for name, values in columns.items():
        np.save(folder / f"{name}.npy", np.array(values))


def _cut(
    scan: Scan, truth: np.ndarray, settings: Preprocessing, cuts: Cuts
) -> Iterator[tuple[Scan, np.ndarray, np.ndarray]]:
    """Yield the scan in a plane, and grey levels and mask (H, W) of one of its slices."""
    spacing = scan.spacing if scan.is_volume and scan.orientation is not None else None
    for plane in PLANES if cuts.all_planes and is_isotropic(scan) else (scan.plane,):
        cut = in_plane(scan, plane)
        greys = list(grey_slices(cut, settings))
        masks = array_in_plane(truth, scan, plane)
        step = max(1, round(cuts.step_mm / cut.spacing[0])) if cut.spacing and spacing else 1
        for index in range(step // 2, len(greys), step):
            yield cut, greys[index], masks[index]


def _stripped(grey: np.ndarray) -> np.ndarray:
    """The brain on ``grey`` (H, W) uint8 without skull: all tissue, with its holes filled."""
    contours, _ = cv2.findContours(
        (grey > 0).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    large = [one for one in contours if cv2.contourArea(one) > 0.01 * grey.size]
    return cv2.drawContours(np.zeros_like(grey), large, -1, 1, cv2.FILLED) > 0


def _pixel_on_grid(geometry: Geometry, scan: Scan, case: Case) -> float:
    """Size in mm of the grid's pixels; NaN if unknown."""
    pixel_mm = scan.spacing[2] if scan.spacing else case.dataset.pixel_mm
    if pixel_mm is None:
        return float("nan")
    return pixel_mm * (geometry.right - geometry.left) / geometry.width
