"""Prepared slices as datasets for a DataLoader."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from metaseg.data.prepared import PreparedSlices
from metaseg.preprocess import Preprocessing, network_input
from metaseg.synthesis.shapes import Donor, collect_donors
from metaseg.training.augmentation import augment, build_augmentation
from metaseg.training.robustness import Variation, vary
from metaseg.training.sampling import Sampling, draw_epoch

UNCHANGED = Variation(**{field.name: 0.0 for field in fields(Variation)})
"""No alterations besides the augmentation of all slices."""

DONORS = 80
"""Most donors from one data folder."""


class SliceDataset(Dataset):
    """Items are (slice (C, S, S) float32, mask (1, S, S) float32), in the order of ``indices``."""

    def __init__(self, slices: PreparedSlices, settings: Preprocessing, indices: np.ndarray):
        self.slices, self.settings, self.indices = slices, settings, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor]:
        index = int(self.indices[position])
        grey, mask = np.array(self.slices.greys[index]), np.array(self.slices.masks[index])
        grey, mask = self.change(position, grey, mask)
        image = torch.from_numpy(network_input(grey, self.settings))
        return image, torch.from_numpy(mask.astype(np.float32))[None]

    def change(
        self, position: int, grey: np.ndarray, mask: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Validation uses unaltered slices."""
        return grey, mask


class AugmentedDataset(SliceDataset):
    """One epoch of training slices with and without a lesion, altered and augmented.

    Order and augmentation depend on seed and epoch alone, so a resumed run continues exactly.
    """

    def __init__(
        self,
        slices: PreparedSlices,
        settings: Preprocessing,
        seed: int,
        epoch: int,
        sampling: Sampling,
        variation: Variation = UNCHANGED,
        donors: Sequence[Donor] = (),
        strength: float = 1.0,
    ):
        random = np.random.default_rng((seed, epoch))
        super().__init__(slices, settings, draw_epoch(slices, sampling, random))
        self.seed, self.epoch = seed, epoch
        self.variation, self.donors = variation, donors
        self.pipeline = build_augmentation(strength)

    def change(
        self, position: int, grey: np.ndarray, mask: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """``grey`` and ``mask``, both (S, S), altered and augmented for this epoch."""
        index = int(self.indices[position])
        # By position, not index: a slice that comes twice in an epoch is altered differently each
        # time.
        random = np.random.default_rng((self.seed, self.epoch, position))
        grey, mask = vary(
            grey,
            mask,
            np.array(self.slices.brains[index]),
            str(self.slices.modalities[index]),
            float(self.slices.pixel_mm[index]),
            random,
            self.variation,
            self.settings,
            self.donors,
        )
        return augment(self.pipeline, grey, mask, (self.seed, self.epoch, position))


def find_donors(slices: PreparedSlices) -> list[Donor]:
    """Clearly enhancing tumours of every data folder of contrast-enhanced T1, to be copied."""
    enhancing = (slices.modalities == "t1ce") & slices.has_lesion
    donors = []
    for source in np.unique(slices.sources[enhancing]):
        own = np.flatnonzero(enhancing & (slices.sources == source))
        # Shuffled, or the first patients would supply all donors.
        own = np.random.default_rng(0).permutation(own)
        donors += collect_donors(
            (slices.greys[index] for index in own), (slices.masks[index] for index in own), DONORS
        )
    return donors
