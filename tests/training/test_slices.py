"""What slices an epoch shows, and how."""

from dataclasses import replace

import nibabel
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from metaseg.data.case import read_case
from metaseg.data.cases import cases_of_split
from metaseg.data.prepared import FOR_TRAINING, FOR_VALIDATION, PreparedSlices, prepare_cases
from metaseg.preprocess import network_input, prepare, to_grey_levels
from metaseg.training import dataset
from metaseg.training.augmentation import augment, build_augmentation
from metaseg.training.config import TrainingConfig
from metaseg.training.dataset import AugmentedDataset, SliceDataset
from metaseg.training.sampling import Sampling, draw_epoch
from tests.conftest import draw_head

SETTINGS = TrainingConfig(size=64, channels=("window", "clahe", "gamma")).preprocessing


def write_volume(folder, zooms):
    """A data folder of one volume (48, 40, 36) with a lesion of 8 voxels a side."""
    voxels, mask = np.zeros((48, 40, 36), np.int16), np.zeros((48, 40, 36), np.uint8)
    voxels[4:44, 4:36, 4:32] = np.random.default_rng(0).integers(300, 400, (40, 32, 28))
    voxels = np.int16(gaussian_filter(voxels.astype(float), 1.5))
    mask[20:28, 16:24, 12:20] = 1
    voxels[mask > 0] = 900
    (folder / "images").mkdir(parents=True)
    affine = np.diag([*zooms, 1.0])
    for name, array in (("image", voxels), ("mask", mask)):
        nibabel.save(nibabel.Nifti1Image(array, affine), folder / f"images/{name}.nii")
    (folder / "cases.csv").write_text(
        "case,group,image,mask,split\nv,p,images/image.nii,images/mask.nii,train\n"
    )
    (folder / "dataset.toml").write_text(
        'title = "t"\nmodality = "t1ce"\ntarget = "t"\nskull_stripped = true\ngroups = "patients"\n'
        'license = "CC0-1.0"\n'
    )
    return cases_of_split([folder], "train")


def slices_of(areas: np.ndarray, sources: np.ndarray) -> PreparedSlices:
    """Slices of which nothing is known but lesion areas and sources."""
    others = dict.fromkeys(PreparedSlices.__dataclass_fields__, np.empty(0))
    return PreparedSlices(**{**others, "areas": areas, "sources": sources})


def test_epochs_differ_and_repeat(data_folder, tmp_path):
    cases = cases_of_split([data_folder], "train")
    cache = tmp_path / "cache"
    slices = prepare_cases(cases, SETTINGS, cache, FOR_TRAINING)
    again = prepare_cases(cases, SETTINGS, cache, FOR_TRAINING)
    assert np.array_equal(slices.greys, again.greys) and len(list(cache.iterdir())) == 1

    def epoch(number, share=0.5):
        sampling = Sampling(empty_share=share)
        return AugmentedDataset(slices, SETTINGS, seed=0, epoch=number, sampling=sampling)

    first, same, other = epoch(0), epoch(0), epoch(1)
    assert first[0][0].shape == (3, 64, 64) and first[0][1].shape == (1, 64, 64)
    assert all(torch.equal(a, b) for x, y in zip(first, same) for a, b in zip(x, y))
    assert not all(torch.equal(x[0], y[0]) for x, y in zip(first, other))
    lesions = int(slices.has_lesion.sum())
    assert len(epoch(0, 0.0)) == lesions and len(epoch(0, 0.3)) == lesions + round(0.3 * lesions)


def test_training_sees_what_serving_sees(data_folder, tmp_path):
    cases = cases_of_split([data_folder], "train")
    slices = prepare_cases(cases, SETTINGS, tmp_path / "cache", FOR_VALIDATION)
    scan, _ = read_case(cases[0])
    grey, _ = prepare(to_grey_levels(scan.voxels[0], scan.eight_bit, SETTINGS), SETTINGS)
    seen, _ = SliceDataset(slices, SETTINGS, np.arange(len(slices.greys)))[0]
    assert np.array_equal(seen.numpy(), network_input(grey, SETTINGS))


@pytest.mark.parametrize("zooms, planes", [((1, 1, 1), 3), ((1, 1, 5), 1)])
def test_isotropic_volumes_are_cut_in_three_planes(tmp_path, zooms, planes):
    cases = write_volume(tmp_path / "volume", zooms)
    slices = prepare_cases(cases, SETTINGS, tmp_path / "cache", FOR_TRAINING)
    assert len(set(slices.planes)) == planes and set(slices.cases) == {"v"}
    axial = slices.planes == "axial"
    # Every second slice of 1 mm, and every one of 5 mm, through a lesion of eight.
    assert slices.has_lesion[axial].sum() == (4 if zooms[2] == 1 else 8)
    assert np.allclose(slices.pixel_mm * 64, slices.pixel_mm[0] * 64, rtol=0.5)
    lesion = slices.masks[slices.has_lesion]
    assert slices.brains[slices.has_lesion][lesion].all()
    assert np.array_equal(slices.areas, slices.masks.sum(axis=(1, 2)))
    validation = prepare_cases(cases, SETTINGS, tmp_path / "cache", FOR_VALIDATION)
    assert set(validation.planes) == {"axial"}


def test_augmentation_moves_slice_and_mask_together():
    grey, mask = draw_head((96, 96))
    pipeline = build_augmentation()
    agree = []
    for index in range(30):
        levels, moved = augment(pipeline, grey, mask, (0, 0, index))
        assert levels.dtype == np.uint8 and moved.dtype == bool and levels.shape == moved.shape
        if moved.sum() > 30:
            agree.append(levels[moved].mean() - levels[~moved].mean())
    # The drawn lesion is the brightest thing in the head, wherever it went.
    assert len(agree) > 20 and min(agree) > 30


def test_balance_shows_small_lesions_more_often():
    slices = slices_of(np.array([900] * 90 + [3] * 10 + [0]), np.full(101, "one"))
    random = np.random.default_rng(0)
    drawn = draw_epoch(slices, Sampling(empty_share=0), random)
    assert np.array_equal(np.sort(drawn), np.arange(100))
    drawn = draw_epoch(slices, Sampling(empty_share=0, size_balance=1), random)
    counts = np.bincount(drawn, minlength=101)
    assert len(drawn) == 100 and counts[100] == 0
    assert counts[90:100].sum() in (49, 50, 51) and counts[90:100].min() >= 4


def test_every_enhancing_source_gives_tumours_to_copy(monkeypatch):
    grey, mask = draw_head((96, 96))
    count = 12
    repeated = {"greys": np.stack([grey] * count), "masks": np.stack([mask] * count)}
    slices = slices_of(np.full(count, mask.sum()), np.repeat(["one", "two", "flair"], 4))
    modalities = np.repeat(["t1ce", "t1ce", "flair"], 4)
    slices = replace(slices, **repeated, modalities=modalities)
    monkeypatch.setattr(dataset, "DONORS", 3)
    assert len(dataset.find_donors(slices)) == 6


def test_no_source_drowns_the_others():
    sources = np.repeat(["large", "small"], [1000, 60])
    slices = slices_of(np.where(np.arange(1060) % 2, 50, 0), sources)
    for balance, share in ((0.0, 30 / 530), (0.5, 30**0.5 / (30**0.5 + 500**0.5)), (1.0, 0.5)):
        sampling = Sampling(epoch_slices=200, empty_share=0.1, source_balance=balance)
        drawn = draw_epoch(slices, sampling, np.random.default_rng(0))
        lesion = drawn[slices.has_lesion[drawn]]
        assert abs(np.mean(slices.sources[lesion] == "small") - share) < 0.01
        assert len(lesion) == 200 and len(drawn) == pytest.approx(220, abs=1)


def test_a_source_without_a_lesion_gives_its_share_of_empty_slices():
    sources = np.repeat(["healthy", "one", "two"], [300, 100, 100])
    slices = slices_of(np.repeat([0, 50], [300, 200]), sources)
    drawn = draw_epoch(slices, Sampling(empty_share=0.5), np.random.default_rng(0))
    assert [np.sum(slices.sources[drawn] == name) for name in ("healthy", "one", "two")] == [
        50, 100, 100,
    ]  # fmt: skip
