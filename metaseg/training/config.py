"""The whole configuration of a training, in one place."""

from dataclasses import dataclass

from metaseg.preprocess import VERSION, Preprocessing
from metaseg.training.robustness import Variation
from metaseg.training.sampling import Sampling


@dataclass(frozen=True)
class TrainingConfig(Variation, Sampling):
    """Every field is an option of ``train.py`` and a line of a recipe, and is saved beside the
    weights. Those of ``Variation`` and ``Sampling`` belong to it as well.
    """

    encoder: str = "tu-regnety_004"
    """Encoder by its SMP name (RegNetY-400MF, Radosavovic et al. 2020)."""
    encoder_weights: str = ""
    """imagenet: the encoder begins with these weights; empty: from scratch."""
    decoder_channels: tuple[int, ...] = (16, 32, 64, 128)
    """Width of the decoder at strides 2, 4, 8 and 16."""
    size: int = 160
    """Height and width of what the network sees, in pixels."""
    channels: tuple[str, ...] = ("window", "clahe")
    """What the network sees of a slice, of window, clahe, gamma and local."""
    volume_window: bool = False
    """One percentile window for a whole volume and not one for each slice."""
    epochs: int = 12
    """How often ``epoch_slices`` are drawn, and the share of empty ones."""
    patience: int = 0
    """Epochs without a better validation Dice after which training stops early; 0: never."""
    keep_last: bool = False
    """Keep the last epoch's weights and not those of the best validation Dice: for what does not
    show on unchanged validation slices."""
    batch_size: int = 16
    """Slices in one step, over all processes."""
    augmentation: float = 1.0
    """Strength of flips, zoom, rotation, contrast and noise; 1 is strong, 0 none but mirroring."""
    loss: str = "bce+dice"
    """Losses joined by +, of bce, dice, jaccard, tversky and focal."""
    learning_rate: float = 2e-3
    """Peak of the one-cycle schedule (Smith and Topin 2018) of AdamW: warm-up, then a cosine."""
    warm_up: float = 0.15
    """Share of the steps until that peak."""
    encoder_rate: float = 1.0
    """The encoder's learning rate as a share of the others': below 1 for a pretrained one."""
    weight_decay: float = 1e-2
    """Of AdamW (Loshchilov and Hutter 2019), on the kernels of convolutions."""
    drop_path: float = 0.0
    """Probability of leaving out the encoder's last residual branch in a step, growing evenly up to
    there (Huang et al. 2016); timm's encoders alone have a place for it."""
    ema_decay: float = 0.995
    """Decay per step of the averaged weights, which are the ones validated and kept."""
    freeze_batch_norm: bool = False
    """Keep the statistics of batch normalisation as they are, for training further in small
    batches."""
    precision: str = "auto"
    """bf16, no (float32), or auto: bf16 unless a GPU lacks it."""
    workers: int = 0
    """Processes that prepare slices beside each training process; they change no result."""
    rotations: bool = False
    """Test-time augmentation: average over four 90-degree rotations (4x inference cost). Makes the
    model insensitive to scan orientation. Validation during training does without."""
    validation_share: float = 0.1
    """Share of each data folder's training groups that is set aside to choose the best epoch."""
    validation_by: str = "group"
    """Whether whole groups or single cases are set aside, group or slice; slice only to show how
    much it flatters when slices of one patient lie on both sides."""
    seed: int = 0
    """Seeds the weights, the order of the slices and their augmentation."""

    @property
    def preprocessing(self) -> Preprocessing:
        """What the checkpoint records; the one place where these values are chosen. ValueError
        (pydantic's) where they are out of range."""
        return Preprocessing(
            version=VERSION,
            size=self.size,
            channels=self.channels,
            window="volume" if self.volume_window else "slice",
            low_percentile=0.5,
            # Of the air around a brain as well: 99.5 would cut off the brightest fifth of its
            # enhancing tumours, as the training volumes show.
            high_percentile=99.9,
            clahe_at="grid",
            clahe_clip_limit=2.0,
            clahe_tile_grid=6,
            minimum_deviation=8.0,
            minimum_range=12.0,
            minimum_structure=0.35,
            noise_limit=3.0,
        )
