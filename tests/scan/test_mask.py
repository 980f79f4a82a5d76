"""Ground truth: the scan's own size, two values, a black background."""

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from metaseg.errors import InputError
from metaseg.scan import Scan, read_mask, read_scan
from tests.volumes import affine_of, save

TRUTH = np.zeros((40, 50), bool)
TRUTH[10:20, 15:30] = True
SCAN = Scan(np.zeros((1, 40, 50), np.float32), "slice")


def write(path, pixels: np.ndarray):
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels)
    else:
        Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("name", ["t.png", "t.bmp", "t.tif"])
@pytest.mark.parametrize("white", [1, 255])
def test_binary_pictures(tmp_path, name, white):
    mask = read_mask(write(tmp_path / name, (TRUTH * white).astype(np.uint8)), SCAN)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask[0], TRUTH)


def test_labels_that_a_scale_made_uneven(tmp_path):
    truth = np.zeros((20, 20, 6), np.float32)
    truth[3:8, 3:8, 2:4], truth[10:15, 3:8, 2:4] = 1, 4
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(truth, affine_of(("L", "P", "S")), header), tmp_path / "t.nii")
    scan = read_scan(save(tmp_path / "v.nii", truth * 100, affine_of(("L", "P", "S"))))
    assert (read_scan(tmp_path / "t.nii").voxels % 1).any()
    assert read_mask(tmp_path / "t.nii", scan, labels=(1, 4)).sum() == 100
    save(tmp_path / "half.nii", truth / 2, affine_of(("L", "P", "S")))
    with pytest.raises(InputError, match="between whole numbers"):
        read_mask(tmp_path / "half.nii", scan, labels=(1, 4))


def test_16_bit_white_and_one_bit(tmp_path):
    path = write(tmp_path / "t.tif", (TRUTH * 65535).astype(np.uint16))
    np.testing.assert_array_equal(read_mask(path, SCAN)[0], TRUTH)
    Image.fromarray(TRUTH).save(tmp_path / "t.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "t.png", SCAN)[0], TRUTH)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colour_modes_of_black_and_white(tmp_path, mode):
    Image.fromarray((TRUTH * 255).astype(np.uint8)).convert(mode).save(tmp_path / "t.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "t.png", SCAN)[0], TRUTH)


def test_empty_truth_is_allowed(tmp_path):
    assert not read_mask(write(tmp_path / "t.png", np.zeros((40, 50), np.uint8)), SCAN).any()


def test_a_mask_of_several_volumes_is_refused(tmp_path):
    """One channel a class: the first may be the background, or empty."""
    volume, affine = np.zeros((20, 30, 4, 2), np.uint8), np.diag([-1.0, -1, 2, 1])
    volume[5:8, 6:9, 1:3, 1] = 1
    scan = read_scan(save(tmp_path / "s.nii.gz", volume[..., 1], affine))
    with pytest.raises(InputError, match="has several volumes or channels"):
        read_mask(save(tmp_path / "t.nii.gz", volume, affine), scan)


def test_volume(tmp_path):
    volume = np.zeros((20, 30, 4), np.uint8)
    volume[5:8, 6:9, 1:3] = 1
    affine = np.diag([-1.0, -1, 2, 1])
    path = save(tmp_path / "t.nii.gz", volume, affine)
    scan = read_scan(save(tmp_path / "s.nii.gz", volume, affine))
    np.testing.assert_array_equal(read_mask(path, scan), volume.transpose(2, 1, 0) > 0)
    flat = Scan(np.zeros((4, 30, 20), np.float32), "v")
    np.testing.assert_array_equal(read_mask(path, flat), volume.transpose(2, 1, 0) > 0)


def test_volume_in_another_axis_order_lands_where_it_belongs(tmp_path):
    volume = np.zeros((20, 30, 24), np.uint8)
    volume[5:8, 6:9, 1:3] = 1
    affine = np.diag([-1.0, -1, 2, 1])
    scan = read_scan(save(tmp_path / "s.nii.gz", volume, affine))
    turned = volume[::-1].transpose(1, 0, 2)
    moved = affine.copy()
    moved[:, [0, 1]] = affine[:, [1, 0]]
    moved[:, 1] *= -1
    moved[0, 3] = -19
    path = save(tmp_path / "t.nii.gz", np.ascontiguousarray(turned), moved)
    np.testing.assert_array_equal(read_mask(path, scan), volume.transpose(2, 1, 0) > 0)


def test_volume_with_a_header_turned_another_way(tmp_path):
    volume = np.zeros((24, 24, 24), np.uint8)
    scan = read_scan(save(tmp_path / "s.nii", volume, np.diag([-1.0, -1, 2, 1])))
    path = save(tmp_path / "t.nii", volume, np.diag([1.0, 1, 2, 1]))
    with pytest.raises(InputError, match="different orientation"):
        read_mask(path, scan)


def test_labels(tmp_path):
    labels = np.zeros((24, 24, 24), np.uint8)
    labels[3, 3, 3], labels[4, 4, 4], labels[5, 5, 5] = 1, 2, 3
    path = save(tmp_path / "t.nii", labels, np.diag([-1.0, -1, 2, 1]))
    mask = read_mask(path, read_scan(path), labels=(1, 3))
    assert np.argwhere(mask).tolist() == [[3, 3, 3], [5, 5, 5]]
    with pytest.raises(InputError, match="grey values"):
        read_mask(path, read_scan(path))


def test_another_size(tmp_path):
    path = write(tmp_path / "t.png", np.zeros((50, 40), np.uint8))
    with pytest.raises(InputError, match=r"t\.png is 40 x 50 and the scan is 50 x 40"):
        read_mask(path, SCAN)


def test_grey_values(tmp_path):
    grey = (TRUTH * 255).astype(np.uint8)
    grey[0, 0] = 7
    with pytest.raises(InputError, match="grey values"):
        read_mask(write(tmp_path / "t.png", grey), SCAN)


def test_lossy_jpeg(tmp_path):
    noise = np.random.default_rng(0).random((40, 50)) > 0.5
    Image.fromarray((noise * 255).astype(np.uint8)).save(tmp_path / "t.jpg", quality=60)
    with pytest.raises(InputError, match="grey values"):
        read_mask(tmp_path / "t.jpg", SCAN)


def test_no_background(tmp_path):
    pixels = np.where(TRUTH, 255, 1).astype(np.uint8)
    with pytest.raises(InputError, match="no black background"):
        read_mask(write(tmp_path / "t.png", pixels), SCAN)


def test_not_an_image(tmp_path):
    (tmp_path / "t.png").write_text("a mask")
    with pytest.raises(InputError, match="not an image"):
        read_mask(tmp_path / "t.png", SCAN)


def test_a_mask_without_spacing_is_cut_like_its_scan(tmp_path):
    array = np.zeros((20, 20, 20), np.uint8)
    array[3, 7, 12] = 1
    path = save(tmp_path / "scan.nii.gz", array, affine_of("RAS", zooms=(1, 5, 1)))
    scan = read_scan(path)
    assert scan.plane == "coronal"
    mask = save(tmp_path / "mask.nii.gz", array, affine_of("RAS", zooms=(1, 1, 1)))
    np.testing.assert_array_equal(read_mask(mask, scan), scan.voxels > 0)
