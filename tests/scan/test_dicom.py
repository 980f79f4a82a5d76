"""DICOM: series, multi-frame files and everything odd that hospitals send."""

import shutil

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import EnhancedSRStorage

from metaseg.errors import InputError
from metaseg.scan import SeriesChoiceError, read_scan
from metaseg.scan.planes import PLANES, array_in_plane, in_plane
from tests.dicom_files import (
    AFFINE,
    ARRAY,
    list_series,
    multi_frame_of,
    one_slice,
    save,
    save_series,
    series_of,
)
from tests.volumes import CODES, affine_of, volume_of


@pytest.mark.parametrize("codes", CODES, ids="".join)
def test_series_equals_the_nifti_it_was_made_from(tmp_path, codes):
    array, affine = volume_of(codes), affine_of(codes)
    nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / "v.nii")
    expected = read_scan(tmp_path / "v.nii")
    scan = read_scan(save_series(tmp_path / "study", series_of(array, affine)))
    assert scan.name == "study"
    assert scan.notices == ()
    assert scan.plane == expected.plane
    assert scan.spacing == pytest.approx(expected.spacing, abs=1e-4)
    np.testing.assert_array_equal(scan.voxels, expected.voxels)
    np.testing.assert_allclose(scan.affine, expected.affine, atol=1e-4)


def test_multi_frame_equals_the_series(tmp_path):
    multi_frame_of(ARRAY, AFFINE).save_as(tmp_path / "v.dcm", enforce_file_format=True)
    scan = read_scan(tmp_path / "v.dcm")
    expected = read_scan(save_series(tmp_path / "study", series_of(ARRAY, AFFINE)))
    np.testing.assert_array_equal(scan.voxels, expected.voxels)
    np.testing.assert_allclose(scan.affine, expected.affine, atol=1e-4)
    assert scan.name == "v"
    assert [source.frame for source in scan.sources] == list(range(18))


def test_zip_equals_the_folder(tmp_path):
    folder = save_series(tmp_path / "study", series_of(ARRAY, AFFINE))
    packed = shutil.make_archive(str(tmp_path / "study"), "zip", folder)
    np.testing.assert_array_equal(read_scan(packed).voxels, read_scan(folder).voxels)


def test_single_slice_by_content(tmp_path):
    scan = read_scan(save(tmp_path, one_slice()))
    assert scan.voxels.shape == (1, 24, 20)
    assert scan.spacing == pytest.approx((3.0, 1.1, 0.8))
    np.testing.assert_array_equal(scan.voxels[0], ARRAY[:, :, 4].T)
    assert not scan.eight_bit


@pytest.mark.parametrize("codes", [("P", "I", "L"), ("A", "S", "R"), ("I", "P", "R")])
def test_single_sagittal_slice_stays_in_its_plane(tmp_path, codes):
    scan = read_scan(save(tmp_path, series_of(volume_of(codes), affine_of(codes))[3]))
    assert scan.plane == "sagittal"
    assert scan.voxels.shape == (1, 18, 24)


def test_missing_slices_are_left_empty_and_noticed(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    whole = read_scan(save_series(tmp_path / "whole", slices))
    scan = read_scan(save_series(tmp_path / "study", slices[:5] + slices[7:]))
    assert scan.voxels.shape == whole.voxels.shape
    np.testing.assert_allclose(scan.affine, whole.affine, atol=1e-4)
    np.testing.assert_array_equal(scan.voxels[:5], whole.voxels[:5])
    np.testing.assert_array_equal(scan.voxels[7:], whole.voxels[7:])
    assert np.ptp(scan.voxels[5:7]) == 0
    assert "lacks 2 of its 18 slices (number 6, 7" in scan.notices[0]
    assert scan.sources[5] is None


def test_most_slices_missing(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    with pytest.raises(InputError, match=r"lacks 1[0-9] of its 18 slices"):
        read_scan(save_series(tmp_path / "study", [slices[0], slices[1], slices[17]]))


def test_uneven_distances_are_noticed(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    slices[9].ImagePositionPatient[2] += 1.3
    scan = read_scan(save_series(tmp_path / "study", slices))
    assert len(scan.voxels) == 18
    assert "unevenly spaced" in scan.notices[0]


def test_the_same_file_twice(tmp_path):
    folder = save_series(tmp_path / "study", series_of(ARRAY, AFFINE))
    file = sorted(folder.iterdir())[3]
    shutil.copy(file, folder / "copy")
    scan = read_scan(folder)
    assert scan.voxels.shape == (18, 24, 20)
    assert "Duplicate" in scan.notices[0]


def test_two_slices_at_one_place(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    slices[4].ImagePositionPatient = slices[5].ImagePositionPatient
    scan = read_scan(save_series(tmp_path / "study", slices))
    assert "at the position of another slice were left out" in scan.notices[0]
    assert "lacks 1 of its 18" in scan.notices[1]


def test_several_series_are_offered(tmp_path):
    save_series(tmp_path / "study" / "a", series_of(ARRAY, AFFINE, "T1 post"))
    second = series_of(ARRAY + 1, AFFINE, "FLAIR")
    save_series(tmp_path / "study" / "b", second)
    with pytest.raises(
        SeriesChoiceError, match=r"contains 2 series.*1\) FLAIR.*2\) T1 post"
    ) as caught:
        read_scan(tmp_path / "study")
    assert list(caught.value.choices) == list_series(tmp_path / "study")
    for choice in ("1", "flair", second[0].SeriesInstanceUID, caught.value.choices[0]):
        np.testing.assert_array_equal(
            read_scan(tmp_path / "study", series=choice).voxels, (ARRAY + 1).transpose(2, 1, 0)
        )
    for choice in ("3", "0", "diffusion", ""):
        with pytest.raises(SeriesChoiceError):
            read_scan(tmp_path / "study", series=choice)


def test_echoes_of_one_series_are_told_apart(tmp_path):
    slices = series_of(ARRAY, AFFINE, EchoTime="10")
    other = series_of(ARRAY + 1, AFFINE, EchoTime="80")
    for data in other:
        data.SeriesInstanceUID = slices[0].SeriesInstanceUID
    save_series(tmp_path / "study", slices + other)
    assert len(list_series(tmp_path / "study")) == 2
    scan = read_scan(tmp_path / "study", series="echo time 80")
    np.testing.assert_array_equal(scan.voxels, (ARRAY + 1).transpose(2, 1, 0))


def test_what_lies_beside_a_series_is_passed_over(tmp_path):
    folder = save_series(tmp_path / "study", series_of(ARRAY, AFFINE))
    (folder / "readme.txt").write_text("a letter")
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    report = one_slice()
    for name in ("Rows", "Columns", "PixelData"):
        delattr(report, name)
    report.SOPClassUID = EnhancedSRStorage
    save(folder, report, "report.dcm")
    (folder / "empty.txt").touch()
    scan = read_scan(folder)
    assert scan.voxels.shape == (18, 24, 20) and not scan.notices


def test_a_damaged_file_of_a_series_becomes_a_gap(tmp_path):
    folder = save_series(tmp_path / "study", series_of(ARRAY, AFFINE), shuffle=False)
    file = sorted(folder.iterdir())[8]
    file.write_bytes(file.read_bytes()[:-200])
    scan = read_scan(folder)
    assert scan.voxels.shape == (18, 24, 20)
    assert np.ptp(scan.voxels[8]) == 0
    assert scan.sources[8] is None
    assert "1 slice of the series is damaged" in scan.notices[0]


def test_slices_without_positions(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    for data in slices:
        del data.ImagePositionPatient
    scan = read_scan(save_series(tmp_path / "study", slices))
    assert scan.affine is None
    assert scan.spacing == pytest.approx((3.0, 1.1, 0.8))
    np.testing.assert_array_equal(scan.voxels, ARRAY.transpose(2, 1, 0))
    assert "gives no slice positions" in scan.notices[0]


def test_without_pixel_spacing_there_are_no_millimetres(tmp_path):
    data = one_slice()
    del data.PixelSpacing
    assert read_scan(save(tmp_path, data)).spacing is None


@pytest.mark.parametrize("drop", [("PixelData",), ("PixelData", "Rows", "Columns")])
def test_no_pixel_data(tmp_path, drop):
    data = one_slice()
    for name in drop:
        delattr(data, name)
    with pytest.raises(InputError, match="without pixel data"):
        read_scan(save(tmp_path, data))


def test_zero_spacing(tmp_path):
    with pytest.raises(InputError, match="spacing of zero"):
        read_scan(save(tmp_path, one_slice(PixelSpacing=[0, 1])))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated(tmp_path, share):
    path = save(tmp_path, one_slice(), "cut.dcm")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match=r"cut\.dcm is (damaged|a DICOM file without)"):
        read_scan(path)


def test_huge_frames_by_the_header(tmp_path):
    data = one_slice()
    data.Rows = data.Columns = 60_000
    with pytest.raises(InputError, match="64 megapixels"):
        read_scan(save(tmp_path, data))
    data = one_slice(NumberOfFrames=2_000_000)
    with pytest.raises(InputError, match="too many frames"):
        read_scan(save(tmp_path, data))


def test_unknown_compression(tmp_path):
    data = one_slice()
    path = save(tmp_path, data)
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG-2 video
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.PixelData = encapsulate([b"\0" * 100])
    with pytest.raises(InputError, match=r"cannot be decoded|damaged"):
        read_scan(save(tmp_path, data, path.name))


@pytest.mark.parametrize("plane", PLANES)
def test_planes_there_and_back(tmp_path, plane):
    scan = read_scan(save_series(tmp_path / "study", series_of(ARRAY, AFFINE)))
    cut = in_plane(scan, plane)
    mask = cut.voxels > 900
    assert tuple(nibabel.aff2axcodes(cut.affine)) == PLANES[plane]
    np.testing.assert_array_equal(array_in_plane(mask, cut, "axial"), scan.voxels > 900)
    again = in_plane(cut, "axial")
    np.testing.assert_array_equal(again.voxels, scan.voxels)
    np.testing.assert_allclose(again.affine, scan.affine, atol=1e-9)
    with pytest.raises(InputError, match="no plane"):
        in_plane(scan, "oblique")


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(132, 1100), st.integers(0, 255)), min_size=1, max_size=6))
@pytest.mark.filterwarnings("ignore")
def test_damaged_headers_give_a_sentence_or_a_scan(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("fuzz")
    path = save(folder, one_slice(), "fuzz.dcm")
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[place] = value
    path.write_bytes(data)
    try:
        read_scan(path)
    except InputError as error:
        assert str(folder) not in str(error)
