"""The synthetic lesion benchmark is the same every time; with the data folder at hand, as large as
promised."""

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from metaseg.data.dataset import Dataset, write_dataset
from metaseg.errors import InputError
from metaseg.synthesis.benchmark import (
    FROZEN,
    BenchmarkSlice,
    _read_planes,
    benchmark_slices,
    fingerprint,
    place_for_test,
)
from tests.phantom import ellipse, head_slice

GREY = head_slice(400)
TUMOUR = np.zeros(GREY.shape, bool)
TUMOUR[150:190, 230:260] = True


def made(seed: int = 0, upright: bool = False) -> tuple[np.ndarray, np.ndarray, tuple]:
    random = np.random.default_rng(seed)
    result = place_for_test(GREY, TUMOUR, upright, [3.5, 8.0, 15.0], random, 0.49)
    assert result is not None
    return result


def test_labels_are_numbered_as_the_diameters() -> None:
    grey, labels, diameters = made()
    assert grey.dtype == np.uint8 and grey.shape == GREY.shape
    assert labels.max() == len(diameters) == 3
    assert list(diameters) == sorted(diameters, reverse=True)
    assert not (labels[TUMOUR] > 0).any() and np.array_equal(grey[TUMOUR], GREY[TUMOUR])


@pytest.mark.parametrize("upright", [True, False])
def test_lesions_stay_well_inside_the_brain(upright: bool) -> None:
    for seed in range(5):
        labels = made(seed, upright)[1]
        assert (ellipse(400, 0.8)[labels > 0]).all()


def test_the_fingerprint_tells_a_changed_pixel() -> None:
    grey, labels, diameters = made()
    first = BenchmarkSlice("1", "a", grey, labels, TUMOUR, diameters)
    again = BenchmarkSlice("1", "a", *made()[:2], TUMOUR, diameters)
    touched = grey.copy()
    touched[0, 0] += 1
    other = BenchmarkSlice("1", "a", touched, labels, TUMOUR, diameters)
    assert fingerprint([first]) == fingerprint([again]) != fingerprint([other])


def test_a_slice_without_a_brain_is_left_out() -> None:
    black = np.zeros((200, 200), np.uint8)
    random = np.random.default_rng(0)
    assert place_for_test(black, black > 0, False, [8.0], random, 0.49) is None


def test_planes_are_read_from_a_table_with_spaces(tmp_path: Path) -> None:
    table = tmp_path / "cases.csv"
    table.write_text("case , plane\na, coronal\nb,\n")
    assert _read_planes(table) == {"a": "coronal", "b": "axial"}
    assert _read_planes(tmp_path / "none.csv") == {}


def write_volume(folder: Path, skull_stripped: bool) -> None:
    """A folder of one bare brain, an ellipsoid of 1 mm voxels with texture and a tumour."""
    shape = (150, 180, 60)
    grid = np.stack(np.mgrid[tuple(slice(-1, 1, complex(0, side)) for side in shape)])
    inside = (grid**2 * np.array([1.2, 1.1, 0.7]).reshape(3, 1, 1, 1)).sum(axis=0) < 0.9
    noise = gaussian_filter(np.random.default_rng(0).normal(0, 60, shape), 2)
    voxels = np.where(inside, 600 + 3 * noise, 0).astype(np.int16)
    tumour = np.zeros(shape, np.uint8)
    tumour[60:80, 60:80, 20:35] = 1
    for name, array in (("images", voxels), ("masks", tumour)):
        (folder / name).mkdir(parents=True)
        nibabel.save(nibabel.Nifti1Image(array, np.diag([-1, -1, 1, 1])), folder / name / "v.nii")
    (folder / "cases.csv").write_text(
        "case,group,image,mask,split\nv,p,images/v.nii,masks/v.nii,test\n"
    )
    described = {"modality": "t1ce", "skull_stripped": skull_stripped, "license": "CC0-1.0"}
    write_dataset(folder, Dataset(title="t", target="t", groups="patients", **described))


def test_the_set_of_skull_stripped_volumes(tmp_path: Path) -> None:
    write_volume(tmp_path / "bare", skull_stripped=True)
    slices = list(benchmark_slices(tmp_path / "bare"))
    assert len(slices) > 0.8 * FROZEN.slices
    assert fingerprint(slices) == fingerprint(benchmark_slices(tmp_path / "bare"))
    for item in slices[::10]:
        assert item.labels.max() == len(item.diameters) and item.grey.dtype == np.uint8
        assert not (item.labels[item.own_tumour] > 0).any()
        assert (item.grey[item.labels > 0] > 0).all()
    write_volume(tmp_path / "whole", skull_stripped=False)
    with pytest.raises(InputError, match="needs skull-stripped volumes"):
        list(benchmark_slices(tmp_path / "whole"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, mark", [("t1ce_slices", "c8295de8d312"), ("t1ce_brats_volumes", "7b9079f093f6")]
)
def test_the_sets_from_the_data_folder(name: str, mark: str) -> None:
    folder = Path(os.environ.get("METASEG_DATA", "")) / name
    if "METASEG_DATA" not in os.environ or not folder.is_dir():
        pytest.skip(f"METASEG_DATA does not name a folder that holds {name}")
    slices = list(benchmark_slices(folder))
    assert fingerprint(slices) == mark
    assert 100 <= len(slices) <= FROZEN.slices
    diameters = np.concatenate([item.diameters for item in slices])
    for low, high in FROZEN.bins:
        assert np.count_nonzero((diameters >= low) & (diameters < high)) >= 25
