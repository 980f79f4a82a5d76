"""The synthetic lesion benchmark: real slices with synthetic metastases of known position and size.

It uses the test split of contrast-enhanced T1 data with known pixel size (slices or isotropic
volumes), at full resolution and before any preprocessing. No network is trained on it. FROZEN makes
it reproducible: its values and seed were fixed before the first training that is evaluated on it.
A change to the generator or the slices changes ``fingerprint``, which every result states.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from metaseg.data.case import Case, read_case
from metaseg.data.cases import cases_of_split, read_rows
from metaseg.errors import InputError
from metaseg.preprocess import brain_mask
from metaseg.synthesis.canvas import Enhancement
from metaseg.synthesis.metastases import place_metastases

KATO = Enhancement(median=0.44, spread=0.72, lowest=0.3, highest=1.9)
"""57 % brighter than white matter, with a standard deviation of 47 % (Kato et al. 2009, AJNR
30:923), as a log-normal distribution without lesions that barely enhance."""


@dataclass(frozen=True)
class StressSettings:
    """Settings of the benchmark."""

    slices: int = 120
    """Largest number of slices, evenly spaced over the cases."""
    bins: tuple[tuple[float, float], ...] = ((2, 5), (5, 10), (10, 20), (20, 30))
    """Diameters in mm, log-uniform within each bin. Every slice gets one lesion from each of the
    first three bins, every third slice also one from the last."""
    enhancement: Enhancement = KATO
    """Enhancement of the lesions."""
    seed: int = 20261120


FROZEN = StressSettings()

OUTSIDE = {"Figshare 1512427": frozenset({"0637", "1581", "1590", "2986", "3004"})}
"""Cases left out, by data set: inspection showed a synthetic lesion outside the brain."""

BRAIN_LEVEL, BRAIN_SHARE = 100, 0.3
"""For volumes: the grey level of the median brain voxel, and the smallest area of brain in a slice,
as a share of the largest slice's."""


@dataclass(frozen=True)
class BenchmarkSlice:
    """One slice of the benchmark."""

    name: str
    """Name of the original case; of a volume, with the number of the slice."""
    group: str
    grey: np.ndarray
    """(H, W) uint8 with the metastases, as a user would send it."""
    labels: np.ndarray
    """(H, W) uint8: 0, or the number of the metastasis, from 1; without oedema."""
    own_tumour: np.ndarray
    """(H, W) bool: the real tumour. Predictions that touch it are not scored."""
    diameters: tuple[float, ...]
    """Diameters of metastasis 1, 2, ... in mm: of a disc of the same area."""


@dataclass(frozen=True)
class _Background:
    """A slice before lesions are added."""

    name: str
    group: str
    grey: np.ndarray
    tumour: np.ndarray
    upright: bool
    pixel_mm: float


def benchmark_slices(folder: Path, modality: str | None = None) -> Iterator[BenchmarkSlice]:
    """The synthetic lesion benchmark from the test split of ``folder``, which ``modality``
    describes if it has no ``dataset.toml``.

    Skips slices with an uncertain brain mask and lesions without room. Raises InputError if the
    folder is at fault, has another modality than t1ce, or states no pixel size.
    """
    folder = Path(folder).resolve()
    cases = cases_of_split([folder], "test", modality)
    modality = cases[0].dataset.modality
    if modality != "t1ce":
        raise InputError(
            'The synthetic lesion benchmark needs data with modality = "t1ce" in dataset.toml: '
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
            "The synthetic lesion benchmark needs the pixel size of slices: add pixel_mm to the "
            f"dataset.toml of {cases[0].source}."
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
                f"The synthetic lesion benchmark needs 8-bit slices: {case.name} has other values."
            )
        grey = scan.voxels[0].astype(np.uint8)
        upright = planes.get(case.name, "axial") != "axial"
        yield index, _Background(case.name, case.group, grey, truth[0], upright, dataset.pixel_mm)


def _from_volumes(cases: list[Case]) -> Iterator[tuple[int, _Background]]:
    """Axial slices of skull-stripped volumes, each with its number.

    Takes the same number from each volume, evenly spaced over the slices whose brain has at least
    BRAIN_SHARE of the largest slice's area; of more volumes than slices, one from each of some at
    even distances.
    """
    count = max(1, FROZEN.slices // len(cases))
    if len(cases) > FROZEN.slices:
        cases = [cases[i * len(cases) // FROZEN.slices] for i in range(FROZEN.slices)]
    for place, case in enumerate(cases):
        scan, truth = read_case(case)
        if scan.spacing is None or not case.dataset.skull_stripped:
            raise InputError(
                "The synthetic lesion benchmark needs skull-stripped volumes with a spacing: "
                f"{case.name} of {case.source} is not one."
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
    """The plane of each case, by name; axial if the table does not state it."""
    if not table.is_file():
        return {}
    return {row["case"]: row.get("plane") or "axial" for row in read_rows(table)[1]}


def place_for_test(
    grey: np.ndarray,
    own_tumour: np.ndarray,
    upright: bool,
    diameters: Sequence[float],
    random: np.random.Generator,
    pixel_mm: float,
) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]] | None:
    """``grey`` (H, W) uint8 with lesions of ``diameters`` mm, their labels and measured diameters.

    Lesions avoid ``own_tumour`` (H, W) bool. ``upright`` marks a coronal or sagittal slice;
    ``pixel_mm`` is the size of a pixel. None if the brain is not certain or no lesion fits.
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
