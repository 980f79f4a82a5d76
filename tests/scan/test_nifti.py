"""NIfTI: every orientation comes in as radiological axial slices and goes out where it was."""

import gzip
import tracemalloc

import nibabel
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nibabel import orientations

from metaseg.errors import InputError
from metaseg.scan import Scan, read_scan
from metaseg.scan.nifti import write_nifti
from metaseg.scan.planes import in_plane
from tests.volumes import CODES, affine_of, patient_coordinates, save, volume_of


def test_there_are_48_orientations():
    assert len(set(CODES)) == 48


@pytest.mark.parametrize("codes", CODES, ids="".join)
def test_a_marked_voxel_keeps_its_place(tmp_path, codes):
    array, affine = volume_of(codes), affine_of(codes)
    marked = tuple(size // 3 for size in array.shape)
    array[marked] = 5000
    scan = read_scan(save(tmp_path / "in.nii.gz", array, affine))
    assert scan.voxels.shape == (18, 24, 20)
    assert scan.spacing == pytest.approx((3.0, 1.1, 0.8))
    assert scan.orientation == codes
    ((slice_, row, column),) = np.argwhere(scan.voxels == 5000)
    here = patient_coordinates(scan.affine, (column, row, slice_))
    np.testing.assert_allclose(here, patient_coordinates(affine, marked), atol=1e-4)
    # Rows run to the patient's back and columns to the left: radiological convention.
    assert orientations.aff2axcodes(scan.affine) == ("L", "P", "S")
    write_nifti(tmp_path / "out.nii.gz", (scan.voxels == 5000).astype(np.uint8), scan)
    out = nibabel.load(tmp_path / "out.nii.gz")
    np.testing.assert_allclose(out.affine, affine, atol=1e-4)
    np.testing.assert_array_equal(np.asarray(out.dataobj), array == 5000)


@settings(max_examples=40, deadline=None)
@given(
    codes=st.sampled_from(CODES),
    zooms=st.tuples(*[st.floats(0.2, 8)] * 3),
    angles=st.tuples(*[st.floats(-0.6, 0.6)] * 3),
    origin=st.tuples(*[st.floats(-300, 300)] * 3),
    second=st.booleans(),
)
def test_oblique_round_trip(tmp_path_factory, codes, zooms, angles, origin, second):
    folder = tmp_path_factory.mktemp("oblique")
    affine = affine_of(codes, zooms, origin)
    affine[:3, :3] = nibabel.eulerangles.euler2mat(*angles) @ affine[:3, :3]
    array = volume_of(codes)
    kind = nibabel.Nifti2Image if second else nibabel.Nifti1Image
    scan = read_scan(save(folder / "in.nii", array, affine, kind))
    write_nifti(folder / "out.nii", scan.voxels.astype(np.int16), scan)
    out = nibabel.load(folder / "out.nii")
    np.testing.assert_array_equal(np.asarray(out.dataobj), array)
    np.testing.assert_allclose(out.affine, affine, atol=1e-3)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "i4", "f4", "f8"])
def test_data_types(tmp_path, dtype):
    array = volume_of(("L", "P", "S")).astype(dtype)
    scan = read_scan(save(tmp_path / "a.nii", array, affine_of("LPS")))
    assert scan.voxels.dtype == np.float32
    assert scan.eight_bit == (dtype == "u1")
    np.testing.assert_array_equal(scan.voxels, array.transpose(2, 1, 0).astype(np.float32))


def test_scaled_data_are_not_eight_bit(tmp_path):
    image = nibabel.Nifti1Image(volume_of("LPS").astype(np.uint8), affine_of("LPS"))
    image.header.set_slope_inter(2.5, -10)
    nibabel.save(image, tmp_path / "a.nii")
    scan = read_scan(tmp_path / "a.nii")
    assert not scan.eight_bit
    np.testing.assert_allclose(scan.voxels, nibabel.load(tmp_path / "a.nii").get_fdata().T)


def test_one_slice_and_content_over_ending(tmp_path):
    array = volume_of("LPS")[..., 0]
    path = save(tmp_path / "a.nii", array, affine_of("LPS"))
    scan = read_scan(path.rename(tmp_path / "a.png"))
    np.testing.assert_array_equal(scan.voxels[0], array.T)


def test_name_loses_both_endings(tmp_path):
    path = save(tmp_path / "visit.1.nii.gz", volume_of("LPS"), affine_of("LPS"))
    assert read_scan(path).name == "visit.1"


def write_bytes(tmp_path, data: bytes):
    (tmp_path / "bad.nii").write_bytes(data)
    return tmp_path / "bad.nii"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_header_promises_more_than_the_file_holds(tmp_path, share):
    data = nibabel.Nifti1Image(volume_of("LPS"), affine_of("LPS")).to_bytes()
    path = write_bytes(tmp_path, data[: int(len(data) * share)])
    with pytest.raises(InputError, match="damaged or cut off"):
        read_scan(path)


def test_truncated_gzip(tmp_path):
    data = gzip.compress(nibabel.Nifti1Image(volume_of("LPS"), affine_of("LPS")).to_bytes())
    with pytest.raises(InputError, match="damaged or cut off"):
        read_scan(write_bytes(tmp_path, data[: len(data) // 2]))


def test_gzip_without_a_volume(tmp_path):
    with pytest.raises(InputError, match="without a NIfTI volume"):
        read_scan(write_bytes(tmp_path, gzip.compress(b"only words" * 100)))


@pytest.mark.parametrize("dtype", [np.complex64, [("R", "u1"), ("G", "u1"), ("B", "u1")]])
def test_complex_and_colour(tmp_path, dtype):
    array = np.zeros((20, 20, 4), dtype)
    with pytest.raises(InputError, match="complex or colour"):
        read_scan(save(tmp_path / "a.nii", array, np.eye(4)))


def test_singular_affine(tmp_path):
    affine = np.diag([1.0, 1, 1, 1])
    image = nibabel.Nifti1Image(volume_of("LPS"), affine)
    image.header["srow_z"] = 0
    image.header["sform_code"] = 1
    image.header["qform_code"] = 0
    with pytest.raises(InputError, match="singular affine"):
        read_scan(write_bytes(tmp_path, bytes_of(image)))
    image.header["srow_z"] = [1e30, 0, 1, 0]
    with pytest.raises(InputError, match="singular affine"):
        read_scan(write_bytes(tmp_path, bytes_of(image)))


def bytes_of(image: nibabel.Nifti1Image) -> bytes:
    """Header as it stands, where nibabel's own writer would put the affine back in order."""
    header = image.header.copy()
    header["vox_offset"] = 352
    extra = b"\0" * (352 - len(header.binaryblock))
    return header.binaryblock + extra + np.asarray(image.dataobj).tobytes(order="F")


def test_not_finite(tmp_path):
    array = volume_of("LPS").astype(np.float32)
    array[1, 2, 3] = np.nan
    with pytest.raises(InputError, match="not finite"):
        read_scan(save(tmp_path / "a.nii", array, np.eye(4)))


def test_too_many_voxels_by_the_header(tmp_path):
    image = nibabel.Nifti1Image(volume_of("LPS"), affine_of("LPS"))
    image.header["dim"][1:4] = 2000
    with pytest.raises(InputError, match="too many voxels"):
        read_scan(write_bytes(tmp_path, bytes_of(image)))


def test_zero_spacing(tmp_path):
    image = nibabel.Nifti1Image(volume_of("LPS"), affine_of("LPS"))
    image.header["sform_code"] = image.header["qform_code"] = 0
    image.header["pixdim"][2] = 0
    with pytest.raises(InputError, match="spacing of zero"):
        read_scan(write_bytes(tmp_path, bytes_of(image)))


def test_unknown_orientation_is_noticed(tmp_path):
    path = tmp_path / "a.nii"
    nibabel.save(nibabel.Nifti1Image(volume_of("LPS"), None), path)
    assert "does not state its orientation" in read_scan(path).notices[0]


def test_metres_become_millimetres(tmp_path):
    image = nibabel.Nifti1Image(volume_of("LPS"), affine_of("LPS") @ np.diag([1e-3] * 3 + [1]))
    image.header.set_xyzt_units("meter")
    nibabel.save(image, tmp_path / "a.nii")
    scan = read_scan(tmp_path / "a.nii")
    assert scan.spacing == pytest.approx((3e-3 * 1000, 1.1e-3 * 1000, 0.8e-3 * 1000), rel=1e-5)


@pytest.mark.parametrize("codes", [("L", "P", "S"), ("R", "S", "A"), ("P", "S", "R")], ids="".join)
def test_thick_slices_are_shown_as_they_were_taken(tmp_path, codes):
    affine = affine_of(codes, (1.0, 1.0, 1.0))
    affine[:3, 2] *= 5
    array = np.random.default_rng(0).integers(0, 9, (40, 50, 6)).astype(np.int16)
    path = save(tmp_path / "a.nii", array, affine)
    scan = read_scan(path)
    assert scan.plane == {"S": "axial", "A": "coronal", "R": "sagittal"}[codes[2]]
    assert scan.spacing == pytest.approx((5, 1, 1))
    write_nifti(tmp_path / "out.nii", scan.voxels.astype(np.int16), scan)
    out = nibabel.load(tmp_path / "out.nii")
    np.testing.assert_array_equal(np.asarray(out.dataobj), array)
    np.testing.assert_allclose(out.affine, affine, atol=1e-5)


def test_voxels_that_begin_inside_the_header(tmp_path):
    path = save(tmp_path / "a.nii", volume_of("LPS"), affine_of("LPS"))
    data = bytearray(path.read_bytes())
    data[108:112] = bytes(4)
    path.write_bytes(data)
    with pytest.raises(InputError, match="begin inside its header"):
        read_scan(path)


def test_half_of_a_pair(tmp_path):
    nibabel.save(nibabel.Nifti1Pair(volume_of("LPS"), affine_of("LPS")), tmp_path / "a.img")
    with pytest.raises(InputError, match=r"pair of files"):
        read_scan(tmp_path / "a.hdr")


def test_gzip_bomb_is_unpacked_no_further_than_its_header(tmp_path):
    data = nibabel.Nifti1Image(volume_of("LPS"), affine_of("LPS")).to_bytes()
    path = write_bytes(tmp_path, gzip.compress(data + bytes(300_000_000), 1))
    tracemalloc.start()
    np.testing.assert_array_equal(read_scan(path).voxels, volume_of("LPS").T)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_masks_are_written_as_8_bits(tmp_path):
    scan = read_scan(save(tmp_path / "a.nii", volume_of("LPS"), affine_of("LPS")))
    write_nifti(tmp_path / "m.nii.gz", scan.voxels > 500, scan)
    mask = nibabel.load(tmp_path / "m.nii.gz")
    assert mask.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(mask.dataobj), volume_of("LPS") > 500)


@settings(max_examples=150, deadline=None)
@example([(319, 89)])
@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_headers_give_a_sentence_or_a_scan(tmp_path_factory, changes):
    data = bytearray(nibabel.Nifti1Image(volume_of("LPS"), affine_of("LPS")).to_bytes())
    for place, value in changes:
        data[place] = value
    path = write_bytes(tmp_path_factory.mktemp("fuzz"), bytes(data))
    try:
        read_scan(path)
    except InputError as error:
        assert str(path.parent) not in str(error)


@pytest.mark.parametrize("zooms", [(1000.0, 1, 1), (1.0, 1, 0.001), (1.0, 25, 15), (3e-9, 1, 1)])
def test_a_spacing_that_cannot_be_true_is_ignored(tmp_path, zooms):
    scan = read_scan(save(tmp_path / "a.nii", volume_of("LPS"), affine_of("LPS", zooms)))
    assert scan.spacing is None and scan.aspect == 1
    assert "is implausible" in scan.notices[0]
    assert in_plane(scan, "axial").spacing is None
    np.testing.assert_array_equal(in_plane(scan, "axial").voxels, volume_of("LPS").T)


def test_thick_slices_are_true(tmp_path):
    path = save(tmp_path / "a.nii", volume_of("LPS"), affine_of("LPS", (0.2, 0.2, 10.0)))
    scan = read_scan(path)
    assert scan.spacing == pytest.approx((10, 0.2, 0.2)) and scan.notices == ()
    assert in_plane(scan, "coronal").aspect == 20  # of 50: no picture is stretched so far


def test_too_many_slices(tmp_path):
    path = save(tmp_path / "a.nii.gz", np.zeros((16, 16, 4001), np.uint8), affine_of("LPS"))
    with pytest.raises(InputError, match="4001 slices"):
        read_scan(path)


def test_a_side_that_nifti_1_cannot_hold(tmp_path):
    mask = np.zeros((2, 16, 40_000), bool)
    mask[1, 3, 39_999] = True
    write_nifti(tmp_path / "m.nii.gz", mask, Scan(mask.astype(np.float32), "wide"))
    np.testing.assert_array_equal(nibabel.load(tmp_path / "m.nii.gz").get_fdata().T, mask)
