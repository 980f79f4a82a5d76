"""A checkpoint is a folder: ``config.json``, ``model.safetensors``, ``README.md``.

It carries all that inference needs. Training writes it, the Hub stores it, the demo loads it.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from metaseg.config import Config
from metaseg.errors import InputError
from metaseg.files import path_of, write_json, write_whole
from metaseg.preprocess import VERSION

if TYPE_CHECKING:
    import torch

    from metaseg.models import Network

FORMAT = 4
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
METRICS = "metrics.json"
"""Metrics of the evaluation: one object per data set."""


@dataclass(frozen=True)
class Weights:
    """A network in float32 and evaluation mode, built when it is first used."""

    build: Callable[[], "Network"]
    digest: str = ""
    """SHA-256 of the stored tensors; empty for a network that was made in memory."""

    @cached_property
    def network(self) -> "Network":
        """The network. Raises InputError if the weights are those of another."""
        return self.build()


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint: all that inference needs, and where it came from."""

    name: str
    config: Config
    weights: Weights
    revision: str
    """The Hub commit, or the SHA-256 of the weights for a local folder."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Metrics of these weights from ``metrics.json``, by data set; empty if there are none."""

    @property
    def network(self) -> "Network":
        """The network in float32 and evaluation mode."""
        return self.weights.network


def save_checkpoint(folder: Path, config: Config, state: "dict[str, torch.Tensor]") -> None:
    """Write ``config`` and the weights, as float16, into ``folder``; each file whole or not.

    The running statistics of normalisation stay float32: they are few, and the variance in front of
    a normalisation, which scales it away, may exceed what float16 holds.
    Raises InputError if a number is not finite as stored, as after a diverging training.
    """
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    stored = {}
    for name, tensor in state.items():
        tensor = tensor.detach().cpu()
        if tensor.is_floating_point() and not name.endswith((".running_mean", ".running_var")):
            tensor = tensor.half()
        if not torch.isfinite(tensor).all():
            raise InputError(
                f"The training diverged, since {name} is not finite in the checkpoint: use a lower "
                "learning_rate."
            )
        stored[name] = tensor.contiguous()
    write_whole(folder / WEIGHTS, _pack(stored))
    write_config(folder, config)


def _pack(state: "dict[str, torch.Tensor]") -> bytes:
    """``state`` as safetensors whose header holds the SHA-256 of the tensors, so that a flipped bit
    is detected. It is in the file itself, since two files cannot be replaced at once."""
    from safetensors.torch import save

    _, digest = _seal(save(state))
    return save(state, metadata={"format": "pt", "sha256": digest})


def _seal(data: bytes) -> tuple[str | None, str]:
    """The SHA-256 that a safetensors file says its tensors have, None without one, and the true
    one."""
    end = 8 + int.from_bytes(data[:8], "little")
    stated = json.loads(data[8:end]).get("__metadata__", {}).get("sha256")
    return stated, hashlib.sha256(memoryview(data)[end:]).hexdigest()


def write_config(folder: Path, config: Config) -> None:
    """``config.json`` of the checkpoint in ``folder``; what is undefined becomes null."""
    write_json(Path(folder) / CONFIG, asdict(config))


def load_checkpoint(
    folder: Path, revision: str | None = None, name: str | None = None
) -> Checkpoint:
    """The checkpoint in ``folder``, strictly: every weight named, none left over.

    ``revision`` and ``name`` are those on the Hub; a local one bears its folder's name.
    InputError says which file is missing, of another format or not fitting.
    """
    checkpoint = read_checkpoint(folder, revision, name)
    _ = checkpoint.network
    return checkpoint


def read_checkpoint(
    folder: Path, revision: str | None = None, name: str | None = None
) -> Checkpoint:
    """As ``load_checkpoint``, for a folder that is known to be whole: its network is built when it
    is first used, and a fault of the weights besides a flipped bit is told then."""
    folder = Path(folder)
    name = name or path_of(folder).name
    config = read_config(folder, name)
    try:
        data = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise InputError(f"The checkpoint {name} has no {WEIGHTS}: fetch it again.") from error
    damaged = InputError(
        f"The weights of the checkpoint {name} are damaged or belong to another "
        "architecture: fetch the folder again."
    )
    try:
        stated, true = _seal(data)
    except Exception as error:  # json and its kin each have their own
        raise damaged from error
    if stated not in (None, true):
        raise damaged

    def build() -> "Network":
        try:
            network = config.build()
        except InputError as error:
            raise InputError(
                f"The {CONFIG} of the checkpoint {name} names a network that MetaSeg cannot build: "
                "fetch it again, or update MetaSeg."
            ) from error
        from safetensors.torch import load  # late, because it imports torch

        try:
            network.load_state_dict(load(data), strict=True)
        except Exception as error:  # safetensors and torch each have their own
            raise damaged from error
        return network.float().eval()

    digest = hashlib.sha256(data).hexdigest()
    metrics = valid_metrics(read_metrics(folder, name), config, digest)
    return Checkpoint(name, config, Weights(build, true), revision or digest, metrics)


def valid_metrics(metrics: dict[str, dict], config: Config, digest: str) -> dict[str, dict]:
    """Those of ``metrics``, by data set, that ``is_of`` the network."""
    return {name: figures for name, figures in metrics.items() if is_of(figures, config, digest)}


def is_of(figures: dict[str, Any], config: Config, digest: str) -> bool:
    """Whether ``figures`` of a data set were measured on the weights whose SHA-256 is ``digest``,
    under the conditions of ``config``."""
    return {"revision": digest, **config.conditions}.items() <= figures.items()


def read_config(folder: Path, name: str | None = None) -> Config:
    """The config of the checkpoint in ``folder``, without its weights.

    InputError lists all that is missing, unknown or out of range, and says what to do; another
    format or version of the preprocessing is told alone, because its fields are others.
    """
    name = name or Path(folder).name
    try:
        text = (Path(folder) / CONFIG).read_bytes()
    except OSError as error:
        raise InputError(f"{name} has no {CONFIG}: name the folder of a checkpoint.") from error
    _check_versions(text, name)
    try:
        return TypeAdapter(Config).validate_json(text, strict=True)
    except ValidationError as error:
        faults = "; ".join(list_faults(error))
        raise InputError(
            f"The {CONFIG} of the checkpoint {name} is damaged ({faults}): fetch it again."
        ) from error


def _check_versions(text: bytes, name: str) -> None:
    """Raise InputError for another format or another version of the preprocessing, whose fields are
    others. What cannot be read is told as one fault among others."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return
    known = values if isinstance(values, dict) else {}
    found = known.get("format")
    if isinstance(found, int) and found != FORMAT:
        raise InputError(
            f"The checkpoint {name} has format {found} and this MetaSeg reads format {FORMAT}: "
            f"{_mend(found, FORMAT)}."
        )
    seen = known.get("preprocessing")
    found = seen.get("version") if isinstance(seen, dict) else None
    if isinstance(found, int) and found != VERSION:
        raise InputError(
            f"The checkpoint {name} was trained under version {found} of the preprocessing and "
            f"this MetaSeg has version {VERSION}: {_mend(found, VERSION)}."
        )


def _mend(found: int, wanted: int) -> str:
    return "update MetaSeg" if found > wanted else "fetch it again, or train it again"


def list_faults(error: ValidationError) -> list[str]:
    """Every fault that pydantic found, each in a few words."""
    faults = []
    for fault in error.errors():
        place = ".".join(map(str, fault["loc"]))
        if fault["type"] == "missing":
            faults.append(f"{place} is missing")
        elif fault["type"] == "unexpected_keyword_argument":
            faults.append(f"{place} is unknown")
        elif fault["type"] == "value_error":
            faults.append(str(fault["ctx"]["error"]))  # pyright: ignore[reportTypedDictNotRequiredAccess]
        elif fault["type"] == "json_invalid":
            faults.append("it is not JSON")
        else:
            value = json.dumps(fault["input"])
            faults.append(f"{place} cannot be {value if len(value) < 30 else 'what it is'}")
    return faults


def read_metrics(folder: Path, name: str | None = None) -> dict[str, dict[str, Any]]:
    """What was measured of the checkpoint in ``folder``, by data set; empty where nothing was.

    Raises InputError if the file is damaged.
    """
    folder = Path(folder)
    try:
        text = (folder / METRICS).read_bytes()
    except FileNotFoundError:
        return {}
    try:
        return TypeAdapter(dict[str, dict[str, Any]]).validate_json(text, strict=True)
    except ValidationError as error:
        faults = "; ".join(list_faults(error))
        raise InputError(
            f"The {METRICS} of the checkpoint {name or folder.name} is damaged ({faults}): "
            "fetch it again, or evaluate the checkpoint again."
        ) from error
