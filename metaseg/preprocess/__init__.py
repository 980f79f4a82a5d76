"""Turn a slice into the network's input and map results back. Training and serving share it."""

from metaseg.preprocess.brain import brain_mask, brain_masks
from metaseg.preprocess.channels import CHANNELS, network_input, to_channels
from metaseg.preprocess.geometry import Box, Geometry
from metaseg.preprocess.grid import prepare
from metaseg.preprocess.intensity import grey_slices, standardise, to_grey_levels
from metaseg.preprocess.panels import has_panels
from metaseg.preprocess.screenshot import find_picture
from metaseg.preprocess.settings import VERSION, Preprocessing
from metaseg.preprocess.tissue import find_tissue

__all__ = [
    "CHANNELS",
    "VERSION",
    "Box",
    "Geometry",
    "Preprocessing",
    "brain_mask",
    "brain_masks",
    "find_picture",
    "find_tissue",
    "grey_slices",
    "has_panels",
    "network_input",
    "prepare",
    "standardise",
    "to_channels",
    "to_grey_levels",
]
