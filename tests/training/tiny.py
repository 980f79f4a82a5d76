"""The smallest training that still is one."""

from metaseg.training.config import TrainingConfig
from tests.conftest import SMALL_ENCODER, SMALL_WIDTHS

TINY = TrainingConfig(
    encoder=SMALL_ENCODER,
    decoder_channels=SMALL_WIDTHS,
    size=64,
    epochs=3,
    batch_size=4,
    ema_decay=0.5,
    validation_share=0.2,
)
