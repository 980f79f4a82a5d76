"""The description of a data folder: its ``dataset.toml``, checked as a whole."""

import json
import tomllib
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from metaseg.errors import InputError

FILE = "dataset.toml"

Modality = Literal["t1ce", "t1", "t2", "flair"]
MODALITIES: tuple[str, ...] = get_args(Modality)

LINES = {
    "title": 'title = "Contrast-enhanced T1 slices of our hospital"',
    "modality": 'modality = "t1ce" (or "t1", "t2", "flair")',
    "target": 'target = "enhancing tumour"',
    "skull_stripped": "skull_stripped = false (or true)",
    "pixel_mm": "pixel_mm = 0.49 (above 0, at most 10)",
    "header_spacing_is_wrong": "header_spacing_is_wrong = true (or false)",
    "groups": 'groups = "patients"',
    "license": 'license = "CC-BY-4.0"',
    "citation": 'citation = "Author A. Journal 1, 2026"',
}
"""An example line for each field."""


class Dataset(BaseModel):
    """The fields of ``dataset.toml``: what a program should not guess."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: str = Field(min_length=1)
    """Title for people: what the images show."""
    modality: Modality
    """T1 with contrast medium, T1, T2 or FLAIR."""
    target: str = Field(min_length=1)
    """What the masks outline."""
    skull_stripped: bool | None = None
    """None if unknown."""
    pixel_mm: float | None = Field(None, gt=0, le=10, allow_inf_nan=False)
    """Size of the square pixels in mm, for files that do not state it."""
    header_spacing_is_wrong: bool = False
    """Whether the spacing in the files' headers is wrong and must be ignored."""
    groups: str = Field(min_length=1)
    """What the groups in ``cases.csv`` are: patients, or a substitute for them."""
    license: str = Field(min_length=1)
    """Licence of the images and masks, in the publisher's words."""
    citation: str = ""
    """How to cite the publisher; empty for your own data."""


REQUIRED = [name for name, field in Dataset.model_fields.items() if field.is_required()]


def read_dataset(
    folder: Path, modality: str | None = None, published: Dataset | None = None
) -> Dataset:
    """The description of the data folder ``folder``.

    It comes from ``dataset.toml`` if there is one, or else from ``published``, the description of a
    published data set, or else has only ``modality``. Raises InputError that lists every fault of
    the file, or the lines to write if it is missing.
    """
    name = folder.resolve().name
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        if published is not None:
            return published
        if modality is not None:
            return _of_modality(name, modality)
        lines = "".join(f"\n    {LINES[field]}" for field in REQUIRED)
        raise InputError(
            f"{name} has no {FILE}: use --modality, or write the file with these lines:{lines}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name}/{FILE} cannot be read: save it as UTF-8 text.") from error
    return parse_dataset(text, f"{name}/{FILE}")


def parse_dataset(text: str, shown: str) -> Dataset:
    """The Dataset described by the TOML ``text``. Raises InputError with a sentence for every
    fault; ``shown`` is the file's name in it."""
    try:
        return Dataset.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{shown} is not valid TOML: {error}.") from error
    except ValidationError as error:
        raise InputError("\n".join(f"{shown} {_explain(one)}" for one in error.errors())) from error


def write_dataset(folder: Path, dataset: Dataset) -> None:
    """Write ``dataset`` as the ``dataset.toml`` of ``folder``."""
    values = dataset.model_dump(exclude_none=True, exclude_defaults=True)
    lines = [f"{name} = {_toml(value)}\n" for name, value in values.items()]
    (folder / FILE).write_text("".join(lines), encoding="utf-8")


def _of_modality(name: str, modality: str) -> Dataset:
    if modality not in MODALITIES:
        raise InputError(f"There is no modality {modality}: choose one of {', '.join(MODALITIES)}.")
    return Dataset(
        title=name,
        modality=modality,
        target="lesions as outlined in its masks",
        groups="as given in its table",
        license="not stated",
    )


def _explain(fault: dict) -> str:
    """A fault found by pydantic, as a sentence that says what to write."""
    field = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = ", ".join(LINES)
        return f"has an unknown line {field}: remove it, or correct its name to one of {known}."
    line = LINES[str(fault["loc"][0])]
    if fault["type"] == "missing":
        return f"lacks {field}: add the line {line}."
    return f"cannot have {field} = {_toml(fault['input'])}: write {line}."


def _toml(value: object) -> str:
    """``value`` in TOML, whose strings have the same syntax as JSON's."""
    return json.dumps(value, ensure_ascii=False, default=str)
