"""What comes out of a volume: every file in the grid and at the place of the source."""

import csv
import io
import json

import highdicom
import nibabel
import numpy as np
import pytest

from metaseg.findings.contact_sheet import MAX_TILES, contact_sheet, pick_slices
from metaseg.findings.files import write_results
from metaseg.findings.report import find
from metaseg.prediction import Prediction
from metaseg.preprocess import Geometry, prepare
from metaseg.scan import read_scan, take_slice
from metaseg.scan.planes import in_plane
from metaseg.segmenter import Segmenter
from tests.conftest import draw_head, preprocessing
from tests.dicom_files import FLIP, save_series, series_of
from tests.volumes import CODES, affine_of, patient_coordinates, save, volume_of


def predicted(scan, mask: np.ndarray) -> Prediction:
    """A prediction as a network would have made it."""
    return Prediction(mask * np.float32(0.8), "unet", "U-Net", "0" * 64, 1.0)


# Reader and writers are tested with all 48 orientations on their own.
@pytest.mark.parametrize("codes", CODES[::7], ids="".join)
@pytest.mark.parametrize("kind", ["nifti", "dicom"])
def test_a_lesion_comes_back_at_its_place(tmp_path, small_segmenter, codes, kind):
    array, affine = volume_of(codes), affine_of(codes)
    marked = tuple(size // 3 for size in array.shape)
    array[marked] = 5000
    if kind == "dicom":
        scan = read_scan(save_series(tmp_path / "v", series_of(array, affine)))
    else:
        scan = read_scan(save(tmp_path / "v.nii.gz", array, affine))
    prediction = predicted(scan, scan.voxels == 5000)
    found = find(scan, prediction, 0.5)
    report, files = write_results(tmp_path, "v", small_segmenter, scan, prediction, found)
    there = patient_coordinates(affine, marked)
    (lesion,) = report.lesions
    np.testing.assert_allclose(lesion.centroid_ras_mm, there, atol=1e-3)
    assert lesion.volume_mm3 == pytest.approx(0.8 * 1.1 * 3.0, rel=1e-4)
    for name, value in (("mask", 1), ("probability", 0.8)):
        image = nibabel.load(tmp_path / f"v_{name}.nii.gz")
        (index,) = np.argwhere(np.asarray(image.dataobj) > 0)
        np.testing.assert_allclose(patient_coordinates(image.affine, index), there, atol=1e-3)
        assert np.asarray(image.dataobj).max() == pytest.approx(value)
    if kind == "nifti":
        assert image.shape == array.shape
        np.testing.assert_allclose(image.affine, affine, atol=1e-4)
    else:
        volume = highdicom.seg.segread(tmp_path / "v_seg.dcm").get_volume(combine_segments=True)
        (index,) = np.argwhere(volume.array)
        np.testing.assert_allclose((FLIP @ volume.affine @ [*index, 1])[:3], there, atol=1e-3)
    assert {*files} == {"v.json", *(path.name for path in tmp_path.glob("v_*"))}


def head_volume(slices: int = 8) -> np.ndarray:
    """(column, row, slice) int16: drawn heads, with air at both ends."""
    heads = [draw_head(seed=number)[0] for number in range(slices)]
    heads[0] = heads[-1] = np.zeros_like(heads[0])
    return np.stack(heads, -1).transpose(1, 0, 2).astype(np.int16) * 9


def test_dicom_gives_the_prediction_of_the_nifti_it_was_made_from(tmp_path, small_segmenter):
    array, affine = head_volume(), affine_of("LPS", (0.9, 0.9, 4.0))
    nifti = read_scan(save(tmp_path / "v.nii.gz", array, affine))
    dicom = read_scan(save_series(tmp_path / "v", series_of(array, affine)))
    for model in ("nested_unet", "attention_unet"):
        expected, found = (small_segmenter.predict(scan, model) for scan in (nifti, dicom))
        np.testing.assert_allclose(found.probability, expected.probability, atol=1e-6)
        assert "without tissue were skipped: 2 of 8" in found.notices[0]


def test_smallest_lesion_table_and_every_slice(tmp_path, small_segmenter):
    scan = read_scan(save(tmp_path / "v.nii", volume_of("LPS"), affine_of("LPS")))
    mask = np.zeros(scan.voxels.shape, bool)
    mask[3, 4, 5] = mask[10, 10:14, 10:14] = True
    prediction = predicted(scan, mask)
    found = find(scan, prediction, 0.5, minimum=10.0)
    report, files = write_results(
        tmp_path, "v", small_segmenter, scan, prediction, found, each_slice=True
    )
    assert [lesion.volume_voxels for lesion in report.lesions] == [16]
    assert report.slices_with_lesion == (10,)
    (row,) = csv.DictReader(io.StringIO((tmp_path / "v_lesions.csv").read_text()))
    assert float(row["volume_mm3"]) == pytest.approx(16 * 2.64, rel=1e-3)
    assert json.loads((tmp_path / "v.json").read_text()) == report.to_json()
    assert sum(name.endswith("_mask.png") for name in files) == 18
    assert np.asarray(nibabel.load(tmp_path / "v_mask.nii.gz").dataobj).sum() == 16


def test_without_a_frame_of_reference_a_notice_stands_for_the_dicom_seg(tmp_path, small_segmenter):
    slices = series_of(volume_of("LPS"), affine_of("LPS"))
    for data in slices:
        del data.FrameOfReferenceUID
    scan = read_scan(save_series(tmp_path / "v", slices))
    prediction = predicted(scan, scan.voxels > 990)
    found = find(scan, prediction, 0.5)
    report, files = write_results(tmp_path, "v", small_segmenter, scan, prediction, found)
    assert report.notices[0].startswith("There is no DICOM-SEG")
    assert not any(name.endswith(".dcm") for name in files)


def test_pixels_that_are_not_square_are_corrected_for_the_network(small_segmenter):
    geometry = Geometry.fit((100, 200), (0, 100, 0, 200), 160, aspect=2.0)
    assert (geometry.height, geometry.width) == (160, 160)
    mask = np.zeros((100, 200), bool)
    mask[30:50, 60:100] = True
    back = geometry.inverse(geometry.forward_mask(mask).astype(np.float32)) >= 0.5
    assert (back & mask).sum() / (back | mask).sum() > 0.9
    grey = draw_head((128, 128))[0]
    squashed = grey[::2]
    settings = preprocessing(64)
    square, wide = prepare(grey, settings)[0], prepare(squashed, settings, aspect=2.0)[0]
    assert np.abs(square.astype(int) - wide).mean() < 12


def test_planes_of_a_volume_are_predicted_and_come_back(tmp_path, small_segmenter: Segmenter):
    array = np.repeat(head_volume(), 6, axis=2)
    affine = affine_of("LPS", (0.9, 0.9, 2.0))
    scan = read_scan(save(tmp_path / "v.nii", array, affine))
    for plane in ("coronal", "sagittal"):
        cut = in_plane(scan, plane)
        prediction = small_segmenter.predict(cut, "unet")
        assert prediction.probability.shape == cut.voxels.shape
        found = find(cut, prediction, 0.5)
        write_results(tmp_path, plane, small_segmenter, cut, prediction, found)
        image = nibabel.load(tmp_path / f"{plane}_probability.nii.gz")
        assert image.shape == array.shape
        np.testing.assert_allclose(image.affine, affine, atol=1e-4)


def test_contact_sheet_shows_the_slices_with_lesions():
    mask = np.zeros((60, 32, 40), bool)
    assert len(pick_slices(mask)) <= MAX_TILES
    mask[20:23, 5, 5] = True
    assert pick_slices(mask) == [20, 21, 22]
    mask[:, 5, 5] = True
    assert len(pick_slices(mask)) == MAX_TILES
    sheet = contact_sheet(lambda index: np.full((32, 40), 90, np.uint8), mask[:3], (9, 9, 9), 2.0)
    assert sheet.shape == (240, 3 * 150 + 2 * 4, 3)


def test_one_slice_of_a_volume_keeps_its_place(tmp_path):
    scan = read_scan(save(tmp_path / "v.nii", volume_of("LPS"), affine_of("LPS")))
    one, _ = take_slice(scan, 7)
    expected = patient_coordinates(scan.affine, (3, 4, 7))
    np.testing.assert_allclose(patient_coordinates(one.affine, (3, 4, 0)), expected)
