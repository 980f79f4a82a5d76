"""Validation on the network's grid, shared among all processes."""

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn
from torch.utils.data import DataLoader

from metaseg.data.prepared import PreparedSlices
from metaseg.metrics import Counts
from metaseg.preprocess import Preprocessing
from metaseg.training.dataset import SliceDataset

BATCH = 8


@torch.no_grad()
def validate(
    network: nn.Module, slices: PreparedSlices, settings: Preprocessing, accelerator: Accelerator
) -> dict[str, float]:
    """Mean Dice over slices with a lesion (each data folder weighs the same), and the
    false-positive rate of empty slices, at threshold 0.5.

    The processes share the batches, and all get the same metrics. A prepared DataLoader would
    repeat slices to make the shares equal; here each slice counts once.
    """
    network.eval()
    count = len(slices.greys)
    batches = [list(range(first, min(first + BATCH, count))) for first in range(0, count, BATCH)]
    own = batches[accelerator.process_index :: accelerator.num_processes]
    everything = SliceDataset(slices, settings, np.arange(count))
    scores = []
    for positions, (images, masks) in zip(own, DataLoader(everything, batch_sampler=own)):
        images = images.to(accelerator.device, memory_format=torch.channels_last)
        with accelerator.autocast():
            found = (network(images)[:, -1:] > 0).cpu()
        scores += [
            (position, _score(prediction.numpy(), (mask > 0).numpy()))
            for position, prediction, mask in zip(positions, found, masks)
        ]
    scores = np.array([score for _, score in sorted(gather_object(scores))])
    lesion = slices.has_lesion
    means = {
        f"dice_{source}": float(scores[lesion & (slices.sources == source)].mean())
        for source in dict.fromkeys(slices.sources[lesion].tolist())
    }
    rate = float(scores[~lesion].mean()) if not lesion.all() else float("nan")
    return {
        "dice": sum(means.values()) / len(means),
        **means,
        "empty_false_positive_rate": rate,
    }


def _score(prediction: np.ndarray, mask: np.ndarray) -> float:
    """Dice of two masks (1, S, S) bool; for an empty ``mask``, 1 if anything was predicted."""
    return Counts.of(prediction, mask).dice if mask.any() else float(prediction.any())
