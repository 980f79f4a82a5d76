"""metaseg.segment: one call from a scan to its lesions."""

import errno
import json
import shutil
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import metaseg
from metaseg import InputError
from metaseg.cli.main import main
from metaseg.hub.resolve import SHIPPED, shipped_models
from tests.conftest import EXAMPLES, draw_head

SLICE, TRUTH = EXAMPLES / "meningioma_axial.jpg", EXAMPLES / "meningioma_axial_truth.png"
MODEL = shipped_models()[0]


@pytest.fixture(scope="module")
def result() -> metaseg.Result:
    return metaseg.segment(str(SLICE), model=MODEL, ground_truth=TRUTH)


def test_a_file_gives_mask_lesions_and_metrics(result: metaseg.Result):
    height, width = cv2.imread(str(SLICE), cv2.IMREAD_GRAYSCALE).shape
    assert result.mask.shape == result.probability.shape == (1, height, width)
    assert result.mask.dtype == bool and result.probability.dtype == np.float32
    assert result.model == MODEL and len(result.revision) == 64
    largest = result.lesions[0]
    assert largest.area_px == max(lesion.area_px for lesion in result.lesions)
    assert sum(lesion.area_px for lesion in result.lesions) == result.mask.sum()
    truth = cv2.imread(str(TRUTH), cv2.IMREAD_GRAYSCALE) > 0
    overlap = 2 * (result.mask[0] & truth).sum() / (result.mask.sum() + truth.sum())
    assert result.metrics["dice"] == pytest.approx(overlap)
    assert overlap > 0.5
    assert any("not for diagnosis" in notice for notice in result.notices)
    with pytest.raises(FrozenInstanceError):
        result.threshold = 0.1


def test_another_threshold_does_not_run_the_network(result: metaseg.Result):
    for odd in (-1, 1.5, float("nan"), "careful"):
        with pytest.raises(InputError, match="threshold"):
            replace(result, threshold=odd)
    sensitive = replace(result, threshold="sensitive")
    assert sensitive.threshold == result.segmenter.threshold("attention_unet", "sensitive")
    for number in (np.float32(0.5), np.int64(1)):
        assert replace(result, threshold=number).threshold == number
    everything = replace(result, threshold=0.0)
    assert everything.prediction is result.prediction
    assert everything.mask.sum() > result.mask.sum()


def test_file_array_and_scan_give_the_same(result: metaseg.Result):
    grey = cv2.imread(str(SLICE), cv2.IMREAD_GRAYSCALE)
    truth = cv2.imread(str(TRUTH), cv2.IMREAD_GRAYSCALE)
    scan = metaseg.read_scan(SLICE)
    assert np.array_equal(scan.voxels[0], grey)
    tensor = torch.from_numpy(grey)
    for given, mask in ((grey, truth), (tensor[None], truth[None] > 0), (scan, TRUTH)):
        same = metaseg.segment(given, model=MODEL, ground_truth=mask)
        assert np.array_equal(same.probability, result.probability)
        assert same.metrics == result.metrics


def test_a_volume_has_lesions_in_three_dimensions():
    grey = draw_head()[0].astype(np.int16) * 10
    found = metaseg.segment(np.stack([grey, grey, grey]), model=MODEL, threshold=0.05)
    assert found.mask.shape == (3, *grey.shape) and found.metrics is None
    assert sum(lesion.volume_voxels for lesion in found.lesions) == found.mask.sum() > 0


def test_saving_writes_what_the_command_line_writes(result: metaseg.Result, tmp_path: Path):
    saved = result.save(tmp_path / "api")
    command = ["predict", str(SLICE), "--model", MODEL, "--output", str(tmp_path / "cli")]
    assert main(command) == 0
    assert {path.name for path in saved} == {
        path.name for path in (tmp_path / "cli").glob("meningioma_axial*")
    }
    for path in saved:
        if path.suffix == ".png":
            assert path.read_bytes() == (tmp_path / "cli" / path.name).read_bytes()
    report = json.loads((tmp_path / "api" / "meningioma_axial.json").read_text())
    assert report["metrics"]["dice"] == pytest.approx(result.metrics["dice"])
    assert len(report["lesions"]) == len(result.lesions)
    assert (result.save(tmp_path / "api", "other"))[0].name.startswith("other")


@pytest.mark.parametrize("name", ["sub/x", "../escaped", "/x", "a\0b"])
def test_results_stay_in_their_folder(result: metaseg.Result, tmp_path: Path, name: str):
    with pytest.raises(InputError, match="cannot begin the name of a file"):
        result.save(tmp_path / "out", name)
    assert not list(tmp_path.iterdir())


def test_a_result_is_saved_whole_or_not_at_all(result: metaseg.Result, tmp_path, monkeypatch):
    def fill_disk(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = {path: path.read_bytes() for path in result.save(tmp_path)}
    monkeypatch.setattr("metaseg.findings.files.write_json", fill_disk)
    with pytest.raises(InputError, match="the disk is full"):
        replace(result, threshold=0.0).save(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_model_is_loaded_once_and_again_when_its_folder_changed(tmp_path: Path):
    folder = tmp_path / "mine"
    shutil.copytree(SHIPPED / MODEL, folder)
    first = metaseg.segment(SLICE, model=str(folder))
    assert metaseg.segment(SLICE, model=str(folder)).segmenter is first.segmenter
    for name in ("model.safetensors", "config.json"):
        (folder / name).write_bytes((folder / name).read_bytes())
        again = metaseg.segment(SLICE, model=str(folder))
        assert again.segmenter is not first.segmenter
        first = again


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scan": "missing.png"}, "missing.png cannot be opened"),
        ({"scan": np.zeros((8, 8))}, "too small"),
        ({"scan": np.zeros((64, 64, 3))}, "too small"),
        ({"scan": np.zeros((0, 0))}, "too small"),
        ({"scan": np.zeros((0, 64, 64))}, "too small"),
        ({"scan": ""}, "The name of a file or folder is empty"),
        ({"scan": np.zeros(64)}, "is not a scan"),
        ({"scan": np.ma.masked_less(np.ones((64, 64)), 2)}, "masked array"),
        ({"scan": {"scan": SLICE}}, "is not a scan"),
        ({"scan": [[1, 2], [3]]}, "A list is no scan"),
        ({"scan": np.zeros((16, 100_000))}, "The array is 100000 x 16 pixels"),
        ({"scan": np.zeros((64, 64), complex)}, "is not a scan"),
        ({"scan": np.full((64, 64), np.nan)}, "not finite"),
        ({"scan": np.full((64, 64), 1e300)}, "not finite"),
        ({"threshold": 2}, "outside 0 to 1"),
        ({"threshold": np.bool_(True)}, "must be a number"),
        ({"model": "nobody"}, "There is no model"),
        ({"model": ""}, 'There is no model ""'),
        ({"ground_truth": np.zeros((8, 8))}, "a mask of the same size"),
        ({"ground_truth": np.arange(512 * 512).reshape(512, 512)}, "more than two values"),
    ],
)
def test_what_is_wrong_is_one_sentence(given: dict, words: str):
    with pytest.raises(InputError, match=words):
        metaseg.segment(**{"scan": SLICE, "model": MODEL, **given})


def test_importing_metaseg_waits_for_nothing():
    code = "import sys, metaseg; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = metaseg.nothing
