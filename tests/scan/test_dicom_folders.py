"""Folders of DICOM that are cut off, crooked or alike: nothing is left out in silence."""

import nibabel
import numpy as np
import pytest
from pydicom.uid import generate_uid

from metaseg.errors import InputError
from metaseg.findings.lesions import find_lesions, label_lesions
from metaseg.scan import read_scan
from metaseg.scan.dicom_seg import write_dicom_seg
from metaseg.scan.nifti import write_nifti
from tests.dicom_files import AFFINE, ARRAY, list_series, save_series, series_of

DEPTH = ARRAY.shape[2]


@pytest.mark.parametrize("left", [0, 300, 600])
def test_a_copy_that_broke_off_is_noticed(tmp_path, left):
    folder = save_series(tmp_path / "s", series_of(ARRAY, AFFINE), shuffle=False)
    for file in sorted(folder.iterdir())[-5:]:
        file = file.rename(file.with_suffix(""))
        file.write_bytes(file.read_bytes()[:left])
    scan = read_scan(folder)
    assert len(scan.voxels) == DEPTH - 5
    assert scan.notices == ("Damaged DICOM files were skipped: 5.",)


@pytest.mark.parametrize("spacing", [[0, 0], [-1, 1]])
def test_where_all_files_have_a_fault_it_is_told(tmp_path, spacing):
    folder = save_series(tmp_path / "s", series_of(ARRAY, AFFINE, PixelSpacing=spacing))
    with pytest.raises(InputError, match=r"^s has a pixel spacing of zero: repair its header\.$"):
        read_scan(folder)


def test_series_of_one_description_are_told_apart(tmp_path):
    for number in (1, 2):
        times = series_of(ARRAY, AFFINE, TemporalPositionIdentifier=number)
        save_series(tmp_path / "s" / str(number), times)
    first, second = list_series(tmp_path / "s")
    assert first.endswith(", temporal position identifier 1") and first[:-1] == second[:-1]
    for number in (3, 4):
        save_series(tmp_path / "t" / str(number), series_of(ARRAY, AFFINE, SeriesNumber=number))
    described = "T1 post, 18 slices of 20 x 24, series number"
    assert list_series(tmp_path / "t") == [f"{described} 3", f"{described} 4"]


def test_a_stray_slice_does_not_stretch_the_others(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    normal = np.cross(*np.reshape(slices[0].ImageOrientationPatient, (2, 3)).astype(float))
    for data in slices[9:]:
        data.ImagePositionPatient = [
            round(float(x), 6) for x in np.array(data.ImagePositionPatient) + 82.5 * normal
        ]
    scan = read_scan(save_series(tmp_path / "s", slices))
    assert "unevenly spaced" in scan.notices[0]
    assert scan.spacing == pytest.approx((3.0, 1.1, 0.8), abs=1e-3)
    mask = np.zeros(scan.voxels.shape, bool)
    mask[2:4, 5:10, 5:10] = True
    (lesion,) = find_lesions(label_lesions(mask), mask * 1.0, scan)
    assert lesion.volume_mm3 == pytest.approx(50 * 3.0 * 1.1 * 0.8, rel=1e-3)


def test_slices_beside_their_line_are_noticed(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    along = np.array(slices[0].ImageOrientationPatient[:3], float)
    for data in slices[6:]:
        data.ImagePositionPatient = [
            round(float(x), 6) for x in np.array(data.ImagePositionPatient) + 8 * along
        ]
    (notice,) = read_scan(save_series(tmp_path / "s", slices)).notices
    assert notice.startswith("The slices do not lie in one line")


def test_a_series_without_positions_keeps_its_spacing_in_nifti(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    for data in slices:
        del data.ImagePositionPatient
    scan = read_scan(save_series(tmp_path / "s", slices))
    write_nifti(tmp_path / "mask.nii.gz", scan.voxels > 990, scan)
    zooms = nibabel.load(tmp_path / "mask.nii.gz").header.get_zooms()
    assert scan.spacing == pytest.approx((3.0, 1.1, 0.8))
    assert zooms[::-1] == pytest.approx(scan.spacing)


@pytest.mark.parametrize("stated", [None, ""])
def test_a_slice_thickness_may_be_empty(tmp_path, stated):
    slices = series_of(ARRAY, AFFINE, FrameOfReferenceUID=generate_uid())
    for data in slices:
        if stated is None:
            del data.SliceThickness
        else:
            data.SliceThickness = stated
    scan = read_scan(save_series(tmp_path / "s", slices))
    result, _ = write_dicom_seg(tmp_path / "seg.dcm", scan.voxels > 990, scan, "U-Net", "1")
    (shared,) = result.SharedFunctionalGroupsSequence
    assert float(shared.PixelMeasuresSequence[0].SliceThickness) == pytest.approx(3.0)
