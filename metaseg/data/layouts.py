"""Published data sets, read as they are handed out.

None of them says which patients are for testing (nnU-Net's ``imagesTs`` apart), so that every
fifth patient, by a hash of the name, is set aside: the same ones on every machine.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from metaseg.data.case import Case
from metaseg.errors import InputError

TUMOUR_CORE = (1, 3)
"""BraTS labels: 1 necrosis, 2 oedema, 3 enhancing. Oedema is left out: it does not enhance."""

CONTRAST_WORDS = ("t1c", "t1ce", "t1gd", "t1_gd", "t1post", "t1_post", "post", "gd", "contrast")


@dataclass(frozen=True)
class Layout:
    """A way in which a data set lies in its folders."""

    title: str
    find: Callable[[Path], Iterator[Case]]
    """Every image of the folder as a case, whether its mask is there or not."""


def read_layout(folder: Path, name: str | None = None) -> tuple[str, list[Case], list[str]]:
    """The name of the layout of ``folder``, its cases, and remarks about what was passed over.

    ``name`` is one of ``LAYOUTS``; None tries them all. InputError where none fits.
    """
    if name is not None and name not in LAYOUTS:
        raise InputError(f"There is no layout «{name}»: choose one of {', '.join(LAYOUTS)}.")
    for key in [name] if name else LAYOUTS:
        found = list(LAYOUTS[key].find(folder))
        cases = [case for case in found if case.mask.is_file()]
        if cases:
            without = len(found) - len(cases)
            remarks = [f"{without} images have no mask and are passed over"] if without else []
            return key, cases, remarks
    if name:
        title = LAYOUTS[name].title
        raise InputError(f"{folder.name} holds no case with a mask of {title}: check the folder.")
    raise InputError(
        f"{folder.name} has no cases.csv and no case with a mask in a published layout: "
        "check the folder."
    )


def _brats(folder: Path) -> Iterator[Case]:
    """``BraTS-MET-00001-000/BraTS-MET-00001-000-t1c.nii.gz`` and ``...-seg.nii.gz``; the last
    number is the patient's visit. Pretreat-MetsToBrain-Masks has the same names."""
    for image in sorted(folder.rglob("*-t1c.nii.gz")):
        name = image.name.removesuffix("-t1c.nii.gz")
        group = re.sub(r"-\d{3}$", "", name)
        mask = image.with_name(f"{name}-seg.nii.gz")
        yield _case(folder, name, group, image, mask, labels=TUMOUR_CORE)


def _ucsf(folder: Path) -> Iterator[Case]:
    """``100101A/100101A_T1post.nii.gz`` and ``100101A_seg.nii.gz``; the letter is the visit."""
    for image in sorted(folder.rglob("*_T1post.nii.gz")):
        name = image.name.removesuffix("_T1post.nii.gz")
        mask = image.with_name(f"{name}_seg.nii.gz")
        yield _case(folder, name, re.sub(r"(?<=\d)[A-Z]$", "", name), image, mask)


def _brainmetshare(folder: Path) -> Iterator[Case]:
    """``Mets_005/0/7.png`` (T1 gradient echo with contrast) and ``Mets_005/seg/7.png``, or the
    later release's ``Mets_005/bravo.nii.gz`` and ``seg.nii.gz``."""
    for patient in sorted(path for path in folder.rglob("Mets_*") if path.is_dir()):
        volume = patient / "bravo.nii.gz"
        if volume.is_file():
            yield _case(folder, patient.name, patient.name, volume, patient / "seg.nii.gz")
            continue
        slices = (path for path in (patient / "0").glob("*") if path.stem.isdigit())
        for image in sorted(slices, key=lambda path: int(path.stem)):
            mask = patient / "seg" / image.name
            name = f"{patient.name}_{int(image.stem):03d}"
            yield _case(folder, name, patient.name, image, mask)


def _nnunet(folder: Path) -> Iterator[Case]:
    """``imagesTr/CASE_0000.nii.gz`` and ``labelsTr/CASE.nii.gz`` with a ``dataset.json``, whose
    channel with contrast is taken, or else the first."""
    table = folder / "dataset.json"
    if not table.is_file():
        return
    try:
        content = json.loads(table.read_text(encoding="utf-8"))
        channels = content.get("channel_names") or content.get("modality") or {"0": ""}
        labels = _foreground(content.get("labels") or {})
        ending = str(content.get("file_ending") or ".nii.gz")
        channel = int(_contrast_channel(channels))
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{folder.name}/dataset.json cannot be read: repair it.") from error
    for part, split in (("Tr", None), ("Ts", "test")):
        for image in sorted((folder / f"images{part}").glob(f"*_{channel:04d}{ending}")):
            name = image.name.removesuffix(f"_{channel:04d}{ending}")
            mask = folder / f"labels{part}" / f"{name}{ending}"
            has_test = (folder / "labelsTs").is_dir()
            yield _case(
                folder, name, name, image, mask, labels, split or ("train" if has_test else None)
            )


def _contrast_channel(channels: dict | list) -> str:
    names = dict(enumerate(channels)) if isinstance(channels, list) else channels
    words = [(str(number), str(name).lower()) for number, name in names.items()]
    return next((n for n, name in words if any(w in name for w in CONTRAST_WORDS)), words[0][0])


def _foreground(labels: dict) -> tuple[int, ...] | None:
    """The values other than background; version 1 wrote {"1": "tumour"}, 2 {"tumour": 1}."""
    values: set[int] = set()
    for key, value in labels.items():
        name, number = (value, key) if str(key).isdigit() else (key, value)
        if name not in ("background", "ignore"):
            values.update(int(n) for n in (number if isinstance(number, list) else [number]))
    return tuple(sorted(values - {0})) or None


def _lgg(folder: Path) -> Iterator[Case]:
    """``TCGA_CS_4941_19960909/TCGA_CS_4941_19960909_1.tif`` and ``..._1_mask.tif``; the colour
    channels are T1, FLAIR and T1 with contrast, and the masks were drawn on FLAIR."""
    for mask in sorted(folder.rglob("TCGA_*_mask.tif"), key=_by_slice):
        name = mask.name.removesuffix("_mask.tif")
        image = mask.with_name(f"{name}.tif")
        yield _case(folder, name, "_".join(name.split("_")[:3]), image, mask, channel=1)


def _by_slice(path: Path) -> tuple:
    number = path.name.removesuffix("_mask.tif").rpartition("_")[2]
    return str(path.parent), int(number) if number.isdigit() else 0


def _case(
    folder: Path,
    name: str,
    group: str,
    image: Path,
    mask: Path,
    labels: tuple[int, ...] | None = None,
    split: str | None = None,
    channel: int | None = None,
) -> Case:
    hashed = int(hashlib.sha256(group.encode()).hexdigest(), 16)
    split = split or ("test" if hashed % 5 == 0 else "train")
    return Case(name, group, image, mask, split, folder.resolve().name, labels, channel)


LAYOUTS = {
    "brats-mets": Layout("BraTS-METS", _brats),
    "pretreat-metstobrain": Layout("Pretreat-MetsToBrain-Masks", _brats),
    "ucsf-bmsr": Layout("UCSF-BMSR", _ucsf),
    "brainmetshare": Layout("BrainMetShare", _brainmetshare),
    "nnunet": Layout("nnU-Net raw", _nnunet),
    "kaggle-lgg": Layout("Kaggle LGG", _lgg),
}
