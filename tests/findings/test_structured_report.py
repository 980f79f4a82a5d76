"""The structured report measures what the DICOM-SEG beside it marks."""

import highdicom
import numpy as np
import pytest
from highdicom.sr import srread
from pydicom import dcmread
from pydicom.sr.codedict import codes

from metaseg.findings.files import write_results
from metaseg.findings.report import find
from metaseg.findings.review import Review, apply_review
from metaseg.scan import read_scan
from metaseg.scan.dicom_seg import MOST_SEGMENTS
from metaseg.scan.planes import in_plane
from tests.dicom_files import multi_frame_of, save_series, series_of
from tests.findings.test_files import predicted
from tests.volumes import affine_of, volume_of

ARRAY, AFFINE = volume_of("LPS"), affine_of("LPS")
VOXEL_MM3 = 0.8 * 1.1 * 3.0


def two_lesions(scan) -> np.ndarray:
    mask = np.zeros(scan.voxels.shape, bool)
    mask[3:5, 4:8, 5:9] = mask[-1, 1:3, 1:3] = True
    return mask


def results(folder, segmenter, scan, mask, review=None):
    """Report, files, and the folder's DICOM-SEG and structured report."""
    prediction = predicted(scan, mask)
    found = find(scan, prediction, 0.5)
    if review is not None:
        (found,) = apply_review(review, scan, [prediction], [found]).findings
    report, files = write_results(folder, "v", segmenter, scan, prediction, found)
    return report, files, highdicom.seg.segread(folder / "v_seg.dcm"), folder / "v_sr.dcm"


def test_a_result_without_lesions_leaves_no_report_of_an_earlier_one(tmp_path, small_segmenter):
    scan = read_scan(save_series(tmp_path / "s", series_of(ARRAY, AFFINE)))
    *_, path = results(tmp_path, small_segmenter, scan, two_lesions(scan))
    assert path.is_file()
    results(tmp_path, small_segmenter, scan, np.zeros(scan.voxels.shape, bool))
    assert not path.exists()


@pytest.mark.parametrize("plane", ["axial", "coronal"])
def test_measures_and_references_are_those_of_the_segments(tmp_path, small_segmenter, plane):
    scan = in_plane(read_scan(save_series(tmp_path / "s", series_of(ARRAY, AFFINE))), plane)
    report, files, seg, path = results(tmp_path, small_segmenter, scan, two_lesions(scan))
    assert "v_sr.dcm" in files and not any("DICOM" in notice for notice in report.notices)
    sr = srread(path)
    assert sr.VerificationFlag == "UNVERIFIED"
    groups = sr.content.get_volumetric_roi_measurement_groups()
    assert len(groups) == len(report.lesions) == 2
    for group, lesion in zip(groups, report.lesions):
        (volume,) = group.get_measurements(name=codes.SCT.Volume)
        assert volume.value == pytest.approx(lesion.volume_mm3)
        assert volume.unit == codes.UCUM.CubicMillimeter
        (diameter,) = group.get_measurements(name=codes.SCT.LongAxis)
        assert diameter.value == pytest.approx(lesion.diameter_mm)
        assert diameter.unit == codes.UCUM.Millimeter
        reference = group.referenced_segment[0]
        assert reference.referenced_sop_instance_uid == seg.SOPInstanceUID
        (number,) = reference.referenced_segment_numbers
        assert number == lesion.number
        marked = seg.get_volume(segment_numbers=[number], combine_segments=True).array > 0
        assert marked.sum() * VOXEL_MM3 == pytest.approx(volume.value, rel=1e-4)
        assert group.tracking_uid == seg.get_segment_description(number).tracking_uid
        assert group.tracking_identifier == f"Lesion {number}"
    evidence = [
        item.ReferencedSOPInstanceUID
        for study in sr.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    ]
    assert seg.SOPInstanceUID in evidence and len(evidence) == 1 + ARRAY.shape[2]
    assert sr.StudyInstanceUID == seg.StudyInstanceUID and sr.PatientID == "phantom"


def test_a_slice_is_measured_by_area(tmp_path, small_segmenter):
    slices = series_of(ARRAY, AFFINE)
    slices[4].save_as(tmp_path / "slice.dcm", enforce_file_format=True)
    scan = read_scan(tmp_path / "slice.dcm")
    mask = np.zeros(scan.voxels.shape, bool)
    mask[0, 4:8, 5:9] = True
    *_, path = results(tmp_path, small_segmenter, scan, mask)
    (group,) = srread(path).content.get_volumetric_roi_measurement_groups()
    (area,) = group.get_measurements(name=codes.SCT.Area)
    assert area.value == pytest.approx(16 * 0.8 * 1.1)
    assert not group.get_measurements(name=codes.SCT.Volume)


def test_one_file_of_many_frames(tmp_path, small_segmenter):
    multi_frame_of(ARRAY, AFFINE).save_as(tmp_path / "m.dcm", enforce_file_format=True)
    scan = read_scan(tmp_path / "m.dcm")
    report, _, _, path = results(tmp_path, small_segmenter, scan, two_lesions(scan))
    assert len(srread(path).content.get_volumetric_roi_measurement_groups()) == 2, report.notices


def test_only_kept_lesions(tmp_path, small_segmenter):
    scan = read_scan(save_series(tmp_path / "s", series_of(ARRAY, AFFINE)))
    review = Review(scan.voxels.shape, rejected=((3, 5, 6),))
    report, _, seg, path = results(tmp_path, small_segmenter, scan, two_lesions(scan), review)
    (lesion,) = report.lesions
    assert lesion.volume_voxels == 4 and seg.number_of_segments == 1
    assert (seg.get_volume(combine_segments=True).array > 0).sum() == 4
    assert seg.get_segment_description(1).algorithm_type.value == "SEMIAUTOMATIC"
    (group,) = srread(path).content.get_volumetric_roi_measurement_groups()
    assert group.get_measurements(name=codes.SCT.Volume)[0].value == pytest.approx(4 * VOXEL_MM3)
    assert "reviewed" in dcmread(path).SeriesDescription


def test_nothing_found_gives_no_report_that_could_read_as_an_all_clear(tmp_path, small_segmenter):
    scan = read_scan(save_series(tmp_path / "s", series_of(ARRAY, AFFINE)))
    _, files, seg, path = results(tmp_path, small_segmenter, scan, scan.voxels < -1)
    assert "v_seg.dcm" in files and not path.exists() and seg.number_of_segments == 1


@pytest.mark.slow
def test_more_lesions_than_segments(tmp_path, small_segmenter):
    scan = read_scan(save_series(tmp_path / "s", series_of(ARRAY, AFFINE)))
    mask = np.zeros(scan.voxels.shape, bool)
    mask[::4, ::2, ::2] = True
    report, _, seg, path = results(tmp_path, small_segmenter, scan, mask)
    assert len(report.lesions) > MOST_SEGMENTS + 1
    assert seg.number_of_segments == MOST_SEGMENTS + 1
    assert (seg.get_volume(combine_segments=True).array > 0).sum() == mask.sum()
    groups = srread(path).content.get_volumetric_roi_measurement_groups()
    assert len(groups) == MOST_SEGMENTS
