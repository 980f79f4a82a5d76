"""A training's configuration from a recipe (YAML), overridden by the command line."""

import argparse
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml
from pydantic import ValidationError

from metaseg.checkpoint import list_faults
from metaseg.data.cases import HELD_OUT_BY
from metaseg.errors import InputError
from metaseg.training.config import TrainingConfig
from metaseg.training.robustness import Variation

TYPES = get_type_hints(TrainingConfig)
SHARES = {
    "cool_down", "ema_decay", "validation_share", "size_balance", "source_balance",
    "drop_path", "augmentation",
    *(field.name for field in fields(Variation)),
}  # fmt: skip
"""Fields between 0 and 1."""
POSITIVE = {"epochs", "batch_size", "learning_rate", "encoder_rate"}
NOT_NEGATIVE = {
    "early_size", "warm_up", "epoch_slices", "empty_share", "weight_decay",
    "workers", "seed",
}  # fmt: skip
PRECISIONS = ("auto", "bf16", "no")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add one option for every field. Options that are not given are absent from the result."""
    for field in fields(TrainingConfig):
        option = "--" + field.name.replace("_", "-")
        shown = {"default": argparse.SUPPRESS, "help": f"default: {field.default}"}
        kind, several = _kind(field)
        if kind is bool:
            parser.add_argument(option, action=argparse.BooleanOptionalAction, **shown)
        else:
            # "*" and not "+": an option without values empties a recipe's list.
            parser.add_argument(option, type=kind, nargs="*" if several else None, **shown)


def read_config(recipe: Path | None, given: dict[str, Any]) -> TrainingConfig:
    """The defaults, overridden by the file ``recipe``, then by ``given`` (values by field).

    Raises InputError that lists every field that is unknown, of a wrong type or out of range.
    """
    from metaseg.training.losses import build_loss  # late, so that --help does not load torch

    values = {} if recipe is None else _read_recipe(recipe)
    where = "The command line" if recipe is None else f"The recipe {recipe.name}"
    values |= given
    known = {field.name: field for field in fields(TrainingConfig)}
    faults = [f"{name} is not a recipe field" for name in values if name not in known]
    checked = {}
    for name in values.keys() & known.keys():
        try:
            checked[name] = _convert(known[name], values[name])
        except (TypeError, ValueError):
            faults.append(f"{name} cannot be {values[name]!r}")
    config = TrainingConfig(**checked)
    faults += _out_of_range(config)
    try:
        build_loss(config.loss)
    except InputError as error:
        faults.append(str(error).rstrip("."))
    if faults:
        raise InputError(f"{where}: " + "; ".join(sorted(faults)) + ".")
    return config


def _read_recipe(recipe: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"There is no recipe {recipe.name}: check the path.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            f"The recipe {recipe.name} is not valid YAML: check its syntax."
        ) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"The recipe {recipe.name} must contain lines of the form field: value.")
    return {str(name): value for name, value in values.items()}


def _kind(field: Field) -> tuple[type, bool]:
    """The type of a field's value, or of one of its values, and whether it has several."""
    several = isinstance(field.default, tuple)
    return (get_args(TYPES[field.name])[0] if several else TYPES[field.name]), several


def _convert(field: Field, value: Any) -> Any:
    """``value`` in the field's type; ValueError if that would change its meaning."""
    kind, several = _kind(field)
    if several:
        if not isinstance(value, list | tuple):
            raise ValueError(value)
        return tuple(_convert_one(kind, item) for item in value)
    return _convert_one(kind, value)


def _convert_one(kind: type, value: Any) -> Any:
    if (kind is bool) != isinstance(value, bool) or (kind is str) != isinstance(value, str):
        # YAML 1.1 reads 2e-3, without a point, as text.
        if not (kind is float and isinstance(value, str)):
            raise ValueError(value)
    if kind is int and value != int(value):
        raise ValueError(value)
    return kind(value)


def _out_of_range(config: TrainingConfig) -> list[str]:
    faults = [
        f"{name} must be between 0 and 1" for name in SHARES if not 0 <= getattr(config, name) <= 1
    ]
    faults += [f"{name} must be above 0" for name in POSITIVE if not getattr(config, name) > 0]
    faults += [
        f"{name} must not be below 0" for name in NOT_NEGATIVE if not getattr(config, name) >= 0
    ]
    if config.encoder_weights not in ("", "imagenet"):
        faults.append("encoder_weights must be imagenet or empty")
    try:
        _ = config.preprocessing
    except ValidationError as error:
        faults += list_faults(error)
    if config.precision not in PRECISIONS:
        faults.append(f"precision must be one of {', '.join(PRECISIONS)}")
    if config.validation_by not in HELD_OUT_BY:
        faults.append(f"validation_by must be one of {', '.join(HELD_OUT_BY)}")
    if config.early_size and not 32 <= config.early_size <= config.size:
        faults.append("early_size must be 0, or from 32 to size")
    if len(config.decoder_channels) != 4 or min(config.decoder_channels) < 1:
        faults.append("decoder_channels must be four positive widths")
    return faults
