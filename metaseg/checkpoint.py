"""A checkpoint is a folder: ``config.json``, ``model.safetensors``, ``README.md``.

It carries all that inference needs. Training writes it, the Hub stores it, the demo loads it.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from metaseg.errors import InputError
from metaseg.files import write_json, write_whole
from metaseg.models import ARCHITECTURES, TITLES, Network, build_network
from metaseg.preprocess import Preprocessing

FORMAT = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
METRICS = "metrics.json"
"""What the evaluation measured: one object per data set."""


@dataclass(frozen=True)
class Config:
    """What ``config.json`` holds."""

    architecture: str
    encoder: str
    decoder_channels: tuple[int, ...]
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    threshold: float = 0.5
    """Probability from which a pixel counts as lesion, unless a caller says otherwise."""
    temperature: float = 1.0
    """Divides the logits, so that probabilities mean what they say (Guo et al. 2017)."""
    mirror: bool = False
    """Whether a slice is also seen mirrored, left for right, and both answers averaged."""
    turned: bool = False
    """Whether a slice is also seen turned by 90, 180 and 270 degrees, and all answers averaged."""
    enlarge: float = 1.0
    """Other than 1: a slice is also seen enlarged by this factor, and both answers averaged."""
    training: dict[str, Any] = field(default_factory=dict)
    """The training configuration and what came of it, as recorded by the training."""
    license: str = "cc-by-nc-sa-4.0"
    """SPDX-like name of the weights' licence, which follows from the data."""
    format: int = FORMAT

    @property
    def conditions(self) -> dict[str, Any]:
        """What besides the weights makes a mask, as figures name it: ``view`` is how the network
        gets to see a slice."""
        view = {
            "preprocessing": asdict(self.preprocessing),
            "mirror": self.mirror,
            "turned": self.turned,
            "enlarge": self.enlarge,
        }
        return {"threshold": self.threshold, "temperature": self.temperature, "view": view}

    @property
    def title(self) -> str:
        return TITLES[self.architecture]


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint: the network in float32 and evaluation mode, and where it came from."""

    name: str
    config: Config
    network: Network
    revision: str
    """The Hub commit, or the SHA-256 of the weights for a local folder."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """What ``metrics.json`` says of these weights, by data set; empty where it says nothing."""


def save_checkpoint(folder: Path, config: Config, state: dict[str, torch.Tensor]) -> None:
    """Write ``config`` and the weights, as float16, into ``folder``; each file whole or not."""
    folder.mkdir(parents=True, exist_ok=True)
    half = {}
    for name, tensor in state.items():
        tensor = tensor.detach().cpu()
        if tensor.is_floating_point():
            tensor = tensor.half()
            if not torch.isfinite(tensor).all():
                raise ValueError(f"{name} does not fit float16")
        half[name] = tensor.contiguous()
    write_whole(folder / WEIGHTS, save(half, metadata={"format": "pt"}))
    write_config(folder, config)


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
    folder = Path(folder)
    name = name or folder.name
    config = read_config(folder, name)
    try:
        data = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise InputError(f"The checkpoint {name} has no {WEIGHTS}: fetch it again.") from error
    try:
        network = build_network(config.architecture, config.encoder, config.decoder_channels)
    except InputError as error:
        raise InputError(
            f"The {CONFIG} of the checkpoint {name} names a network that MetaSeg cannot build: "
            "fetch it again, or update MetaSeg."
        ) from error
    try:
        network.load_state_dict(load(data), strict=True)
    except Exception as error:  # safetensors and torch each have their own
        raise InputError(
            f"The weights of the checkpoint {name} are damaged or belong to another "
            "architecture: fetch the folder again."
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    metrics = {
        data_set: figures
        for data_set, figures in read_metrics(folder, name).items()
        if is_of(figures, config, digest)
    }
    return Checkpoint(name, config, network.float().eval(), revision or digest, metrics)


def is_of(figures: dict[str, Any], config: Config, digest: str) -> bool:
    """Whether ``figures`` of a data set were measured on the weights whose SHA-256 is ``digest``,
    under the conditions of ``config``."""
    return {"revision": digest, **config.conditions}.items() <= figures.items()


def read_config(folder: Path, name: str | None = None) -> Config:
    """The config of the checkpoint in ``folder``, without its weights; InputError as above."""
    folder = Path(folder)
    name = name or folder.name
    try:
        values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        version = values["format"]
        if version != FORMAT:
            raise InputError(
                f"The checkpoint {name} has format {version}, this MetaSeg reads {FORMAT}: "
                "update MetaSeg."
            )
        architecture = values["architecture"]
        if architecture not in ARCHITECTURES:
            raise InputError(f"The checkpoint {name} has an unknown architecture, {architecture}.")
        values["preprocessing"] = Preprocessing(**values["preprocessing"])
        values["decoder_channels"] = tuple(values["decoder_channels"])
        known = {f.name for f in fields(Config)}
        return Config(**{key: value for key, value in values.items() if key in known})
    except OSError as error:
        raise InputError(f"{name} is no checkpoint: it has no {CONFIG}.") from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"The {CONFIG} of the checkpoint {name} is damaged.") from error


def read_metrics(folder: Path, name: str | None = None) -> dict[str, Any]:
    """What was measured of the checkpoint in ``folder``, by data set; empty where nothing was.

    InputError where the file is damaged.
    """
    folder = Path(folder)
    try:
        return dict(json.loads((folder / METRICS).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError) as error:
        raise InputError(
            f"The {METRICS} of the checkpoint {name or folder.name} is damaged."
        ) from error
