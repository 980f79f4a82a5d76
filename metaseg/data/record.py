"""Describe data in a training's record, and derive the licence of the weights from it."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from metaseg.data.case import Case
from metaseg.data.cases import hold_out_validation
from metaseg.data.dataset import Dataset
from metaseg.errors import InputError
from metaseg.files import short_digest

_CC = re.compile(r"cc-by((?:-nc)?(?:-sa)?)-(\d\.\d)")
_CC0 = "cc0-1.0"
DAMAGED = "The training data in the config.json of a checkpoint are damaged: fetch it again."


def describe_data(training: list[Case], validation: list[Case]) -> list[dict]:
    """The data folders of a training, for the record in its checkpoint.

    One object per folder: its name, its description, and for ``training`` and ``validation`` the
    numbers of cases and groups, and a digest of their names,
    ``{"cases": 8, "groups": 4, "names": "0123456789abcdef"}``.
    """
    cases = [*training, *validation]
    datasets = {case.source: case.dataset for case in cases}
    return [
        {
            "name": name,
            **dataset.model_dump(exclude_none=True),
            "training": _count(training, name),
            "validation": _count(validation, name),
        }
        for name, dataset in sorted(datasets.items())
    ]


def training_data(record: dict[str, Any]) -> dict[str, dict]:
    """The objects of ``describe_data`` in a training's record, by name of the data folder.

    Includes those of earlier trainings. Raises InputError if the record is damaged.
    """
    return {
        name: entry for one in reversed(_chain(record)) for name, entry in _entries(one).items()
    }


def _chain(record: dict[str, Any]) -> list[dict[str, Any]]:
    """``record`` and those of the earlier trainings that it started from, the latest first."""
    earlier = record.get("started_from")
    return [record, *(_chain(earlier) if earlier else [])]


def _entries(record: dict[str, Any]) -> dict[str, dict]:
    """Those of one training alone."""
    try:
        return {entry["name"]: dict(entry) for entry in record.get("data", [])}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(DAMAGED) from error


def changed_since(
    record: dict[str, Any], training: list[Case], validation: list[Case]
) -> list[str]:
    """The data folders whose ``training`` or ``validation`` cases are others than in the training
    with ``record`` or in one that it started from: patients that it saw may now be held out."""
    trainings = [_entries(one) for one in _chain(record)]
    return [
        now["name"]
        for now in describe_data(training, validation)
        # What an older record does not say is not compared.
        if any(
            not earlier.get(now["name"], {}).get(part, {}).items() <= now[part].items()
            for earlier in trainings
            for part in ("training", "validation")
        )
    ]


def hold_out_as(record: dict[str, Any], cases: list[Case]) -> tuple[list[Case], list[Case]]:
    """Training and validation cases among ``cases``, as the training with ``record`` chose them."""
    settings = record.get("config", {})
    share, by = settings.get("validation_share", 0.1), settings.get("validation_by", "group")
    return hold_out_validation(cases, share, by)


def learned_from(record: dict[str, Any]) -> dict[str, Dataset]:
    """The descriptions in ``training_data``. Raises InputError if one is damaged or incomplete."""
    fields = Dataset.model_fields.keys()
    try:
        return {
            name: Dataset.model_validate({key: entry[key] for key in fields & entry.keys()})
            for name, entry in sorted(training_data(record).items())
        }
    except ValidationError as error:
        raise InputError(DAMAGED) from error


def weights_license(record: dict) -> str:
    """The licence of weights with the training ``record``, as the Hub spells it. Raises InputError
    if the record is damaged."""
    return demanding_license(dataset.license for dataset in learned_from(record).values())


def demanding_license(licenses: Iterable[str]) -> str:
    """The licence that satisfies all of ``licenses`` together, as the Hub spells it.

    Creative Commons licences combine: attribution, non-commercial and share-alike apply if one of
    them requires it. ``"other"`` if one is of another kind, for example "research use", whose terms
    are known only from its text.
    """
    spelled = {re.sub(r"[\s_]+", "-", text.strip().lower()) for text in licenses}
    if spelled == {_CC0}:
        return _CC0
    matches = [_CC.fullmatch(text) for text in spelled - {_CC0}]
    known = [match for match in matches if match is not None]
    if not known or len(known) < len(matches):
        return "other"
    clauses = "".join(c for c in ("-nc", "-sa") if any(c in match[1] for match in known))
    return f"cc-by{clauses}-{max(match[2] for match in known)}"


def _count(cases: list[Case], source: str) -> dict[str, int | str]:
    names = sorted([case.group, case.name] for case in cases if case.source == source)
    groups = {group for group, _ in names}
    return {"cases": len(names), "groups": len(groups), "names": short_digest(names)}
