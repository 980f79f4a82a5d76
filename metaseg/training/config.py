"""The whole configuration of a training, in one place."""

from dataclasses import dataclass

from metaseg.preprocess import VERSION, Preprocessing
from metaseg.training.robustness import Variation
from metaseg.training.sampling import Sampling


@dataclass(frozen=True)
class TrainingConfig(Variation, Sampling):
    """Every field is an option of ``train.py`` and a line of a recipe, and is saved with the
    weights. The fields of ``Variation`` and ``Sampling`` are included.
    """

    encoder: str = "tu-regnety_004"
    """Encoder by its SMP name (RegNetY-400MF, Radosavovic et al. 2020)."""
    encoder_weights: str = ""
    """imagenet: start the encoder from these weights; empty: from scratch."""
    decoder_channels: tuple[int, ...] = (16, 32, 64, 128)
    """Width of the decoder at strides 2, 4, 8 and 16."""
    size: int = 160
    """Height and width of the network's input, in pixels."""
    channels: tuple[str, ...] = ("window", "clahe")
    """Input channels, any of window, clahe, gamma and local."""
    volume_window: bool = False
    """Use one percentile window per volume instead of one per slice."""
    epochs: int = 12
    """Number of epochs. Each draws ``epoch_slices`` slices with a lesion, and empty ones."""
    cool_down: float = 0.2
    """Share of the epochs, the last ones, in which the learning rate falls to zero. It is constant
    before them, so ``--resume`` with more epochs continues from where they began."""
    early_size: int = 0
    """Height and width of the slices before the cool-down, in pixels: smaller ones cost less
    processor time (progressive resizing; Tan and Le 2021). Validation uses ``size``; 0: the same
    size throughout."""
    keep_last: bool = False
    """Keep the last epoch's weights instead of those with the best validation Dice, for gains that
    unaltered validation slices do not show."""
    batch_size: int = 16
    """Slices per step, over all processes. Dice losses and batch normalisation are of the part of
    one process."""
    augmentation: float = 1.0
    """Strength of flips, stretching, rotation, contrast and noise: 1 is strong, 0 leaves only
    mirroring."""
    loss: str = "bce+dice"
    """Losses joined by +: any of bce, dice, jaccard, tversky and focal."""
    learning_rate: float = 2e-3
    """Learning rate of AdamW between warm-up and cool-down (Hägele et al. 2024,
    arXiv:2405.18392)."""
    warm_up: float = 1.0
    """Epochs in which the learning rate rises to that."""
    encoder_rate: float = 1.0
    """Encoder learning rate relative to the rest: below 1 for a pretrained encoder."""
    weight_decay: float = 1e-2
    """AdamW weight decay (Loshchilov and Hutter 2019), on convolution kernels only."""
    drop_path: float = 0.0
    """Stochastic depth (Huang et al. 2016): probability of skipping the encoder's last residual
    branch, rising linearly up to it. Works with timm encoders only."""
    ema_decay: float = 0.995
    """Decay per step of the averaged weights. The averaged weights are validated and kept."""
    freeze_batch_norm: bool = False
    """Freeze the batch normalisation statistics, for fine-tuning in small batches."""
    precision: str = "auto"
    """bf16, no (float32), or auto: bf16 where the GPU or the processor computes in it."""
    workers: int = 0
    """Processes that load slices for each training process; they do not change the result."""
    mirrored: bool = False
    """Test-time augmentation: average over a slice and its mirror image, at twice the inference
    cost. Validation during training does not use it."""
    validation_share: float = 0.1
    """Share of each data folder's training patients that is held out to choose the best epoch."""
    validation_by: str = "group"
    """Hold out whole patients (group) or single slices (slice). Slices of one patient are then on
    both sides, which makes the validation Dice too high: use it only to measure that effect."""
    seed: int = 0
    """Seed of the weights, the order of the slices and their augmentation."""

    @property
    def trunk(self) -> int:
        """Number of epochs before the cool-down."""
        return self.epochs - round(self.cool_down * self.epochs)

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing that the checkpoint records; its values are chosen only here.

        Raises ValueError (pydantic's) if one is out of range.
        """
        return Preprocessing(
            version=VERSION,
            size=self.size,
            channels=self.channels,
            window="volume" if self.volume_window else "slice",
            low_percentile=0.5,
            # Air counts too: around a skull-stripped brain, 99.5 would clip the brightest fifth of
            # enhancing tumours, as measured on the training volumes.
            high_percentile=99.9,
            clahe_clip_limit=2.0,
            clahe_tile_grid=6,
            minimum_deviation=8.0,
            minimum_range=12.0,
            minimum_structure=0.35,
            noise_limit=3.0,
        )
