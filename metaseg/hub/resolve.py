"""Find checkpoints: those that ship with MetaSeg, in a folder, or on the Hub."""

import logging
import os
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from metaseg.checkpoint import CONFIG, Checkpoint, load_checkpoint, read_checkpoint
from metaseg.errors import InputError
from metaseg.models import TITLES
from metaseg.resources import resource

log = logging.getLogger(__name__)

SHIPPED = resource("checkpoints")
HUB_FILE = SHIPPED / "hub.toml"
VARIABLE = "METASEG_MODELS"


def shipped_models() -> list[str]:
    """Names of the checkpoints that ship with MetaSeg, in the order of the page."""
    return [name for name in TITLES if (SHIPPED / name / CONFIG).is_file()]


def from_pretrained(name: str, revision: str | None = None) -> Checkpoint:
    """The checkpoint ``name``: a shipped one by name or title, a folder, or USER/NAME on the Hub.

    ``revision``, or ``USER/NAME@REVISION``, is a branch, tag or commit on the Hub. Loading is
    strict and accepts safetensors only; files from the Hub must match the Hub's hash. Raises
    InputError if the checkpoint cannot be loaded as a whole.

    ``metaseg.segment("slice.png", model=name)`` loads and runs a checkpoint in one call. To use a
    loaded one, pass it to ``metaseg.segmenter.Segmenter``.
    """
    name = str(name)
    folder = None if revision else local_folder(name)
    if folder is not None:
        # Shipped checkpoints are known to be complete, and OpenVINO does not need their networks.
        return (read_checkpoint if folder.parent == SHIPPED else load_checkpoint)(folder)
    # The Hub client is slow to import, and local checkpoints do not need it.
    from metaseg.hub.names import HubName
    from metaseg.hub.pull import pull

    if not HubName.fits(name):
        raise InputError(
            f'There is no model "{name}": choose one of {", ".join(shipped_models())}, a '
            "checkpoint folder, or one on the Hub as USER/NAME or USER/NAME@REVISION."
        )
    return pull(HubName.parse(name, revision))


def local_folder(name: str) -> Path | None:
    """The checkpoint folder ``name``: a shipped one by name or title, or a path. None if it is
    neither."""
    key = next((key for key in shipped_models() if name in (key, TITLES[key])), None)
    if key is not None:
        return SHIPPED / key
    return Path(name) if name and Path(name).is_dir() else None


def load_models(names: Iterable[str] = ()) -> list[Checkpoint]:
    """The checkpoints ``names``, loaded by ``from_pretrained``, or all the shipped ones."""
    return [from_pretrained(name) for name in list(names) or shipped_models()]


def resolve_checkpoints(
    report: Callable[[str], None] = print,
) -> tuple[list[Checkpoint], list[str]]:
    """The checkpoints that the demo serves, and notices for the page and the log.

    They are those in METASEG_MODELS, separated by commas, or else in ``checkpoints/hub.toml``, or
    else the shipped ones. Each is named by its architecture, so clients need not know its source.
    If one cannot be loaded, the shipped ones are served and a notice says why. ``report`` receives
    a line of progress for each.
    """
    try:
        names = _named_models()
        if not names:
            return load_models(), []
        checkpoints = []
        for name in names:
            report(f"Loading {name} …")
            checkpoint = from_pretrained(name)
            checkpoints.append(replace(checkpoint, name=checkpoint.config.architecture))
        if len({checkpoint.name for checkpoint in checkpoints}) < len(checkpoints):
            raise InputError("Two models have the same architecture: name one of each.")
        return checkpoints, []
    except InputError as error:
        notice = (
            f"The models chosen for this page could not be loaded. {error} Until then, the page "
            "serves the models that ship with MetaSeg."
        )
        log.warning(notice)
        return load_models(), [notice]


def _named_models() -> list[str]:
    named = os.environ.get(VARIABLE, "")
    if named.strip():
        return [name.strip() for name in named.split(",") if name.strip()]
    try:
        models = tomllib.loads(HUB_FILE.read_text(encoding="utf-8")).get("model", [])
        return [f"{model['repository']}@{model['revision']}" for model in models]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "checkpoints/hub.toml is damaged: each [[model]] needs a repository and a revision."
        ) from error
