"""Convert the files of publishers to data folders. Every file is checked before a folder appears.

- ``figshare``: Figshare 1512427, MATLAB files ``1.mat`` to ``3064.mat`` in any folders.
- ``kaggle-lgg``: TIFF files ``TCGA_*/TCGA_*_1.tif`` with ``TCGA_*_1_mask.tif``.
- ``nifti``: ``NAME.nii.gz`` with ``NAME_mask.nii.gz`` (or ``_seg``), and a ``dataset.toml`` or a
  modality. If a patient has several scans, put them in one folder named after the patient.

Slices are written as PNG, without loss. The 8-bit grey levels of Kaggle LGG stay unchanged; those
of Figshare are scaled slice by slice, the darkest pixel to 0 and the brightest to 255.
"""

import csv
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from filecmp import cmp
from functools import partial
from pathlib import Path

import numpy as np

from metaseg.data.case import Case, read_case
from metaseg.data.cases import COLUMNS
from metaseg.data.dataset import Dataset, read_dataset, write_dataset
from metaseg.data.layouts import LAYOUTS, read_published, split_of
from metaseg.data.splits import Listed, read_split
from metaseg.errors import InputError, together
from metaseg.files import files_in
from metaseg.scan import read_mask, read_scan
from metaseg.scan.pictures import write_png

SHOWN_FAULTS = 20
MASKS = ("_mask", "_seg")
"""Endings of the names of NIfTI masks, before ``.nii`` or ``.nii.gz``."""


@dataclass(frozen=True)
class Planned:
    """A case to write."""

    name: str
    group: str
    split: str
    write: Callable[[Path], tuple[str, str]]
    """Writes image and mask below a folder and returns their relative paths. Raises InputError if
    the publisher's files are wrong."""
    plane: str = ""


def convert(
    kind: str,
    source: Path,
    destination: Path,
    modality: str | None = None,
    progress: Callable[[list[Planned]], Iterable[Planned]] = iter,
) -> list[Planned]:
    """Convert the publisher's files in ``source`` to the data folder ``destination``.

    ``kind`` is one of ``KINDS``; ``modality`` describes NIfTI files without a ``dataset.toml``.
    ``progress`` wraps the planned cases, like tqdm. Returns the cases written. Raises InputError
    that lists the faults; nothing is then left behind.
    """
    if not source.is_dir():
        raise InputError(f"There is no folder {source.name}: unpack the download into it.")
    if destination.exists():
        raise InputError(f"{destination.name} already exists: choose the name of a new folder.")
    dataset, planned = KINDS[kind](source, modality)
    partial_folder = destination.with_name(f".{destination.name}.partial")
    # Left over from a killed run.
    shutil.rmtree(partial_folder, ignore_errors=True)
    try:
        try:
            for name in ("images", "masks"):
                (partial_folder / name).mkdir(parents=True)
        except OSError as error:
            raise InputError(
                f"The data folder {destination} cannot be created: choose another."
            ) from error
        rows, faults = [], []
        for case in progress(planned):
            try:
                image, mask = case.write(partial_folder)
                rows.append((case.name, case.group, image, mask, case.split, case.plane))
            except InputError as error:
                faults.append(str(error))
        _raise(faults)
        write_dataset(partial_folder, dataset)
        columns = (*COLUMNS, "plane") if any(case.plane for case in planned) else COLUMNS
        with (partial_folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *(row[: len(columns)] for row in rows)])
        partial_folder.rename(destination)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
    return planned


def _raise(faults: list[str]) -> None:
    if faults:
        more = len(faults) - SHOWN_FAULTS
        shown = faults[:SHOWN_FAULTS] + ([f"And {more} more."] if more > 0 else [])
        raise InputError("\n".join(shown))


def _plan_figshare(source: Path, _: str | None) -> tuple[Dataset, list[Planned]]:
    # Imported here, since nothing else needs h5py.
    from metaseg.data.figshare import read_figshare

    found = _unique(path for path in source.rglob("*.mat") if path.stem.isdigit())
    files = {int(name.removesuffix(".mat")): path for name, path in found.items()}
    listed = read_split("t1ce_slices")
    _check_complete(source, [f"{one.number}.mat" for one in listed if one.number not in files])
    planned = []
    for one in listed:
        name, tumour = f"{one.number:04d}", one.group.partition("-")[0]
        write = partial(_write_slice, name, partial(read_figshare, files[one.number], tumour))
        planned.append(Planned(name, one.group, one.split, write, one.plane))
    return read_published("figshare"), sorted(planned, key=lambda case: case.name)


def _plan_kaggle_lgg(source: Path, _: str | None) -> tuple[Dataset, list[Planned]]:
    # The download contains everything twice.
    masks = _unique(found.mask for found in LAYOUTS["kaggle-lgg"].find(source))
    files = {}
    for mask in masks.values():
        parts = mask.name.removesuffix("_mask.tif").split("_")
        if parts[-1].isdigit():
            files["_".join(parts[:3]), int(parts[-1])] = mask
    listed = read_split("flair_slices")
    missing = [one for one in listed if (one.group, one.number) not in files]
    _check_complete(source, [f"slice {one.number} of {one.group}" for one in missing])
    return read_published("kaggle-lgg"), [_plan_tiff(one, files) for one in listed]


def _plan_tiff(one: Listed, files: dict[tuple[str, int], Path]) -> Planned:
    mask = files[one.group, one.number]
    name = f"{one.group}_{one.number:03d}"
    write = partial(_write_slice, name, partial(_read_tiff, mask))
    return Planned(name, one.group, one.split, write)


def _read_tiff(mask: Path) -> tuple[np.ndarray, np.ndarray]:
    """The FLAIR channel (H, W) uint8 of the TIFF beside ``mask``, and the mask (H, W) bool."""
    image = mask.with_name(mask.name.replace("_mask.tif", ".tif"))
    scan = read_scan(image, channel=1)
    if not scan.eight_bit or scan.is_volume:
        raise InputError(f"{image.name} is not an 8-bit slice: download it again.")
    return scan.voxels[0].astype(np.uint8), read_mask(mask, scan)[0]


def _plan_nifti(source: Path, modality: str | None) -> tuple[Dataset, list[Planned]]:
    dataset, pairs = together(partial(read_dataset, source, modality), partial(_pair, source))
    cases = [
        Case(name, group, image, mask, split_of(group), source.resolve().name, dataset)
        for name, (group, image, mask) in pairs.items()
    ]
    return dataset, [
        Planned(case.name, case.group, case.split, partial(_copy, case)) for case in cases
    ]


def _pair(source: Path) -> dict[str, tuple[str, Path, Path]]:
    """Group, scan and mask of each case, by its name."""
    pairs, faults = {}, []
    for image in files_in(source):
        stem, ending = _split_name(image)
        if not ending:
            continue
        if own := next((end for end in MASKS if stem.endswith(end)), None):
            scan = f"{stem.removesuffix(own)}{ending}"
            if not image.with_name(scan).is_file():
                faults.append(f"{image.name} has no {scan}: add it, or remove the mask.")
            continue
        masks = [image.with_name(f"{stem}{end}{ending}") for end in MASKS]
        mask = next((mask for mask in masks if mask.is_file()), None)
        # All below the first folder belongs to one patient, sessions included.
        *folders, _ = image.relative_to(source).parts
        group = folders[0] if folders else stem
        name = "_".join([*folders, stem])
        if mask is None:
            faults.append(f"{image.name} has no {masks[0].name}: add it, or remove the scan.")
        elif name in pairs:
            faults.append(f"{image.name} of {group} appears twice: remove one of them.")
        else:
            pairs[name] = group, image, mask
    _raise(faults)
    if not pairs:
        raise InputError(
            f"{source.name} contains no NAME.nii.gz with a NAME_mask.nii.gz: check it."
        )
    return pairs


def _copy(case: Case, folder: Path) -> tuple[str, str]:
    """Copy the files of ``case``, after reading them to check that they fit."""
    try:
        read_case(case)
    except InputError as error:
        raise InputError(f"{case.name}: {error}") from error
    image = f"images/{case.name}{_split_name(case.image)[1]}"
    mask = f"masks/{case.name}{_split_name(case.mask)[1]}"
    shutil.copyfile(case.image, folder / image)
    shutil.copyfile(case.mask, folder / mask)
    return image, mask


def _write_slice(
    name: str, read: Callable[[], tuple[np.ndarray, np.ndarray]], folder: Path
) -> tuple[str, str]:
    image, mask = f"images/{name}.png", f"masks/{name}.png"
    grey, truth = read()
    write_png(folder / image, grey)
    write_png(folder / mask, truth)
    return image, mask


def _split_name(path: Path) -> tuple[str, str]:
    """The name without its extension, and the extension: ``.nii`` or ``.nii.gz`` in any case, or
    empty for another."""
    found = re.search(r"\.nii(\.gz)?$", path.name, re.IGNORECASE)
    at = found.start() if found else len(path.name)
    return path.name[:at], path.name[at:]


def _unique(paths: Iterable[Path]) -> dict[str, Path]:
    """``paths`` by file name. Raises InputError if two files of the same name differ."""
    found: dict[str, Path] = {}
    faults = []
    for path in sorted(paths):
        first = found.setdefault(path.name, path)
        if first != path and not cmp(first, path, shallow=False):
            faults.append(
                f"{path.name} appears twice with different content: remove the wrong one."
            )
    _raise(faults)
    return found


def _check_complete(source: Path, missing: list[str]) -> None:
    """Raise InputError if any file of the list of the split is ``missing``."""
    if missing:
        named = ", ".join(missing[:3]) + (" and so on" if len(missing) > 3 else "")
        raise InputError(
            f"{source.name} lacks {len(missing)} files of the data set, {named}: "
            "download and unpack all of it."
        )


KINDS = {"figshare": _plan_figshare, "kaggle-lgg": _plan_kaggle_lgg, "nifti": _plan_nifti}
