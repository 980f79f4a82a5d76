"""NIfTI files of four and more dimensions."""

import numpy as np
import pytest

from metaseg.errors import InputError
from metaseg.scan import read_scan
from tests.volumes import affine_of, save, volume_of


def test_a_volume_of_four_dimensions_is_chosen(tmp_path):
    volumes = np.stack([volume_of("LPS") + 1000 * k for k in range(3)], -1)
    path = save(tmp_path / "a.nii.gz", volumes, affine_of("LPS"))
    first = read_scan(path)
    assert "contains 3 volumes: the first" in first.notices[0]
    np.testing.assert_array_equal(first.voxels, volume_of("LPS").T)
    third = read_scan(path, volume=2)
    assert third.notices == ()
    np.testing.assert_array_equal(third.voxels, volume_of("LPS").T + 2000)
    for volume in (3, -1):
        with pytest.raises(InputError, match="choose one from 0 to 2"):
            read_scan(path, volume=volume)
    alone = save(tmp_path / "b.nii", volume_of("LPS"), affine_of("LPS"))
    np.testing.assert_array_equal(read_scan(alone, volume=0).voxels, volume_of("LPS").T)
    with pytest.raises(InputError, match="has no volume 7: choose 0, its only one"):
        read_scan(alone, volume=7)


def test_trailing_dimensions_of_one_are_dropped(tmp_path):
    path = save(tmp_path / "a.nii", volume_of("LPS")[..., None, None], affine_of("LPS"))
    scan = read_scan(path)
    assert scan.notices == ()
    np.testing.assert_array_equal(scan.voxels, volume_of("LPS").T)


def test_five_dimensions_are_refused(tmp_path):
    path = save(tmp_path / "a.nii", np.zeros((20, 20, 2, 2, 2), np.int16), np.eye(4))
    with pytest.raises(InputError, match="three dimensions"):
        read_scan(path)
