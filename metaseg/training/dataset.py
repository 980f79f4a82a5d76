"""Prepared slices as what a DataLoader feeds to the network."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from metaseg.data.lesion_shapes import Donor
from metaseg.data.prepared import PreparedSlices
from metaseg.preprocess import Preprocessing, network_input
from metaseg.training.augmentation import augment, build_augmentation
from metaseg.training.robustness import Variation, vary

UNCHANGED = Variation(**{field.name: 0.0 for field in fields(Variation)})
"""Nothing but the augmentation that all slices get."""


class SliceDataset(Dataset):
    """Items are (network input (C, S, S) float32, mask (1, S, S) float32), in the order of
    ``indices``."""

    def __init__(self, slices: PreparedSlices, settings: Preprocessing, indices: np.ndarray):
        self.slices, self.settings, self.indices = slices, settings, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor]:
        index = int(self.indices[position])
        levels, mask = self.change(position, self.slices.levels[index], self.slices.masks[index])
        image = torch.from_numpy(network_input(levels, self.settings))
        return image, torch.from_numpy(mask.astype(np.float32))[None]

    def change(
        self, position: int, levels: np.ndarray, mask: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Validation sees the slices as they are."""
        return levels, mask


class AugmentedDataset(SliceDataset):
    """One epoch of training slices: those with a lesion, some empty ones, shuffled, varied and
    augmented.

    Order and augmentation depend on seed and epoch alone, so a resumed run goes on exactly.
    ``size_balance`` is that of ``TrainingConfig``; 0 takes every slice with a lesion once.
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
        size_balance: float = 0.0,
        strength: float = 1.0,
    ):
        random = np.random.default_rng((seed, epoch))
        lesion = draw_lesions(slices.masks, size_balance, random)
        empty = np.flatnonzero(~slices.has_lesion)
        wanted = min(len(empty), round(empty_share * len(lesion)))
        indices = np.concatenate([lesion, random.choice(empty, wanted, replace=False)])
        super().__init__(slices, settings, random.permutation(indices))
        self.seed, self.epoch = seed, epoch
        self.variation, self.donors = variation, donors
        self.pipeline = build_augmentation(strength)

    def change(
        self, position: int, levels: np.ndarray, mask: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        index = int(self.indices[position])
        grey, brain = self.slices.greys[index], self.slices.brains[index]
        modality = str(self.slices.modalities[index])
        # The position and not the index: a slice that comes twice in an epoch differs from itself.
        random = np.random.default_rng((self.seed, self.epoch, position))
        levels, mask = vary(
            levels, grey, mask, brain, modality, random, self.variation, self.settings, self.donors
        )
        return augment(self.pipeline, levels, mask, (self.seed, self.epoch, position))


def draw_lesions(masks: np.ndarray, balance: float, random: np.random.Generator) -> np.ndarray:
    """Indices of as many slices as there are with a lesion among ``masks`` (N, H, W) bool.

    A slice's share is the inverse of how many slices have a lesion area within the same doubling,
    to the power of ``balance``. Systematic sampling (Madow 1949) takes each as often as its share
    says, rounded up or down.
    """
    areas = masks.sum(axis=(1, 2))
    lesion = np.flatnonzero(areas)
    if not len(lesion):
        return lesion
    _, doubling, counts = np.unique(
        np.log2(areas[lesion]).astype(int), return_inverse=True, return_counts=True
    )
    weights = (1.0 / counts[doubling]) ** balance
    ends = np.cumsum(weights) / weights.sum() * len(lesion)
    ticks = np.arange(len(lesion)) + random.uniform(0.01, 0.99)
    return lesion[np.searchsorted(ends, ticks).clip(max=len(lesion) - 1)]
