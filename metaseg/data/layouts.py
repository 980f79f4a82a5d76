"""Read published data sets in their own folder layout; ``published/`` describes them.

Only nnU-Net's ``imagesTs`` defines test patients. For the others, a hash of the name holds out
about every fifth patient, the same ones on every machine.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from filecmp import cmp
from importlib.resources import files
from pathlib import Path

from metaseg.data.case import Case
from metaseg.data.dataset import Dataset, parse_dataset, read_dataset
from metaseg.data.splits import read_split
from metaseg.errors import InputError

TUMOUR_CORE = (1, 3)
"""BraTS labels are 1 necrosis, 2 oedema, 3 enhancing. Oedema is excluded: it does not enhance."""

ENHANCED = re.compile(
    r"t1[ _-]?w?[ _-]?c(?![a-z])|(?<![a-z])ce(?![a-z])|t1w?[ _-]?ce(?![a-z])|\+ ?c|post|gd|contrast"
)
NATIVE = re.compile(
    r"(?<![a-z])(pre(?![a-z])|pre-?contrast|native|(?:no|non|without|w/?o)[ _-]*(?:contrast|gd|ce))"
)
"""Parts of the names of T1 channels with contrast and without, in lower case."""


@dataclass(frozen=True)
class Found:
    """An image of a data set; its mask may be missing."""

    name: str
    group: str
    image: Path
    mask: Path
    labels: tuple[int, ...] | None = None
    split: str | None = None
    """None if the publisher does not define a split."""
    channel: int | None = None


@dataclass(frozen=True)
class Layout:
    """The folder layout of a published data set."""

    title: str
    find: Callable[[Path], Iterator[Found]]
    describe: Callable[[Path], Dataset | None]
    """The description of the data set in a folder of this layout; None if nothing is known."""


def read_published(name: str) -> Dataset:
    """The description of a published data set, by the name of its file in ``published/``."""
    file = f"{name}.toml"
    return parse_dataset((files(__package__) / "published" / file).read_text("utf-8"), file)


def read_layout(
    folder: Path, name: str | None = None, modality: str | None = None
) -> tuple[str, list[Case], list[str]]:
    """The name of the layout of ``folder``, its cases, and remarks about skipped images.

    ``name`` is one of ``LAYOUTS``; None tries them all. ``modality`` is used if neither the folder
    nor its layout has a description. Raises InputError if no layout fits.
    """
    if name is not None and name not in LAYOUTS:
        raise InputError(f'There is no layout "{name}": choose one of {", ".join(LAYOUTS)}.')
    for key in [name] if name else LAYOUTS:
        layout = LAYOUTS[key]
        found = list(layout.find(folder))
        masked = [one for one in found if one.mask.is_file()]
        if masked:
            without = len(found) - len(masked)
            remarks = [f"images without a mask are skipped: {without}"] if without else []
            once = _without_copies(masked, folder)
            if len(once) < len(masked):
                remarks.append(f"copies of other cases are skipped: {len(masked) - len(once)}")
            if key == "nnunet":
                number, channel = _channel(_dataset_json(folder))
                remarks.append(f"the channel that is read is {number}, {channel or 'unnamed'}")
            described = layout.describe(folder)
            dataset = read_dataset(folder, modality, described)
            if name is None and dataset == described:
                remarks += [
                    f"{other.title} has the same file names: if it is that, put its licence and "
                    f"citation, metaseg/data/published/{twin}.toml, into the folder as dataset.toml"
                    for twin, other in LAYOUTS.items()
                    if other is not layout and other.find is layout.find
                ]
            return key, [_to_case(one, folder, dataset) for one in once], remarks
    if name:
        title = LAYOUTS[name].title
        raise InputError(
            f"{folder.name} contains no case with a mask of {title}: check the folder."
        )
    raise InputError(
        f"{folder.name} has no cases.csv and no case with a mask in a published layout: "
        "check the folder."
    )


def _without_copies(found: list[Found], folder: Path) -> list[Found]:
    """``found`` without those of the same name and content. InputError for others of one name."""
    once: dict[str, Found] = {}
    for one in found:
        first = once.setdefault(one.name, one)
        same = first is one or all(
            cmp(a, b, shallow=False) for a, b in ((one.image, first.image), (one.mask, first.mask))
        )
        if not same:
            raise InputError(
                f"{folder.name} has two cases with the name {one.name}: rename or remove one."
            )
    return list(once.values())


def _brats(folder: Path) -> Iterator[Found]:
    """``BraTS-MET-00001-000/BraTS-MET-00001-000-t1c.nii.gz`` and ``...-seg.nii.gz``; the last
    number is the patient's visit. Pretreat-MetsToBrain-Masks has the same names."""
    for image in sorted(folder.rglob("BraTS-MET-*-t1c.nii.gz")):
        name = image.name.removesuffix("-t1c.nii.gz")
        group = re.sub(r"-\d{3}$", "", name)
        mask = image.with_name(f"{name}-seg.nii.gz")
        yield Found(name, group, image, mask, labels=TUMOUR_CORE)


def _ucsf(folder: Path) -> Iterator[Found]:
    """``100101A/100101A_T1post.nii.gz`` and ``100101A_seg.nii.gz``; the letter is the visit."""
    for image in sorted(folder.rglob("*_T1post.nii.gz")):
        name = image.name.removesuffix("_T1post.nii.gz")
        mask = image.with_name(f"{name}_seg.nii.gz")
        yield Found(name, re.sub(r"(?<=\d)[A-Z]$", "", name), image, mask)


def _brainmetshare(folder: Path) -> Iterator[Found]:
    """``Mets_005/0/7.png`` (T1 gradient echo with contrast) and ``Mets_005/seg/7.png``, or the
    later release's ``Mets_005/bravo.nii.gz`` and ``seg.nii.gz``."""
    for patient in sorted(path for path in folder.rglob("Mets_*") if path.is_dir()):
        volume = patient / "bravo.nii.gz"
        if volume.is_file():
            yield Found(patient.name, patient.name, volume, patient / "seg.nii.gz")
            continue
        slices = (path for path in (patient / "0").glob("*") if path.stem.isdigit())
        for image in sorted(slices, key=lambda path: int(path.stem)):
            mask = patient / "seg" / image.name
            name = f"{patient.name}_{int(image.stem):03d}"
            yield Found(name, patient.name, image, mask)


def _nnunet(folder: Path) -> Iterator[Found]:
    """``imagesTr/CASE_0000.nii.gz`` and ``labelsTr/CASE.nii.gz`` with a ``dataset.json``; uses the
    channel with contrast, or else the first."""
    table = folder / "dataset.json"
    if not table.is_file():
        return
    content = _dataset_json(folder)
    channel, _ = _channel(content)
    labels = _foreground(content.get("labels") or {})
    ending = str(content.get("file_ending") or ".nii.gz")
    for part, split in (("Tr", None), ("Ts", "test")):
        for image in sorted((folder / f"images{part}").glob(f"*_{channel:04d}{ending}")):
            name = image.name.removesuffix(f"_{channel:04d}{ending}")
            mask = folder / f"labels{part}" / f"{name}{ending}"
            has_test = (folder / "labelsTs").is_dir()
            split = split or ("train" if has_test else None)
            yield Found(name, name, image, mask, labels, split)


def _describe_nnunet(folder: Path) -> Dataset | None:
    """The description from ``dataset.json``; None if the channel's name states no modality."""
    content = _dataset_json(folder)
    modality = _modality_of(_channel(content)[1])
    if modality is None:
        return None
    return Dataset(
        title=str(content.get("name") or folder.resolve().name),
        modality=modality,
        target="lesions as labelled in its masks",
        groups="cases, which stand for patients",
        license=str(content.get("licence") or content.get("license") or "not stated"),
        citation=str(content.get("reference") or ""),
    )


def _dataset_json(folder: Path) -> dict:
    try:
        content = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        _channel(content)
        _foreground(content.get("labels") or {})
        return content
    except (ValueError, AttributeError, TypeError, IndexError) as error:
        raise InputError(
            f"{folder.resolve().name}/dataset.json cannot be read: repair it."
        ) from error


def _channel(content: dict) -> tuple[int, str]:
    """Number and name of the channel with contrast, or else of the first."""
    channels = content.get("channel_names") or content.get("modality") or {"0": ""}
    names = dict(enumerate(channels)) if isinstance(channels, list) else channels
    pairs = [(int(number), str(name)) for number, name in names.items()]
    return next((pair for pair in pairs if _modality_of(pair[1]) == "t1ce"), pairs[0])


def _modality_of(channel: str) -> str | None:
    """The modality of a sequence by its published name, such as ``T1-Gd``, ``t2f`` or ``FLAIR``."""
    name = channel.lower()
    if "flair" in name or "t2f" in name:
        return "flair"
    if "t2" in name:
        return "t2"
    if ENHANCED.search(name) and not NATIVE.search(name):
        return "t1ce"
    return "t1" if "t1" in name else None


def _foreground(labels: dict) -> tuple[int, ...] | None:
    """The values other than background; version 1 wrote {"1": "tumour"}, 2 {"tumour": 1}."""
    values: set[int] = set()
    for key, value in labels.items():
        name, number = (value, key) if str(key).isdigit() else (key, value)
        if name not in ("background", "ignore"):
            values.update(int(n) for n in (number if isinstance(number, list) else [number]))
    return tuple(sorted(values - {0})) or None


def _lgg(folder: Path) -> Iterator[Found]:
    """``TCGA_CS_4941_19960909/TCGA_CS_4941_19960909_1.tif`` and ``..._1_mask.tif``; the colour
    channels are T1, FLAIR and T1 with contrast, and the masks were drawn on FLAIR. The split is the
    one of ``metaseg data convert``, by which networks were trained."""
    splits = {one.group: one.split for one in read_split("flair_slices")}
    for mask in sorted(folder.rglob("TCGA_*_mask.tif"), key=_by_slice):
        name = mask.name.removesuffix("_mask.tif")
        image = mask.with_name(f"{name}.tif")
        group = "_".join(name.split("_")[:3])
        yield Found(name, group, image, mask, split=splits.get(group), channel=1)


def _by_slice(path: Path) -> tuple:
    number = path.name.removesuffix("_mask.tif").rpartition("_")[2]
    return str(path.parent), int(number) if number.isdigit() else 0


def split_of(group: str) -> str:
    """``test`` for about every fifth patient, else ``train``; the same on every machine."""
    hashed = int(hashlib.sha256(group.encode(errors="surrogateescape")).hexdigest(), 16)
    return "test" if hashed % 5 == 0 else "train"


def _to_case(found: Found, folder: Path, dataset: Dataset) -> Case:
    split = found.split or split_of(found.group)
    source = folder.resolve().name
    return Case(
        found.name, found.group, found.image, found.mask, split, source, dataset,
        found.labels, found.channel,
    )  # fmt: skip


def _known(name: str) -> Callable[[Path], Dataset]:
    return lambda _: read_published(name)


LAYOUTS = {
    "brats-mets": Layout("BraTS-METS", _brats, _known("brats-mets")),
    "pretreat-metstobrain": Layout(
        "Pretreat-MetsToBrain-Masks", _brats, _known("pretreat-metstobrain")
    ),
    "ucsf-bmsr": Layout("UCSF-BMSR", _ucsf, _known("ucsf-bmsr")),
    "brainmetshare": Layout("BrainMetShare", _brainmetshare, _known("brainmetshare")),
    "nnunet": Layout("nnU-Net raw", _nnunet, _describe_nnunet),
    "kaggle-lgg": Layout("Kaggle LGG", _lgg, _known("kaggle-lgg")),
}
