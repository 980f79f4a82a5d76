"""Single downloads: each says what the zip says, of the kept lesions alone."""

import csv
import io
import zipfile
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
from PIL import Image

from metaseg.demo.downloads import FIGURES, LABELS, downloads_of, figure_panels, write_download
from metaseg.demo.result import result_of
from metaseg.demo.workbench import Workbench
from metaseg.errors import InputError
from metaseg.findings.review import Review
from tests.demo.test_handover import SLICE, TRUTH, inputs_of, unpacked
from tests.dicom_files import save_series, series_of
from tests.findings.test_files import head_volume
from tests.findings.test_paper_figure import texts
from tests.volumes import affine_of, save

AFFINE = affine_of("LPS", (0.9, 0.9, 4.0))


@pytest.fixture
def workbench(small_segmenter) -> Workbench:
    return Workbench(small_segmenter)


def test_a_picture_has_its_kinds(workbench):
    kinds = downloads_of(workbench.open(str(SLICE), None))
    assert set(kinds) == set(LABELS) - {"probability", "dicom"}
    with pytest.raises(InputError, match="no such download"):
        write_download(workbench, inputs_of(SLICE), "dicom")
    with pytest.raises(InputError, match="no such download"):
        write_download(workbench, inputs_of(SLICE), "../../etc/passwd")


def test_one_network_gives_a_file_and_two_give_a_zip(workbench, tmp_path):
    whole = unpacked(workbench, inputs_of(SLICE, model="Nested U-Net"), tmp_path)
    one = write_download(workbench, inputs_of(SLICE, model="Nested U-Net"), "mask")
    assert Path(one).name == "meningioma_axial_nested_unet_mask.png"
    assert Path(one).read_bytes() == (whole / "nested_unet_mask.png").read_bytes()
    with zipfile.ZipFile(write_download(workbench, inputs_of(SLICE), "lesions")) as archive:
        assert archive.namelist() == [
            f"meningioma_axial_{name}_lesions.csv" for name in workbench.compared
        ]


def test_only_kept_lesions(workbench):
    inputs = inputs_of(SLICE, model="Nested U-Net", threshold=0.3)
    rows = result_of(workbench, inputs).regions.rows
    review = Review((1, 512, 512), rejected=(rows[0].peak,))
    mask = cv2.imread(write_download(workbench, inputs, "mask", review), cv2.IMREAD_UNCHANGED)
    assert np.count_nonzero(mask) == sum(row.lesion.volume_voxels for row in rows[1:])
    table = Path(write_download(workbench, inputs, "lesions", review)).read_text()
    assert len(list(csv.DictReader(io.StringIO(table)))) == len(rows) - 1
    page = Path(write_download(workbench, inputs, "report", review)).read_text()
    assert page.count("<figure>") == 2 + len(rows[1:13])


def test_a_dicom_series_gives_its_objects_and_a_probability(workbench, tmp_path):
    series = save_series(tmp_path / "series", series_of(head_volume(), AFFINE))
    packed = tmp_path / "series.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(series.iterdir()):
            archive.write(file, file.name)
    inputs = inputs_of(packed, model="Nested U-Net", threshold=0.4)
    assert set(downloads_of(workbench.open(str(packed), None))) == set(LABELS)
    with zipfile.ZipFile(write_download(workbench, inputs, "dicom")) as archive:
        assert archive.namelist() == ["series_nested_unet_seg.dcm", "series_nested_unet_sr.dcm"]
    image = nibabel.load(write_download(workbench, inputs, "probability"))
    assert image.shape == head_volume().shape


@pytest.mark.parametrize("kind", FIGURES)
def test_figure_of_chosen_panels(workbench, kind):
    path = Path(
        write_download(workbench, inputs_of(SLICE, TRUTH), kind, panels=["image", "together"])
    )
    assert path.suffix == FIGURES[kind] and path.stat().st_size > 10_000
    if kind == "figure-png":
        with Image.open(path) as picture:
            assert picture.size[0] == 2100
    if kind == "figure-svg":
        words = texts(path)
        for word in ("Image", "Together", "Ground truth", "Nested U-Net"):
            assert words.count(word) == 1, word
        assert not [word for word in words if " mm" in word], "a picture has no spacing"


def test_figure_of_a_volume_says_where_it_lies(workbench, tmp_path):
    path = save(tmp_path / "v.nii", head_volume(), AFFINE)
    inputs = inputs_of(path, threshold=0.3, position=3)
    words = texts(write_download(workbench, inputs, "figure-svg"))
    scan = workbench.open(str(path), None).scan
    height = scan.affine[2, 3] + 3 * scan.affine[2, 2]
    (caption,) = [word for word in words if word.startswith("Slice")]
    assert caption.replace("−", "-").startswith(f"Slice 4 of 8, axial, z = {height:.0f} mm; ")
    assert caption.endswith("Attention U-Net at threshold 0.3, Nested U-Net at threshold 0.3")
    assert "20 mm" in words and words.count("Image") == 1
    result = result_of(workbench, inputs)
    assert list(figure_panels(result, 3)) == ["image", *workbench.compared, "together"]
    for panels in (["truth"], [["image"]], [None], ["image"] * 100):
        with pytest.raises(InputError, match="can have the panels image, attention_unet"):
            write_download(workbench, inputs, "figure-svg", panels=panels)
