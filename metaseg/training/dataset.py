"""Prepared slices as what a DataLoader feeds to the network."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from metaseg.data.lesion_shapes import Donor
from metaseg.data.prepared import PreparedSlices
from metaseg.preprocess import Preprocessing, standardise
from metaseg.training.augmentation import augment, build_augmentation
from metaseg.training.robustness import Variation, vary

UNCHANGED = Variation(**{field.name: 0.0 for field in fields(Variation)})
"""Nothing but the augmentation that all slices get."""


class SliceDataset(Dataset):
    """Items are (slice (1, S, S) float32, mask (1, S, S) float32), in the order of ``indices``."""

    def __init__(self, slices: PreparedSlices, settings: Preprocessing, indices: np.ndarray):
        self.slices, self.settings, self.indices = slices, settings, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor]:
        index = int(self.indices[position])
        levels, mask = self.change(index, self.slices.levels[index], self.slices.masks[index])
        image = torch.from_numpy(standardise(levels, self.settings))[None]
        return image, torch.from_numpy(mask.astype(np.float32))[None]

    def change(
        self, index: int, levels: np.ndarray, mask: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Validation sees the slices as they are."""
        return levels, mask


class AugmentedDataset(SliceDataset):
    """One epoch of training slices: all with a lesion, some empty ones, shuffled, varied and
    augmented.

    Order and augmentation depend on seed and epoch alone, so a resumed run goes on exactly.
    """

    def __init__(
        self,
        slices: PreparedSlices,
        settings: Preprocessing,
        empty_share: float,
        seed: int,
        epoch: int,
        variation: Variation = UNCHANGED,
        donors: Sequence[Donor] = (),
        strength: float = 1.0,
    ):
        random = np.random.default_rng((seed, epoch))
        lesion = np.flatnonzero(slices.has_lesion)
        empty = np.flatnonzero(~slices.has_lesion)
        wanted = min(len(empty), round(empty_share * len(lesion)))
        indices = np.concatenate([lesion, random.choice(empty, wanted, replace=False)])
        super().__init__(slices, settings, random.permutation(indices))
        self.seed, self.epoch = seed, epoch
        self.variation, self.donors = variation, donors
        self.pipeline = build_augmentation(strength)

    def change(
        self, index: int, levels: np.ndarray, mask: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        brain, source = self.slices.brains[index], str(self.slices.sources[index])
        random = np.random.default_rng((self.seed, self.epoch, index))
        levels, mask = vary(levels, mask, brain, source, random, self.variation, self.donors)
        return augment(self.pipeline, levels, mask, (self.seed, self.epoch, index))
