"""What reaches a network, pinned to the grey level, and the same in training as in serving.

``python -m tests.test_network_input`` writes the pinned arrays anew; a change of them needs a new
``VERSION`` of the preprocessing and new weights.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import nibabel
import numpy as np
import pytest

from metaseg.data.case import Case
from metaseg.data.prepared import FOR_VALIDATION, prepare_cases
from metaseg.hub.resolve import load_models
from metaseg.preprocess import (
    CHANNELS,
    Preprocessing,
    grey_slices,
    network_input,
    prepare,
    standardise,
    to_channels,
)
from metaseg.scan import Scan, read_scan, take_slice
from metaseg.segmenter import Segmenter
from metaseg.training.dataset import SliceDataset
from tests.conftest import DRAWN, EXAMPLES, preprocessing, small_checkpoint
from tests.dicom_files import save_series, series_of
from tests.phantom import head_slice
from tests.volumes import affine_of

PINNED = Path(__file__).parent / "golden" / "network_input.npz"
SEVERAL = preprocessing(96, channels=("window", "clahe", "gamma", "local"), window="volume")


def volume() -> np.ndarray:
    """A drawn head (column, row, slice) int16 of twelve slices that differ in brightness."""
    slices = []
    for k in range(12):
        head = cv2.resize(head_slice(160, seed=k), (150, 180)).astype(np.int16)
        slices.append((head * (5 + k)).T)
    return np.stack(slices, axis=2)


def scans(folder: Path) -> dict[str, Scan]:
    """One slice of every kind."""
    grey = read_scan(EXAMPLES / "glioma_coronal.jpg").voxels[0].astype(np.uint8)
    page = np.pad(grey, ((70, 20), (30, 160)), constant_values=235)
    noise = np.random.default_rng(0).normal(0, 18, (2, *grey.shape))
    noisy = np.clip(np.hypot(grey + noise[0], noise[1]), 0, 255)
    affine = affine_of(("L", "P", "S"), (0.9, 1.0, 3.0))
    series = save_series(folder / "series", series_of(volume().astype(np.uint16), affine))
    nibabel.save(nibabel.Nifti1Image(volume(), affine), folder / "volume.nii.gz")
    return {
        "picture": read_scan(EXAMPLES / "meningioma_axial.jpg"),
        "dicom": take_slice(read_scan(series), 5)[0],
        "nifti": take_slice(read_scan(folder / "volume.nii.gz"), 6)[0],
        "screenshot": Scan(page[None].astype(np.float32), "page", eight_bit=True),
        "noisy": Scan(noisy[None].astype(np.float32), "noisy", eight_bit=True),
        "skull_stripped": read_scan(EXAMPLES / "metastasis_first.jpg"),
    }


def settings() -> dict[str, Preprocessing]:
    """Those of the shipped networks, and some that no shipped network has."""
    shipped = {one.config.architecture: one.config.preprocessing for one in load_models()}
    return {**shipped, "several": SEVERAL}


def seen(scan: Scan, one: Preprocessing) -> np.ndarray:
    """(C, S, S) uint8."""
    return to_channels(prepare(next(grey_slices(scan, one)), one, scan.aspect)[0], one)


def test_what_the_network_sees_is_pinned(tmp_path):
    kinds = scans(tmp_path)
    with np.load(PINNED) as pinned:
        assert set(pinned) == {f"{name}_{kind}" for name in settings() for kind in kinds}
        for name, one in settings().items():
            for kind, scan in kinds.items():
                expected = pinned[f"{name}_{kind}"].astype(int)
                found = seen(scan, one)
                assert found.dtype == np.uint8 and found.shape == expected.shape
                apart = np.abs(found - expected)
                # Other processors may round a value halfway between two levels the other way.
                assert apart.max() <= 1 and np.mean(apart > 0) < 1e-3, f"{name} {kind}"


UNUSUAL = preprocessing(
    80, channels=("local", "window", "clahe"), window="volume", low_percentile=2.0,
    high_percentile=98.0, clahe_clip_limit=3.0, clahe_tile_grid=4,
    minimum_deviation=30.0, noise_limit=1.0,
)  # fmt: skip


def test_training_and_serving_make_the_same_input(tmp_path):
    """Of a volume and of a picture, under settings of which none is a usual one."""
    affine = affine_of(("L", "P", "S"), (0.9, 1.0, 3.0))
    cases = []
    for name, array in (("volume", volume()), ("mask", (volume() > 1500).astype(np.uint8))):
        nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / f"{name}.nii.gz")
    paths = [(tmp_path / "volume.nii.gz", tmp_path / "mask.nii.gz")]
    paths.append((EXAMPLES / "glioma_coronal.jpg", EXAMPLES / "glioma_coronal_truth.png"))
    for image, mask in paths:
        cases.append(Case(image.stem, "a", image, mask, "train", "drawn", DRAWN))
    slices = prepare_cases(cases, UNUSUAL, tmp_path / "cache", FOR_VALIDATION)
    dataset = SliceDataset(slices, UNUSUAL, np.arange(len(slices.masks)))
    trained = np.stack([dataset[position][0].numpy() for position in range(len(dataset))])

    checkpoint = small_checkpoint("unet", preprocessing=UNUSUAL)
    served: list[np.ndarray] = []
    # The encoder's input is padded to a multiple of 32.
    checkpoint.network.encoder.register_forward_pre_hook(
        lambda _, args: served.append(args[0].numpy()[..., : UNUSUAL.size, : UNUSUAL.size])
    )
    segmenter = Segmenter([checkpoint], "cpu")
    for image, _ in paths:
        segmenter.predict(read_scan(image), "unet")
    assert trained.shape == (13, 3, 80, 80)
    assert np.array_equal(np.concatenate(served), trained)


def test_one_window_for_the_volume_keeps_its_slices_apart(tmp_path):
    """A slice looked at alone is seen as in its volume, and a dark slice stays dark."""
    affine = affine_of(("L", "P", "S"), (0.9, 1.0, 3.0))
    nibabel.save(nibabel.Nifti1Image(volume(), affine), tmp_path / "volume.nii.gz")
    whole = read_scan(tmp_path / "volume.nii.gz")
    of_volume, of_slice = (preprocessing(window=window) for window in ("volume", "slice"))
    means = {}
    for one in (of_volume, of_slice):
        together = list(grey_slices(whole, one))
        for index in (0, 11):
            alone = next(grey_slices(take_slice(whole, index)[0], one))
            assert np.array_equal(alone, together[index])
        means[one.window] = [grey.mean() for grey in together]
    ratio = {window: max(found) / min(found) for window, found in means.items()}
    assert ratio["volume"] > 2 > 1.2 > ratio["slice"]


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_is_what_its_name_says(name):
    grey = cv2.resize(head_slice(160), (96, 96))
    channel = to_channels(grey, preprocessing(channels=(name,)))[0]
    assert channel.dtype == np.uint8 and channel.shape == grey.shape
    air, values = grey < 8, channel.astype(float)
    if name == "window":
        assert np.array_equal(channel, grey)
    elif name == "clahe":
        expected = cv2.createCLAHE(2.0, (6, 6)).apply(grey)
        assert np.array_equal(channel, expected) and not np.array_equal(channel, grey)
    elif name == "gamma":
        table = to_channels(np.arange(256, dtype=np.uint8)[None], preprocessing(channels=(name,)))
        steps = np.diff(table[0, 0].astype(int))
        assert (steps >= 0).all() and steps[200:].mean() > 2 > 0.2 > steps[:50].mean()
    else:
        # Air is black, what is as bright as its surroundings grey; brightness itself is gone.
        assert not channel[air].any() and abs(np.median(values[~air]) - 128) < 20
        spot = grey.copy()
        cv2.circle(spot, (40, 48), 3, 200, cv2.FILLED)
        lesion = to_channels(spot, preprocessing(channels=(name,)))[0]
        assert lesion[48, 40] > 200 > channel[48, 40]


def test_the_input_is_every_channel_standardised_by_itself():
    grey = cv2.resize(head_slice(160), (96, 96))
    found = network_input(grey, SEVERAL)
    assert found.dtype == np.float32 and found.shape == (4, 96, 96)
    for n, name in enumerate(SEVERAL.channels):
        alone = to_channels(grey, preprocessing(channels=(name,)))
        assert np.array_equal(found[n], standardise(alone, SEVERAL)[0])


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        kinds = scans(Path(folder))
        arrays = {
            f"{name}_{kind}": seen(scan, one)
            for name, one in settings().items()
            for kind, scan in kinds.items()
        }
    np.savez_compressed(PINNED, **arrays)
