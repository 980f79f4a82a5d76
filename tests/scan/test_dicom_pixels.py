"""The pixels of DICOM files: compression, rescaling, colour, and files of old software."""

import imagecodecs
import numpy as np
import pytest
from pydicom import Dataset, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
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
from metaseg.scan import read_scan
from metaseg.scan.dicom_codecs import PLUGIN, register
from tests.dicom_files import (
    AFFINE,
    ARRAY,
    one_slice,
    save,
    save_series,
    series_of,
    set_pixels,
)


@pytest.fixture(scope="module")
def registered():
    register()


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
def test_lossless_jpeg_without_a_gpl_decoder(registered, dtype, bits, predictor):
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


def test_a_palette_of_16_bits_is_eight_bit_grey(tmp_path):
    data = one_slice(PhotometricInterpretation="PALETTE COLOR")
    levels = (ARRAY[:, :, 4].T % 250).astype(np.uint8)
    set_pixels(data, levels)
    for colour in ("Red", "Green", "Blue"):
        setattr(data, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        table = (np.arange(256) * 257).astype("<u2").tobytes()
        setattr(data, f"{colour}PaletteColorLookupTableData", table)
    scan = read_scan(save(tmp_path, data))
    np.testing.assert_array_equal(scan.voxels[0], levels)
    assert scan.eight_bit


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


def encoded(syntax: str, frame: bytes) -> Dataset:
    """A slice of 24 x 20 whose pixels are ``frame``."""
    data = one_slice()
    data.PixelData = encapsulate([frame])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = syntax
    return data


@pytest.mark.parametrize(
    "syntax, encode",
    [
        (JPEGLosslessSV1, imagecodecs.ljpeg_encode),
        (JPEGLSLossless, imagecodecs.jpegls_encode),
        (JPEG2000Lossless, imagecodecs.jpeg2k_encode),
    ],
    ids=lambda value: getattr(value, "keyword", None),
)
def test_a_frame_of_another_size_than_the_header_is_never_decoded(
    tmp_path, monkeypatch, syntax, encode
):
    monkeypatch.setattr("metaseg.scan.dicom_pixels.decode", lambda *_: pytest.fail("decoded"))
    path = save(tmp_path, encoded(syntax, encode(np.zeros((600, 20), np.uint16))))
    with pytest.raises(InputError, match="damaged"):
        read_scan(path)


def test_deflated_file_and_one_that_inflates_to_too_much(tmp_path, monkeypatch):
    data = one_slice()
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = save(tmp_path, data)
    np.testing.assert_array_equal(read_scan(path).voxels[0], ARRAY[:, :, 4].T)
    monkeypatch.setattr("metaseg.scan.dicom_frames.MAX_DEFLATED_BYTES", 1000)
    with pytest.raises(InputError, match="unpacks to more than"):
        read_scan(path)


def test_a_header_of_endless_elements(tmp_path, monkeypatch):
    monkeypatch.setattr("metaseg.scan.dicom_frames.MAX_HEADER_READS", 20)
    with pytest.raises(InputError, match="too many elements"):
        read_scan(save(tmp_path, one_slice()))


def test_a_header_that_is_too_large(tmp_path, monkeypatch):
    data = one_slice()
    data.add_new(0x00090010, "LO", "PADDING")
    data.add_new(0x00091010, "OB", bytes(5000))
    path = save(tmp_path, data)
    read_scan(path)
    monkeypatch.setattr("metaseg.scan.dicom_frames.MAX_HEADER_BYTES", 5000)
    with pytest.raises(InputError, match="too much besides its image"):
        read_scan(path)


@pytest.mark.parametrize("frames", [4001, 2**31 - 1])
@pytest.mark.parametrize("side", [0, 1, 16])
def test_no_list_of_endless_frames(tmp_path, frames, side):
    data = one_slice(NumberOfFrames=frames)
    data.Rows = data.Columns = side
    with pytest.raises(InputError, match=r"too many frames|needs at least 16"):
        read_scan(save(tmp_path, data))
