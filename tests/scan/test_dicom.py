"""DICOM: series, multi-frame files and everything odd that hospitals send."""

import shutil

import imagecodecs
import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import (
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from metaseg.errors import InputError
from metaseg.scan import SeriesChoiceError, list_series, read_scan
from metaseg.scan.dicom_codecs import PLUGIN
from metaseg.scan.planes import PLANES, array_in_plane, in_plane
from tests.dicom_files import multi_frame_of, save_series, series_of, set_pixels
from tests.volumes import CODES, affine_of, volume_of

LPS = ("L", "P", "S")
ARRAY, AFFINE = volume_of(LPS), affine_of(LPS)


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


def one_slice(**attributes) -> Dataset:
    return series_of(ARRAY, AFFINE, **attributes)[4]


def save(tmp_path, data, name="slice.png"):
    data.save_as(tmp_path / name, enforce_file_format=True)
    return tmp_path / name


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


def compress(data: Dataset, syntax: str) -> None:
    if syntax in (RLELossless, JPEG2000Lossless, JPEGLSLossless):
        data.compress(syntax, generate_instance_uid=False)
        return
    encode = {
        JPEGLosslessSV1: imagecodecs.ljpeg_encode,
        HTJ2KLossless: imagecodecs.htj2k_encode,
        JPEGBaseline8Bit: imagecodecs.jpeg8_encode,
    }[syntax]
    data.PixelData = encapsulate([encode(data.pixel_array)])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = syntax


@pytest.mark.parametrize(
    "syntax",
    [RLELossless, JPEG2000Lossless, JPEGLSLossless, JPEGLosslessSV1, HTJ2KLossless],
    ids=lambda uid: uid.keyword,
)
def test_compressed_lossless_is_exact(tmp_path, syntax):
    array = np.random.default_rng(0).integers(0, 4000, (64, 70, 3)).astype(np.uint16)
    slices = series_of(array, AFFINE)
    for data in slices:
        compress(data, syntax)
    scan = read_scan(save_series(tmp_path / "study", slices))
    np.testing.assert_array_equal(scan.voxels, array.transpose(2, 1, 0))


@pytest.mark.parametrize("dtype, bits", [(np.uint16, 12), (np.int16, 16), (np.uint8, 8)])
@pytest.mark.parametrize("predictor", [1, 4, 7])
def test_lossless_jpeg_without_a_gpl_decoder(dtype, bits, predictor):
    top = 2 ** (bits - 1)
    pixels = np.random.default_rng(0).integers(0, top, (40, 50)).astype(dtype)
    (data,) = series_of(pixels.T[..., None], AFFINE)
    data.BitsStored, data.HighBit = bits, bits - 1
    stored = pixels.view(f"u{pixels.itemsize}")
    encoded = imagecodecs.jpeg8_encode(
        stored, lossless=True, predictor=predictor, bitspersample=bits
    )
    data.PixelData = encapsulate([encoded])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = JPEGLossless
    decoded, _ = get_decoder(JPEGLossless).as_array(data, decoding_plugin=PLUGIN)
    np.testing.assert_array_equal(decoded, pixels)


def test_jpeg_baseline(tmp_path):
    smooth = np.linspace(0, 255, 64).astype(np.uint8)[:, None, None].repeat(70, 1)
    (data,) = series_of(smooth, AFFINE)
    compress(data, JPEGBaseline8Bit)
    scan = read_scan(save(tmp_path, data))
    assert scan.eight_bit
    assert np.abs(scan.voxels[0] - smooth[..., 0].T).max() <= 4


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_rescale_and_depth(tmp_path, dtype):
    stored = (ARRAY % 200).astype(dtype)
    plain = read_scan(save(tmp_path, series_of(stored, AFFINE)[4]))
    assert plain.eight_bit == (dtype == np.uint8)
    scaled = series_of(stored, AFFINE, RescaleSlope="2.5", RescaleIntercept="-7")[4]
    scan = read_scan(save(tmp_path, scaled))
    assert not scan.eight_bit
    np.testing.assert_allclose(scan.voxels[0], stored[:, :, 4].T * 2.5 - 7)


@pytest.mark.parametrize("dtype, top", [(np.uint16, 65535), (np.int16, -1), (np.uint8, 255)])
def test_monochrome1_is_turned_over(tmp_path, dtype, top):
    stored = (ARRAY % 200).astype(dtype)
    data = series_of(stored, AFFINE, PhotometricInterpretation="MONOCHROME1")[4]
    np.testing.assert_array_equal(
        read_scan(save(tmp_path, data)).voxels[0], top - stored[:, :, 4].T.astype(np.float32)
    )


def test_colour_becomes_grey(tmp_path):
    data = one_slice(SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    grey = (ARRAY[:, :, 4].T % 250).astype(np.uint8)
    set_pixels(data, grey)
    data.PixelData = np.stack([grey] * 3, -1).tobytes()
    np.testing.assert_array_equal(read_scan(save(tmp_path, data)).voxels[0], grey)


def test_file_without_preamble(tmp_path):
    data = one_slice()
    del data.file_meta
    path = tmp_path / "old"
    dcmwrite(path, data, implicit_vr=True, little_endian=True)
    path.write_bytes(path.read_bytes().removeprefix(b"\0" * 128 + b"DICM"))
    np.testing.assert_array_equal(read_scan(path).voxels[0], ARRAY[:, :, 4].T)


def test_implicit_vr(tmp_path):
    data = one_slice()
    data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    np.testing.assert_array_equal(read_scan(save(tmp_path, data)).voxels[0], ARRAY[:, :, 4].T)


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
    assert "uneven distances" in scan.notices[0]


def test_the_same_file_twice(tmp_path):
    folder = save_series(tmp_path / "study", series_of(ARRAY, AFFINE))
    file = sorted(folder.iterdir())[3]
    shutil.copy(file, folder / "copy")
    scan = read_scan(folder)
    assert scan.voxels.shape == (18, 24, 20)
    assert "there twice" in scan.notices[0]


def test_two_slices_at_one_place(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    slices[4].ImagePositionPatient = slices[5].ImagePositionPatient
    scan = read_scan(save_series(tmp_path / "study", slices))
    assert "at places where another one lies" in scan.notices[0]
    assert "lacks 1 of its 18" in scan.notices[1]


def test_several_series_are_offered(tmp_path):
    save_series(tmp_path / "study" / "a", series_of(ARRAY, AFFINE, "T1 post"))
    second = series_of(ARRAY + 1, AFFINE, "FLAIR")
    save_series(tmp_path / "study" / "b", second)
    with pytest.raises(
        SeriesChoiceError, match=r"holds 2 series.*1\) FLAIR.*2\) T1 post"
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
    save(folder, report, "report.dcm")
    assert read_scan(folder).voxels.shape == (18, 24, 20)


def test_a_damaged_file_of_a_series_becomes_a_gap(tmp_path):
    folder = save_series(tmp_path / "study", series_of(ARRAY, AFFINE), shuffle=False)
    file = sorted(folder.iterdir())[8]
    file.write_bytes(file.read_bytes()[:-200])
    scan = read_scan(folder)
    assert scan.voxels.shape == (18, 24, 20)
    assert np.ptp(scan.voxels[8]) == 0
    assert scan.sources[8] is None
    assert "1 slice of study is damaged" in scan.notices[0]


def test_slices_without_positions(tmp_path):
    slices = series_of(ARRAY, AFFINE)
    for data in slices:
        del data.ImagePositionPatient
    scan = read_scan(save_series(tmp_path / "study", slices))
    assert scan.affine is None
    assert scan.spacing == pytest.approx((3.0, 1.1, 0.8))
    np.testing.assert_array_equal(scan.voxels, ARRAY.transpose(2, 1, 0))
    assert "does not say where its slices lie" in scan.notices[0]


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


@settings(max_examples=150, deadline=None)
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
