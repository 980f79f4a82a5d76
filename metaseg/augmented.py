"""Test-time augmentation: the mean over rotations of a slice, and its calibration."""

import torch

from metaseg.checkpoint import Config


def rotations_of(config: Config) -> range:
    """Counter-clockwise rotations, in steps of 90 degrees, that ``config`` averages over."""
    return range(4 if config.rotations else 1)


def rotated(images: torch.Tensor, rotations: range) -> torch.Tensor:
    """``images`` (N, C, S, S) as (R * N, C, S, S), grouped by rotation."""
    return torch.cat([images.rot90(k, (2, 3)) for k in rotations])


def rotated_back(answers: torch.Tensor, rotations: range) -> torch.Tensor:
    """Undo ``rotated`` on outputs ``answers`` (R * N, K, S, S). Returns (R, N, K, S, S)."""
    parts = answers.chunk(len(rotations))
    return torch.stack([part.rot90(-k, (2, 3)) for part, k in zip(parts, rotations)])


def calibrate(probability: torch.Tensor, temperature: float) -> torch.Tensor:
    """``probability`` scaled by ``temperature``, fitted on the mean over all rotations."""
    if temperature == 1:
        return probability
    return torch.sigmoid(torch.logit(probability, eps=1e-6) / temperature)
