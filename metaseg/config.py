"""What a checkpoint's ``config.json`` says."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, ConfigDict, Field
from typing_extensions import TypedDict  # that of Python 3.11 is not enough for pydantic

from metaseg.files import short_digest, to_json
from metaseg.input_check import InputCheck
from metaseg.models import TITLES
from metaseg.prediction import VolumeSettings
from metaseg.preprocess import Preprocessing

if TYPE_CHECKING:
    from metaseg.models import Network

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


def _known_architecture(name: str) -> str:
    if name not in TITLES:
        raise ValueError(f"architecture {name} is unknown")
    return name


Probability = Annotated[float, Field(ge=0, le=1)]
Width = Annotated[int, Field(ge=1, le=1024)]


class Record(TypedDict, total=False):
    """A training's record, as far as cards, reports and calibration read it."""

    __pydantic_config__ = ConfigDict(extra="allow")  # pyright: ignore[reportGeneralTypeIssues]

    config: dict[str, Any]
    data: list[dict[str, Any]]
    provenance: dict[str, Any]
    best: dict[str, Any]
    seconds: float
    notes: list[str]
    started_from: "Record"


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class Config:
    """Contents of ``config.json``. No field has a default, so that nothing falls back silently.

    ValueError (pydantic's) for a value of a wrong type or out of range.
    """

    architecture: Annotated[str, AfterValidator(_known_architecture)]
    encoder: str
    decoder_channels: tuple[Width, Width, Width, Width]
    preprocessing: Preprocessing
    threshold: Probability
    """Default threshold: lowest probability that counts as lesion."""
    sensitive_threshold: Probability | None
    """Threshold that finds the most lesions at up to 0.5 false positives per slice on average;
    None if not determined."""
    temperature: Annotated[float, Field(ge=0.01, le=100)]
    """Divides the logits to calibrate the probabilities (Guo et al. 2017)."""
    mirrored: bool
    """Test-time augmentation: average over a slice and its mirror image."""
    input_check: InputCheck | None
    """What says that a slice is unlike those of the training; None if none was fitted."""
    volume: VolumeSettings | None
    """How volumes are judged; None: slice by slice."""
    training: Record
    """Configuration, data, provenance and outcome of the training."""
    license: str
    """SPDX-like name of the weights' licence, which follows from the data."""
    format: Literal[4]

    @property
    def conditions(self) -> dict[str, Any]:
        """Everything besides the weights that determines a mask, as recorded in metrics. ``view``
        holds preprocessing, test-time augmentation and the settings for volumes."""
        view = {
            "preprocessing": to_json(asdict(self.preprocessing)),
            "mirrored": self.mirrored,
            "volume": self.volume and to_json(asdict(self.volume)),
        }
        return {
            "threshold": self.threshold,
            "sensitive_threshold": self.sensitive_threshold,
            "temperature": self.temperature,
            "view": view,
        }

    @property
    def digest(self) -> str:
        """Changes with anything besides the weights that determines a result."""
        parts = {k: v for k, v in asdict(self).items() if k not in ("training", "license")}
        return short_digest(parts)

    @property
    def title(self) -> str:
        """Displayed name, for example ``Attention U-Net``."""
        return TITLES[self.architecture]

    def build(self) -> "Network":
        """The network without its weights; raises InputError if there is none of this
        description."""
        from metaseg.models import build_network  # late, because it imports torch

        channels = len(self.preprocessing.channels)
        return build_network(self.architecture, self.encoder, self.decoder_channels, channels)
