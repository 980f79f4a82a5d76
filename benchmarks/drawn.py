"""Drawn input for measurements: slices that no server has seen, and volumes of any shape."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import cv2
import nibabel
import numpy as np

ROOT = Path(__file__).parent.parent
SLICE = ROOT / "examples" / "meningioma_axial.jpg"


def new_slices(folder: Path) -> Iterator[Path]:
    """The same example for ever, each time with another first pixel."""
    grey = np.asarray(cv2.imread(str(SLICE), cv2.IMREAD_GRAYSCALE))
    number = 0
    while True:
        grey[0, :2] = divmod(number, 256)
        path = folder / f"slice{number}.png"
        cv2.imwrite(str(path), grey)
        yield path
        number += 1


def smooth_noise(random: np.random.Generator, shape: tuple[int, int]) -> Iterator[np.ndarray]:
    """Neighbouring slices (H, W) of normal noise, smooth in three dimensions. White noise would be
    taken out before the network, which costs as much as the network; no slice that was looked at of
    the volumes in the data folder needs that."""
    blurred = (cv2.GaussianBlur(random.normal(size=shape), (0, 0), 0.8) for _ in count())
    before, here = next(blurred), next(blurred)
    for after in blurred:
        mixed = before / 4 + here / 2 + after / 4
        yield mixed / mixed.std()
        before, here = here, after


def write_volume(path: Path, shape: tuple[int, int, int], thickness: float = 1.0) -> Path:
    """An ellipsoid with bright spots, (slices, rows, columns), as 16-bit NIfTI; its slices are
    ``thickness`` mm apart. Its noise is as smooth as that of a resampled volume."""
    random = np.random.default_rng(0)
    noise = smooth_noise(random, shape[1:])
    grid = np.ogrid[tuple(slice(-1, 1, complex(0, size)) for size in shape)]
    volume = np.zeros(shape, np.int16)
    distance = grid[1] ** 2 / 0.8 + grid[2] ** 2 / 0.6
    for index in range(shape[0]):
        inside = distance[0] + grid[0][index] ** 2 < 0.9
        volume[index] = np.where(inside, 900 + 60 * next(noise), 0)
    for centre in random.uniform(0.35, 0.65, (8, 3)):
        window = tuple(slice(int(c * s), int(c * s) + 8) for c, s in zip(centre, shape))
        volume[window] = 1900
    affine = np.diag([-1.0, -1, thickness, 1])
    nibabel.save(nibabel.Nifti1Image(volume.transpose(2, 1, 0), affine), path)
    return path
