"""Build networks by their names in checkpoints."""

from metaseg.errors import InputError
from metaseg.models.attention_unet import AttentionUNet
from metaseg.models.blocks import Network
from metaseg.models.nested_unet import NestedUNet
from metaseg.models.unet import UNet

ARCHITECTURES: dict[str, type[Network]] = {
    "attention_unet": AttentionUNet,
    "nested_unet": NestedUNet,
    "unet": UNet,
}


def build_network(
    architecture: str, encoder: str, decoder_channels: tuple[int, ...], in_channels: int = 1
) -> Network:
    """An untrained network of one of ``ARCHITECTURES``.

    Raises KeyError if the architecture is unknown, and InputError if the encoder is unknown or the
    widths do not fit it.
    """
    try:
        return ARCHITECTURES[architecture](encoder, tuple(decoder_channels), in_channels)
    except Exception as error:  # SMP and timm raise different types for a name or a width
        if architecture not in ARCHITECTURES:
            raise
        widths = ", ".join(map(str, decoder_channels))
        raise InputError(
            f'No network can be built from the encoder "{encoder}" and the widths {widths}: use '
            "an encoder by its SMP name and four widths."
        ) from error
