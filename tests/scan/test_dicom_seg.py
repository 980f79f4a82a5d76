"""A lesion comes back in the DICOM-SEG at the patient coordinates where it was marked."""

import shutil

import highdicom
import numpy as np
import pytest
from pydicom import dcmread

from metaseg.errors import InputError
from metaseg.scan import read_mask, read_scan
from metaseg.scan.dicom_seg import TYPE_2, write_dicom_seg
from metaseg.scan.planes import in_plane
from tests.dicom_files import FLIP, multi_frame_of, save_series, series_of
from tests.volumes import CODES, affine_of, patient_coordinates, save, volume_of

LPS = ("L", "P", "S")
ARRAY, AFFINE = volume_of(LPS), affine_of(LPS)


def write(path, mask, scan):
    write_dicom_seg(path, mask, scan, "Attention U-Net", "0" * 64)
    return path


def marked_places(path) -> np.ndarray:
    """Patient coordinates (right, front, head) of what a DICOM-SEG marks, by highdicom's reader."""
    volume = highdicom.seg.segread(path).get_volume(combine_segments=True)
    index = np.argwhere(volume.array)
    return (FLIP @ volume.affine @ np.c_[index, np.ones(len(index))].T)[:3].T


@pytest.mark.parametrize("codes", CODES, ids="".join)
def test_a_marked_voxel_keeps_its_place(tmp_path, codes):
    array, affine = volume_of(codes), affine_of(codes)
    marked = tuple(size // 3 for size in array.shape)
    array[marked] = 5000
    scan = read_scan(save_series(tmp_path / "study", series_of(array, affine)))
    path = write(tmp_path / "seg.dcm", scan.voxels == 5000, scan)
    (place,) = marked_places(path)
    np.testing.assert_allclose(place, patient_coordinates(affine, marked), atol=1e-3)
    np.testing.assert_array_equal(read_mask(path, scan), scan.voxels == 5000)
    # The same mask fits the NIfTI from which the series was made.
    nifti = read_scan(save(tmp_path / "v.nii", array, affine))
    np.testing.assert_array_equal(read_mask(path, nifti), nifti.voxels == 5000)


@pytest.mark.parametrize("plane", ["axial", "coronal"])
@pytest.mark.parametrize("drifts", [False, True])
def test_an_unevenly_spaced_series_knows_its_own_segmentation(tmp_path, plane, drifts):
    """Its grid is even, but the segmentation keeps the places of the slices."""
    slices = series_of(ARRAY, AFFINE)
    step = np.array(slices[1].ImagePositionPatient) - np.array(slices[0].ImagePositionPatient)
    for number, data in enumerate(slices):
        off = 0.08 * max(0, number - 9) if drifts else 0.4 * (number == 4)
        data.ImagePositionPatient = [float(x) for x in data.ImagePositionPatient + off * step]
    scan = in_plane(read_scan(save_series(tmp_path / "study", slices)), plane)
    assert any("unevenly spaced" in notice for notice in scan.notices)
    mask = scan.voxels > 990
    np.testing.assert_array_equal(read_mask(write(tmp_path / "seg.dcm", mask, scan), scan), mask)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_any_plane_and_references_to_the_right_slices(tmp_path, plane):
    slices = series_of(ARRAY, AFFINE)
    scan = in_plane(read_scan(save_series(tmp_path / "study", slices)), plane)
    mask = scan.voxels > 990
    path = write(tmp_path / "seg.dcm", mask, scan)
    np.testing.assert_array_equal(read_mask(path, scan), mask)
    by_instance = highdicom.seg.segread(path).get_pixels_by_source_instance(
        [data.SOPInstanceUID for data in slices], combine_segments=True
    )
    np.testing.assert_array_equal(by_instance > 0, (ARRAY > 990).transpose(2, 1, 0))


def test_a_ground_truth_in_a_zip_or_folder_has_all_its_segments(tmp_path):
    study = save_series(tmp_path / "study", series_of(ARRAY, AFFINE))
    scan = read_scan(study)
    lesions = np.zeros(scan.voxels.shape, int)
    lesions[:6, 4:9, 4:9], lesions[3:9, 12:15, 12:18] = 1, 2
    path = write(study / "seg.dcm", lesions, scan)
    shutil.make_archive(str(tmp_path / "both"), "zip", study)
    for place in (path, study, tmp_path / "both.zip"):
        np.testing.assert_array_equal(read_mask(place, scan), lesions > 0)
    write(study / "again.dcm", lesions, scan)
    with pytest.raises(InputError, match="several DICOM-SEG"):
        read_mask(study, scan)


def test_a_size_that_is_no_whole_number_of_bytes(tmp_path):
    array = np.arange(37 * 43 * 6, dtype=np.int16).reshape(37, 43, 6) % 1000
    scan = read_scan(save_series(tmp_path / "study", series_of(array, AFFINE)))
    mask = scan.voxels > 900
    np.testing.assert_array_equal(read_mask(write(tmp_path / "seg.dcm", mask, scan), scan), mask)


@pytest.mark.parametrize(
    "odd",
    [
        {"SpecificCharacterSet": ["", "ISO 2022 IR 87"]},
        {"SpecificCharacterSet": ["", "ISO 2022 IR 149"]},
        {"SpecificCharacterSet": "ISO 2022 IR 100"},
        {"PatientBirthDate": "00000000", "StudyTime": "12:00:00", "PatientSex": "MALE"},
        dict.fromkeys(TYPE_2),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_what_anonymisers_and_other_alphabets_leave_is_enough(tmp_path, odd):
    slices = series_of(ARRAY, AFFINE, PatientID="0042")
    for data in slices:
        for name, value in odd.items():
            if value is None:
                delattr(data, name)
            else:
                setattr(data, name, value)
    scan = read_scan(save_series(tmp_path / "study", slices))
    path = write(tmp_path / "seg.dcm", scan.voxels > 990, scan)
    np.testing.assert_array_equal(read_mask(path, scan), scan.voxels > 990)
    written = dcmread(path)
    assert written.PatientID == ("" if "PatientID" in odd else "0042")
    assert scan.sources[0].header.get("PatientSex") == odd.get("PatientSex", "")


def test_a_name_keeps_its_letters(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    for data in slices:
        data.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
        data.PatientName = "Yamada^Tarou=山田^太郎"
    scan = read_scan(save_series(tmp_path / "study", slices))
    written = dcmread(write(tmp_path / "seg.dcm", scan.voxels > 990, scan))
    assert str(written.PatientName) == "Yamada^Tarou=山田^太郎"


def test_multi_frame(tmp_path):
    data = multi_frame_of(ARRAY[:, :, ::-1], AFFINE @ np.diag([1.0, 1, -1, 1]))
    data.save_as(tmp_path / "v.dcm", enforce_file_format=True)
    scan = read_scan(tmp_path / "v.dcm")
    path = write(tmp_path / "seg.dcm", scan.voxels > 990, scan)
    np.testing.assert_array_equal(read_mask(path, scan), scan.voxels > 990)


def test_one_slice(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    slices[4].save_as(tmp_path / "slice.dcm", enforce_file_format=True)
    scan = read_scan(tmp_path / "slice.dcm")
    path = write(tmp_path / "seg.dcm", scan.voxels > 900, scan)
    np.testing.assert_array_equal(read_mask(path, scan), scan.voxels > 900)
    # A mask of the whole series gives the part of this slice.
    whole = read_scan(save_series(tmp_path / "study", slices))
    path = write(tmp_path / "whole.dcm", whole.voxels > 900, whole)
    for source in scan.sources:
        source.header.FrameOfReferenceUID = slices[0].FrameOfReferenceUID
    np.testing.assert_array_equal(read_mask(path, scan), scan.voxels > 900)


def test_missing_slices_are_not_referred_to(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    scan = read_scan(save_series(tmp_path / "study", slices[:5] + slices[7:]))
    mask = scan.voxels > 990
    path = write(tmp_path / "seg.dcm", mask, scan)
    np.testing.assert_array_equal(read_mask(path, scan), mask)
    assert not mask[5:7].any()


def test_empty_mask(tmp_path):
    scan = read_scan(save_series(tmp_path / "study", series_of(ARRAY, AFFINE)))
    path = write(tmp_path / "seg.dcm", np.zeros(scan.voxels.shape, bool), scan)
    assert not read_mask(path, scan).any()


def test_names_the_network_and_nobody_new(tmp_path):
    scan = read_scan(save_series(tmp_path / "study", series_of(ARRAY, AFFINE)))
    data = dcmread(write(tmp_path / "seg.dcm", scan.voxels > 990, scan))
    (algorithm,) = data.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence
    assert algorithm.AlgorithmName == "Attention U-Net"
    assert data.PatientID == "phantom"
    assert data.FrameOfReferenceUID == scan.sources[0].header.FrameOfReferenceUID


def test_only_for_dicom(tmp_path):
    scan = read_scan(save(tmp_path / "v.nii", ARRAY, AFFINE))
    with pytest.raises(InputError, match="not a DICOM series"):
        write(tmp_path / "seg.dcm", scan.voxels > 990, scan)


def test_series_without_frame_of_reference(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    for data in slices:
        del data.FrameOfReferenceUID
    scan = read_scan(save_series(tmp_path / "study", slices))
    with pytest.raises(InputError, match="use the NIfTI mask"):
        write(tmp_path / "seg.dcm", scan.voxels > 990, scan)


def test_segments_of_another_scan(tmp_path):
    scan = read_scan(save_series(tmp_path / "study", series_of(ARRAY, AFFINE)))
    other = read_scan(save_series(tmp_path / "other", series_of(ARRAY, AFFINE)))
    path = write(tmp_path / "seg.dcm", other.voxels > 990, other)
    with pytest.raises(InputError, match="belongs to another scan"):
        read_mask(path, scan)
    shifted = read_scan(save(tmp_path / "v.nii", ARRAY, affine_of(LPS, origin=(0.3, 0.0, 0.0))))
    with pytest.raises(InputError, match="different grid"):
        read_mask(path, shifted)


def test_scan_without_patient_coordinates(tmp_path):
    scan = read_scan(save_series(tmp_path / "study", series_of(ARRAY, AFFINE)))
    path = write(tmp_path / "seg.dcm", scan.voxels > 990, scan)
    slices = series_of(ARRAY, AFFINE)
    del slices[0].ImagePositionPatient
    slices[0].save_as(tmp_path / "flat.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match="use the scan as DICOM or NIfTI"):
        read_mask(path, read_scan(tmp_path / "flat.dcm"))
