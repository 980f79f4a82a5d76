"""Several scans: a table that people can read, and a file that loses none of its scans."""

import shutil
import zipfile

import cv2
import numpy as np
import pytest

from metaseg.demo.batch import run_batch
from metaseg.demo.batch_table import batch_table
from metaseg.demo.store import store
from metaseg.demo.workbench import Workbench
from metaseg.scan import read_scan
from tests.conftest import EXAMPLES
from tests.dicom_files import save_series, series_of
from tests.volumes import affine_of, volume_of

SLICE = str(EXAMPLES / "meningioma_axial.jpg")


@pytest.fixture
def workbench(small_segmenter) -> Workbench:
    return Workbench(small_segmenter)


def whole_batch(workbench, paths, models, threshold=0.5):
    """All rows of a batch and the path of its zip."""
    *_, last = run_batch(workbench, paths, models, threshold, lambda items, desc: items)
    return last


def test_the_table_of_a_batch(workbench, tmp_path):
    bad = tmp_path / "<b>bad.png"
    bad.write_text("no picture")
    rows, _ = whole_batch(workbench, [SLICE, str(bad)], ["unet", "nested_unet"], 0.3)
    table = batch_table(rows, "unet", 0.3)
    assert "2 scans, 1 failed." in table and table.count("<img src='data:image/jpeg") == 1
    assert (
        f"data-open='{SLICE}' data-model='unet' data-threshold='0.3'" in table
        and table.count("data-open") == 1
    )
    assert "<b>" not in table and "&lt;b&gt;bad.png is not an image" in table
    (largest,) = [row.largest for row in rows if row.largest]
    prediction = workbench.segmenter.predict_each(read_scan(SLICE), ["unet", "nested_unet"])
    area = np.any([p.mask(0.3)[0] for p in prediction], axis=0)
    count, _, boxes, _ = cv2.connectedComponentsWithStats(area.astype(np.uint8))
    assert count == 1 or largest.endswith(f" {boxes[1:, cv2.CC_STAT_AREA].max()} pixels")


def test_a_zip_that_mixes_pictures_and_dicom_loses_none(workbench, tmp_path):
    series = save_series(tmp_path / "s", series_of(volume_of("LPS")[:, :, :2], affine_of("LPS")))
    path = tmp_path / "mixed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in series.iterdir():
            archive.write(file, file.name)
        archive.write(SLICE, "slice.jpg")
    rows, _ = whole_batch(workbench, [str(path)], ["unet"])
    assert [row.scan for row in rows] == [
        "mixed.zip: T1 post, 2 slices of 20 x 24",
        "mixed.zip: slice.jpg",
    ]
    assert [(row.failed, row.opens, row.series) for row in rows] == [
        ("", str(path), 1),
        ("", str(path), 2),
    ]
    assert f"data-open='{path}' data-series='2'" in batch_table(rows, "unet", None)
    chosen = [workbench.open(str(path), None, series=str(row.series)).scan for row in rows]
    assert [(scan.name, scan.voxels.shape) for scan in chosen] == [
        ("mixed", (2, 24, 20)),
        ("slice", (1, 512, 512)),
    ]


def test_a_batch_that_is_cleared_says_no_more(workbench, monkeypatch):
    monkeypatch.setattr("metaseg.demo.batch.SHOWN_EVERY", -1)
    before = set(store().results.iterdir())
    run = run_batch(workbench, [SLICE, SLICE], ["unet"], 0.5, lambda items, desc: items)
    next(run)
    (folder,) = set(store().results.iterdir()) - before
    shutil.rmtree(folder)
    assert list(run) == []
