"""DICOM series as scanners, anonymisers and converters spoil them."""

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless, generate_uid

from metaseg.errors import InputError
from metaseg.scan import SeriesChoiceError, read_mask, read_scan
from metaseg.scan.dicom_seg import write_dicom_seg
from tests.dicom_files import (
    AFFINE,
    ARRAY,
    list_series,
    multi_frame_of,
    save,
    save_series,
    series_of,
    set_pixels,
)

VOXELS = ARRAY.transpose(2, 1, 0)
DEPTH = ARRAY.shape[2]


@pytest.mark.parametrize("uid", ["", "1.2.3"])
def test_files_with_one_identifier_or_none_are_slices_all_the_same(tmp_path, uid):
    scan = read_scan(save_series(tmp_path / "s", series_of(ARRAY, AFFINE, SOPInstanceUID=uid)))
    np.testing.assert_array_equal(scan.voxels, VOXELS)
    assert not scan.notices


def test_compressed_frames_may_run_against_the_patients_axis(tmp_path):
    plain = multi_frame_of(ARRAY[:, :, ::-1], AFFINE)
    groups = plain.PerFrameFunctionalGroupsSequence
    places = [group.PlanePositionSequence[0].ImagePositionPatient for group in groups]
    for group, place in zip(groups, places[::-1]):
        group.PlanePositionSequence[0].ImagePositionPatient = place
    plain.compress(RLELossless)
    np.testing.assert_array_equal(read_scan(save(tmp_path, plain)).voxels, VOXELS)


def test_without_the_distance_of_the_slices_no_volume_is_measured(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    for data in slices:
        del data.ImagePositionPatient, data.ImageOrientationPatient, data.SliceThickness
    scan = read_scan(save_series(tmp_path / "s", slices))
    assert len(scan.voxels) == DEPTH and scan.spacing is None


def test_a_trembling_orientation_is_one_series_and_another_spacing_is_another(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    for number, data in enumerate(slices):
        data.ImageOrientationPatient[1] += 0.05 + 1e-5 * (-1) ** number
    assert len(read_scan(save_series(tmp_path / "s", slices)).voxels) == DEPTH
    for data in slices[:5]:
        data.PixelSpacing = [2 * x for x in data.PixelSpacing]
    with pytest.raises(SeriesChoiceError, match=f"2 series.* {DEPTH - 5} slices.* 5 slices"):
        read_scan(save_series(tmp_path / "t", slices))


@pytest.mark.filterwarnings("ignore:Invalid value for VR IS")
def test_one_odd_value_spoils_no_series(tmp_path):
    slices = series_of(ARRAY, AFFINE, EchoTime=["3", "5"])
    folder = save_series(tmp_path / "s", slices)
    file = sorted(folder.iterdir())[0]
    number = str(
        next(s for s in slices if file.name.endswith(s.SOPInstanceUID[-6:])).InstanceNumber
    )
    tag = b"\x20\x00\x13\x00IS\x02\x00"
    data = file.read_bytes()
    assert tag + number.ljust(2).encode() in data
    file.write_bytes(data.replace(tag + number.ljust(2).encode(), tag + b"x1"))
    np.testing.assert_array_equal(read_scan(folder).voxels, VOXELS)


def test_a_slice_sent_twice_tears_no_series_apart(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    (again,) = series_of(ARRAY[:, :, 4:5], AFFINE)
    again.ImagePositionPatient = slices[4].ImagePositionPatient
    again.SeriesInstanceUID = slices[0].SeriesInstanceUID
    for number, data in enumerate([*slices, again]):
        data.AcquisitionNumber = number
    scan = read_scan(save_series(tmp_path / "s", [*slices, again]))
    assert len(scan.voxels) == DEPTH
    assert scan.notices == ("Slices at the position of another slice were left out: 1.",)


@pytest.mark.parametrize("in_frames", [True, False])
def test_time_points_and_echoes_are_told_apart(tmp_path, in_frames):
    folder = tmp_path / "s"
    if in_frames:
        data = multi_frame_of(np.concatenate([ARRAY, ARRAY + 1], axis=2), AFFINE)
        for number, group in enumerate(data.PerFrameFunctionalGroupsSequence):
            place, content = group.PlanePositionSequence[0], Dataset()
            position = np.array(place.ImagePositionPatient, float)
            if number >= DEPTH:
                first = data.PerFrameFunctionalGroupsSequence[number - DEPTH]
                position = np.array(first.PlanePositionSequence[0].ImagePositionPatient) + 1e-6
            place.ImagePositionPatient = [round(float(x), 6) for x in position]
            content.TemporalPositionIndex = 1 + number // DEPTH
            group.FrameContentSequence = [content]
        folder.mkdir()
        save(folder, data)
    else:
        kinds = [(echo, kind) for echo in ("10", "80") for kind in "MP"]
        slices = [
            data
            for number, (echo, kind) in enumerate(kinds)
            for data in series_of(
                ARRAY + number % 2,
                AFFINE,
                EchoTime=echo,
                ImageType=["ORIGINAL", "PRIMARY", kind],
                SeriesInstanceUID="1.2.3.4",
            )
        ]
        save_series(folder, slices)
    count = 2 if in_frames else 4
    assert len(list_series(folder)) == count
    assert {len(read_scan(folder, series=str(k + 1)).voxels) for k in range(count)} == {DEPTH}


def test_a_slice_sent_twice_does_not_hide_an_echo(tmp_path):
    slices = [
        data
        for number, echo in enumerate(("10", "80"))
        for data in series_of(ARRAY + number, AFFINE, EchoTime=echo, SeriesInstanceUID="1.2.3.4")
    ]
    (again,) = series_of(ARRAY[:, :, 4:5], AFFINE, EchoTime="10", SeriesInstanceUID="1.2.3.4")
    again.ImagePositionPatient = slices[4].ImagePositionPatient
    folder = save_series(tmp_path / "s", [*slices, again])
    assert len(list_series(folder)) == 2
    scans = [read_scan(folder, series=str(number)) for number in (1, 2)]
    assert sorted(len(scan.notices) for scan in scans) == [0, 1]
    assert sorted(scan.voxels.max() for scan in scans) == [VOXELS.max(), VOXELS.max() + 1]


def test_frames_that_share_the_position_of_the_file_are_slices_all_the_same(tmp_path):
    (data,) = series_of(ARRAY[:, :, :1], AFFINE)
    data.NumberOfFrames = DEPTH
    set_pixels(data, np.ascontiguousarray(VOXELS))
    scan = read_scan(save(tmp_path, data))
    np.testing.assert_array_equal(scan.voxels, VOXELS)
    assert scan.affine is None and "no slice positions" in scan.notices[0]


def test_one_number_for_the_spacing_is_none(tmp_path):
    slices = series_of(ARRAY, AFFINE, PixelSpacing=0.5)
    scan = read_scan(save_series(tmp_path / "s", slices))
    np.testing.assert_array_equal(scan.voxels, VOXELS)
    assert scan.spacing is None


@pytest.mark.parametrize(("shift", "beside"), [(0.05, 0), (1.0, 0), (0.9, 6)])
def test_a_patient_who_moved_between_two_time_points(tmp_path, shift, beside):
    moved = AFFINE.copy()
    moved[:3, 3] += (
        AFFINE[:3, [2, 0]] / np.linalg.norm(AFFINE[:3, [2, 0]], axis=0) @ [shift, beside]
    )
    common = {"SeriesInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3"}
    slices = [
        data
        for number, affine in enumerate((AFFINE, moved), start=1)
        for data in series_of(ARRAY + number, affine, TemporalPositionIdentifier=number, **common)
    ]
    folder = save_series(tmp_path / "s", slices)
    assert len(list_series(folder)) == 2
    assert len(read_scan(folder, series="2").voxels) == DEPTH


@pytest.mark.parametrize(
    ("apart", "shift"), [({"SeriesNumber": 2}, 0), ({"SeriesDescription": "T1 pre"}, 0), ({}, 1.5)]
)
def test_series_under_one_identifier_are_told_apart(tmp_path, apart, shift):
    """As bad anonymisers leave them."""
    moved = AFFINE.copy()
    moved[:3, 3] += shift * AFFINE[:3, 2] / np.linalg.norm(AFFINE[:3, 2])
    common = {"SeriesInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3"}
    one = series_of(ARRAY, AFFINE, EchoTime="3", **common)
    other = series_of(ARRAY + 1, moved, **{"EchoTime": "90" if shift else "3", **common, **apart})
    folder = save_series(tmp_path / "s", [*one, *other])
    assert len(list_series(folder)) == 2
    read = {float(read_scan(folder, series=str(k)).voxels.max()) for k in (1, 2)}
    assert read == {float(ARRAY.max()), float(ARRAY.max() + 1)}


def test_overlapping_reconstructions_are_one_series(tmp_path):
    spacing = float(np.linalg.norm(AFFINE[:3, 2]))
    slices = series_of(ARRAY, AFFINE, SliceThickness=2 * spacing, AcquisitionNumber=1)
    folder = save_series(tmp_path / "s", slices)
    assert len(list_series(folder)) == 1 and len(read_scan(folder).voxels) == DEPTH


def test_overlapping_reconstructions_of_two_echoes_are_two(tmp_path):
    spacing = float(np.linalg.norm(AFFINE[:3, 2]))
    common = {"SeriesInstanceUID": "1.2.3.4", "SliceThickness": 2 * spacing}
    one, other = (series_of(ARRAY, AFFINE, EchoTime=echo, **common) for echo in ("10", "80"))
    assert len(list_series(save_series(tmp_path / "s", [*one, *other]))) == 2


@pytest.mark.parametrize("thick_first", [False, True])
def test_a_series_of_two_thicknesses_stays_whole(tmp_path, thick_first):
    spacing = float(np.linalg.norm(AFFINE[:3, 2]))
    slices = series_of(ARRAY, AFFINE)
    for number, data in enumerate(slices):
        data.AcquisitionNumber = 1 + (number >= 10)
        data.SliceThickness = spacing * (1 + (number >= 10))
        data.InstanceNumber = len(slices) - number if thick_first else number + 1
    ordered = slices[::-1] if thick_first else slices
    assert len(list_series(save_series(tmp_path / "s", ordered, shuffle=False))) == 1


def test_a_segmentation_refers_to_every_file_that_says_it_has_one_frame(tmp_path):
    scan = read_scan(save_series(tmp_path / "s", series_of(ARRAY, AFFINE, NumberOfFrames=1)))
    mask = np.zeros(scan.voxels.shape, bool)
    mask[2, 5:9, 5:9] = mask[7, 3:6, 3:6] = True
    result, headers = write_dicom_seg(tmp_path / "m.dcm", mask, scan, "Network", "1")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.dcm", scan), mask)
    assert len(headers) == DEPTH and result.NumberOfFrames == 2


def test_several_multi_frame_files_get_no_segmentation_but_a_sentence(tmp_path):
    halves = [multi_frame_of(ARRAY[:, :, :9], AFFINE), multi_frame_of(ARRAY[:, :, 9:], AFFINE)]
    for group in halves[1].PerFrameFunctionalGroupsSequence:
        place = group.PlanePositionSequence[0]
        step = np.array(AFFINE[:3, 2]) * [-9, -9, 9]
        place.ImagePositionPatient = [
            round(float(x), 6) for x in np.array(place.ImagePositionPatient) + step
        ]
    uid = generate_uid()
    for half in halves:
        half.SeriesInstanceUID = uid
    scan = read_scan(save_series(tmp_path / "s", halves))
    assert len(scan.voxels) == DEPTH
    with pytest.raises(InputError, match="several multi-frame files"):
        write_dicom_seg(tmp_path / "m.dcm", scan.voxels > 0, scan, "Network", "1")
    assert not (tmp_path / "m.dcm").exists()


def test_numbers_of_the_visit_do_not_leave(tmp_path):
    scan = read_scan(
        save_series(
            tmp_path / "s",
            series_of(
                ARRAY,
                AFFINE,
                AdmissionID="ADM",
                PatientComments="x",
                ClinicalTrialSubjectID="7",
                PhysiciansOfRecord="Doe^Jane",
                NameOfPhysiciansReadingStudy="Doe^Jane",
            ),
        )
    )
    result, _ = write_dicom_seg(tmp_path / "m.dcm", scan.voxels > 0, scan, "Network", "1")
    assert not {"AdmissionID", "PatientComments", "ClinicalTrialSubjectID"} & set(result.dir())
    assert "Doe" not in str(result)
    assert result.PatientID == "phantom"
