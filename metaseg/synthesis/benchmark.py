"""The synthetic lesion benchmark: real slices, never trained on, with synthetic metastases of known
place and size.

It uses the test split of contrast-enhanced T1 data with known pixel size (slices or isotropic
volumes), at their own resolution and before any preprocessing. No network is trained on it. FROZEN
makes it reproducible: its values and seed were fixed before the first training that is evaluated on
it. A change to the generator or the slices changes ``fingerprint``, which every result names.
"""

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from metaseg.data.case import Case, read_case
from metaseg.data.cases import cases_of_split
from metaseg.errors import InputError
from metaseg.preprocess import brain_mask
from metaseg.synthesis.canvas import Enhancement
from metaseg.synthesis.metastases import place_metastases

KATO = Enhancement(median=0.44, spread=0.72, lowest=0.3, highest=1.9)
"""57 % brighter than white matter with a deviation of 47 % (Kato et al. 2009, AJNR 30:923), as a
log-normal distribution, without lesions that barely enhance."""


@dataclass(frozen=True)
class StressSettings:
    """Settings of the benchmark."""

    slices: int = 120
    """Most slices, evenly spaced over the cases."""
    bins: tuple[tuple[float, float], ...] = ((2, 5), (5, 10), (10, 20), (20, 30))
    """Diameters in mm: a slice gets one lesion from each of the first three and every third slice
    one from the last, evenly spread over the logarithm."""
    enhancement: Enhancement = KATO
    """Of the lesions."""
    seed: int = 20261120


FROZEN = StressSettings()

OUTSIDE = {"Figshare 1512427": frozenset({"0637", "1581", "1590", "2986", "3004"})}
"""By the publication of a data set: cases left out because inspection showed a lesion outside the
brain."""

BRAIN_LEVEL, BRAIN_SHARE = 100, 0.3
"""Of volumes: the grey level of the median brain voxel, and the least share of the largest slice's
brain that a slice shows."""


@dataclass(frozen=True)
class BenchmarkSlice:
    """One slice of the benchmark."""

    name: str
    """Of the case that it was made from."""
    group: str
    grey: np.ndarray
    """(H, W) uint8 with the metastases, as a user would send it."""
    labels: np.ndarray
    """(H, W) uint8: 0, or the number of the metastasis, from 1 on; without oedema."""
    own_tumour: np.ndarray
    """(H, W) bool: predictions that touch it are left out of the score."""
    diameters: tuple[float, ...]
    """Of metastasis 1, 2, ... in mm: of the disc of the same area."""


@dataclass(frozen=True)
class _Background:
    """A slice before lesions are added."""

    name: str
    group: str
    grey: np.ndarray
    tumour: np.ndarray
    upright: bool
    pixel_mm: float


def benchmark_slices(folder: Path) -> Iterator[BenchmarkSlice]:
    """The synthetic lesion benchmark from the test split of ``folder``.

    Raises InputError if the folder is at fault, is of another modality than t1ce, or states no
    pixel size.

    Leaves out slices with an uncertain brain mask and lesions without room.
    """
    folder = Path(folder).resolve()
    cases = cases_of_split([folder], "test")
    modality = cases[0].dataset.modality
    if modality != "t1ce":
        raise InputError(
            "The synthetic lesion benchmark is made of data whose dataset.toml says "
            'modality = "t1ce": '
            f"{folder.name} is of modality {modality}."
        )
    planes = _read_planes(folder / "cases.csv")
    of_volumes = read_case(cases[0])[0].is_volume
    backgrounds = _from_volumes(cases) if of_volumes else _from_slices(cases, planes)
    for index, background in backgrounds:
        random = np.random.default_rng((FROZEN.seed, index))
        bins = FROZEN.bins if index % 3 == 0 else FROZEN.bins[:3]
        diameters = [float(np.exp(random.uniform(*np.log(limits)))) for limits in bins]
        made = place_for_test(
            background.grey,
            background.tumour,
            background.upright,
            diameters,
            random,
            background.pixel_mm,
        )
        if made is not None:
            yield BenchmarkSlice(
                background.name, background.group, made[0], made[1], background.tumour, made[2]
            )


def _from_slices(cases: list[Case], planes: dict[str, str]) -> Iterator[tuple[int, _Background]]:
    """Slices at even distances over the cases, each with its number."""
    dataset = cases[0].dataset
    if dataset.pixel_mm is None:
        raise InputError(
            "The synthetic lesion benchmark is made of slices whose dataset.toml says a pixel_mm: "
            f"{cases[0].source} is of modality {dataset.modality} and states no pixel_mm."
        )
    outside = next((names for of, names in OUTSIDE.items() if of in dataset.citation), frozenset())
    step = max(1.0, len(cases) / FROZEN.slices)
    for index in range(min(FROZEN.slices, len(cases))):
        case = cases[int(index * step)]
        if case.name in outside:
            continue
        scan, truth = read_case(case)
        if not scan.eight_bit:
            raise InputError(
                f"The synthetic lesion benchmark is made of 8-bit slices: {case.name} is none."
            )
        grey = scan.voxels[0].astype(np.uint8)
        upright = planes.get(case.name, "axial") != "axial"
        yield index, _Background(case.name, case.group, grey, truth[0], upright, dataset.pixel_mm)


def _from_volumes(cases: list[Case]) -> Iterator[tuple[int, _Background]]:
    """Axial slices of skull-stripped volumes, as many of each volume, at even distances between the
    two ends where a slice shows BRAIN_SHARE of the largest one's brain."""
    count = FROZEN.slices // len(cases)
    for place, case in enumerate(cases):
        scan, truth = read_case(case)
        if scan.spacing is None or not case.dataset.skull_stripped:
            raise InputError(
                "The synthetic lesion benchmark is made of volumes without skull whose files state "
                "a spacing: "
                f"{case.name} of {case.source} is none."
            )
        # Darken the brain so that enhancing tissue is not clipped at 255.
        level = float(np.median(scan.voxels[scan.voxels > 0]))
        greys = np.rint(np.clip(scan.voxels * (BRAIN_LEVEL / level), 0, 255)).astype(np.uint8)
        areas = np.count_nonzero(greys, axis=(1, 2))
        enough = np.flatnonzero(areas >= BRAIN_SHARE * areas.max())
        for number, at in enumerate(np.linspace(enough[0], enough[-1], count).round().astype(int)):
            background = _Background(
                f"{case.name}-{at:03d}", case.group, greys[at], truth[at], False, scan.spacing[2]
            )
            yield place * count + number, background


def _read_planes(table: Path) -> dict[str, str]:
    """By case: axial, coronal or sagittal, where the table has a column ``plane``."""
    if not table.is_file():
        return {}
    with table.open(newline="", encoding="utf-8-sig") as file:
        return {row["case"]: row.get("plane") or "axial" for row in csv.DictReader(file)}


def place_for_test(
    grey: np.ndarray,
    own_tumour: np.ndarray,
    upright: bool,
    diameters: Sequence[float],
    random: np.random.Generator,
    pixel_mm: float,
) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]] | None:
    """``grey`` (H, W) uint8 with lesions of ``diameters`` mm, their labels and measured diameters.

    They avoid ``own_tumour`` (H, W) bool. ``upright`` says that the slice is a coronal or
    sagittal one, ``pixel_mm`` is the size of a pixel. None if the brain is not certain or no
    lesion finds room.
    """
    brain = brain_mask(grey)
    if brain is None:
        return None
    # Stricter than in training: a label outside the brain would count against a correct network.
    edge = 2 * round(6 / pixel_mm) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (edge, edge))
    sure = cv2.erode(np.pad(brain, 1).astype(np.uint8), disc)[1:-1, 1:-1] > 0
    if upright:
        rows = np.flatnonzero(brain.any(axis=1))
        sure[int(rows[0] + 0.62 * len(rows)) :] = False
    changed, labels, lesions = place_metastases(
        grey,
        own_tumour,
        brain,
        pixel_mm,
        random,
        diameters,
        enhancement=FROZEN.enhancement,
        centres=sure,
    )
    if not lesions:
        return None
    return changed, labels, tuple(lesion.diameter for lesion in lesions)


def fingerprint(slices: Iterable[BenchmarkSlice]) -> str:
    """Twelve hexadecimal digits that change with any pixel or label of the benchmark."""
    digest = hashlib.sha256()
    for item in slices:
        digest.update(item.name.encode() + item.grey.tobytes() + item.labels.tobytes())
    return digest.hexdigest()[:12]
