"""The three architectures, by the names that checkpoints and people use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metaseg.models.attention_unet import AttentionUNet
    from metaseg.models.blocks import Network
    from metaseg.models.build import ARCHITECTURES, build_network

# Names shown to people, in the order shown; the keys are the names in checkpoints.
TITLES = {
    "attention_unet": "Attention U-Net",
    "nested_unet": "Nested U-Net",
    "unet": "U-Net (baseline)",
}

__all__ = ["ARCHITECTURES", "TITLES", "AttentionUNet", "Network", "build_network"]


def __getattr__(name: str) -> Any:
    """Import torch only when it is needed: a server starts without it."""
    if name not in __all__:
        raise AttributeError(f"module 'metaseg.models' has no attribute '{name}'")
    return getattr(import_module("metaseg.models.build"), name)
