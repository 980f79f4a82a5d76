"""The parameters of preprocessing, stored in every checkpoint's config."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

VERSION = 2
"""Version of the algorithm. Increase it with any change to the network's input under the same
parameters; checkpoints of another version are refused."""

Channel = Literal["window", "clahe", "gamma", "local"]
"""Names of input channels; ``channels.CHANNELS`` computes them."""
Percentile = Annotated[float, Field(ge=0, le=100)]
GreyLevels = Annotated[float, Field(ge=0, le=255)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Preprocessing:
    """Parameters of preprocessing. No field has a default: they must be those of the training.

    A training takes them from its ``TrainingConfig``, everything else from the checkpoint. Raises
    ValueError (pydantic's) if a value is out of range.
    """

    version: Annotated[int, Field(ge=0)]
    """``VERSION`` when the network was trained."""
    size: Annotated[int, Field(ge=32, le=1024)]
    """Height and width of the network's input, in pixels."""
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    """The network's input channels."""
    window: Literal["slice", "volume"]
    """Whether the percentiles are those of each slice or of its whole volume."""
    low_percentile: Percentile
    """Maps to 0 if the source has more than 8 bits."""
    high_percentile: Percentile
    """Maps to 255 if the source has more than 8 bits."""
    clahe_clip_limit: Annotated[float, Field(gt=0, le=100)]
    """Contrast limit of CLAHE (Zuiderveld 1994), as OpenCV defines it."""
    clahe_tile_grid: Annotated[int, Field(ge=1, le=32)]
    """Tiles of CLAHE per side."""
    minimum_deviation: Annotated[float, Field(gt=0, le=255)]
    """Lower limit of the standard deviation in the standardisation, in grey levels."""
    minimum_range: GreyLevels
    """A slice whose smoothed grey levels span less than this has no tissue."""
    minimum_structure: Annotated[float, Field(ge=0, le=1)]
    """A slice that keeps less than this share of its standard deviation when smoothed is noise."""
    noise_limit: GreyLevels
    """Standard deviation of white noise, in grey levels on the network's grid, above which a slice
    is denoised first."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.low_percentile >= self.high_percentile:
            raise ValueError("low_percentile must be below high_percentile")
        if len(set(self.channels)) < len(self.channels):
            raise ValueError("channels names one twice")
        return self
