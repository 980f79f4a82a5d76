"""NIfTI: every orientation comes in as radiological axial slices and goes out where it was."""

import gzip
import itertools

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel import orientations

from metaseg.errors import InputError
from metaseg.scan import read_scan
from metaseg.scan.nifti import write_nifti

PAIRS = [("R", "L"), ("A", "P"), ("S", "I")]
CODES = [
    tuple(axis) for order in itertools.permutations(PAIRS) for axis in itertools.product(*order)
]
SIZES = {"R": 20, "L": 20, "A": 24, "P": 24, "S": 18, "I": 18}


def affine_of(codes, zooms=(0.8, 1.1, 3.0), origin=(-40.0, 12.5, 7.0)) -> np.ndarray:
    """The affine of a volume whose axes run to ``codes``; zooms in mm belong to R, A and S."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, code in enumerate(codes):
        row = ["RL", "AP", "SI"].index(next(p for p in ("RL", "AP", "SI") if code in p))
        affine[row, column] = zooms[row] * (1 if code in "RAS" else -1)
    affine[:3, 3] = origin
    return affine


def volume_of(codes, dtype=np.int16) -> np.ndarray:
    shape = [SIZES[code] for code in codes]
    return np.random.default_rng(3).integers(0, 1000, shape).astype(dtype)


def save(path, array, affine, kind=nibabel.Nifti1Image):
    nibabel.save(kind(array, affine), path)
    return path


def patient_coordinates(affine: np.ndarray, index) -> np.ndarray:
    return affine[:3, :3] @ np.asarray(index, float) + affine[:3, 3]


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
