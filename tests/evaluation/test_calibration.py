"""Temperature and operating points, and what they are chosen on."""

from dataclasses import replace

import numpy as np
from scipy.special import expit

from metaseg.checkpoint import load_checkpoint, save_checkpoint
from metaseg.cli.main import main
from metaseg.data.case import read_case
from metaseg.data.cases import read_cases
from metaseg.evaluation.calibrate import (
    GRID,
    LOGITS,
    choose_sensitive,
    group_dice_by_threshold,
)
from metaseg.evaluation.lesionwise import Froc
from metaseg.evaluation.pixels import PixelHistogram
from metaseg.prediction import Prediction
from metaseg.scan.pictures import write_png
from metaseg.synthesis.validation import slices_with_metastases
from tests.conftest import preprocessing, small_checkpoint


def test_calibration_goes_into_the_checkpoint(data_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("metaseg.synthesis.strange.OF_A_KIND", 8)
    stored = small_checkpoint("attention_unet")
    folder = tmp_path / "attention_unet"
    save_checkpoint(folder, stored.config, stored.network.state_dict())
    empty = next(case for case in read_cases(data_folder) if case.name == "case2")
    write_png(empty.image, np.zeros((128, 120), np.uint8))  # a slice without tissue is left out
    assert main(["calibrate", str(folder), "--data", str(data_folder)]) == 0
    config = load_checkpoint(folder).config
    assert 0.1 <= config.temperature <= 10 and 0.05 <= config.threshold <= 0.95
    record = config.training["calibration"]
    assert record["cases"] == 2 and record["ece"] <= record["ece_before"]
    assert record["ece_by_data"]["heads"]["ece"] == record["ece"]  # the only data folder
    assert config.sensitive_threshold == record["sensitive_threshold"]
    assert config.input_check is not None
    assert "temperature" in capsys.readouterr().out


def test_synthetic_metastases_are_added_to_validation_slices(tmp_path):
    from metaseg.synthesis.folder import write_synthetic_folder

    cases = read_cases(write_synthetic_folder(tmp_path / "drawn", groups=2, slices=2))
    made = list(slices_with_metastases(cases, preprocessing()))
    again = list(slices_with_metastases(cases, preprocessing()))
    assert 2 <= len(made) <= len(cases)
    for (case, scan, mask), (_, same, _) in zip(made, again):
        before, truth = read_case(next(one for one in cases if one.name == case.name))
        assert case.source == "drawn with synthetic metastases" and scan.eight_bit
        assert (mask & truth).sum() == truth.sum() < mask.sum()
        changed = np.abs(scan.voxels - before.voxels)
        assert changed[mask & ~truth].mean() > 5 > changed[~mask].mean()
        assert np.array_equal(scan.voxels, same.voxels)
    unknown = [replace(c, dataset=c.dataset.model_copy(update={"pixel_mm": None})) for c in cases]
    assert list(slices_with_metastases(unknown, preprocessing())) == []


def test_synthetic_metastases_leave_the_shape_of_pixels(tmp_path, monkeypatch):
    from metaseg.synthesis.folder import write_synthetic_folder

    def read_oblong(case):
        scan, truth = read_case(case)
        return replace(scan, spacing=(1.0, 2.0, 1.0)), truth

    monkeypatch.setattr("metaseg.synthesis.validation.read_case", read_oblong)
    cases = read_cases(write_synthetic_folder(tmp_path / "drawn", groups=1, slices=2))
    made = list(slices_with_metastases(cases, preprocessing()))
    assert made and all(scan.aspect == 2 for _, scan, _ in made)


def prediction_of(probability: np.ndarray) -> Prediction:
    """Of one slice (H, W)."""
    return Prediction(probability[None], "n", "N", "0", 0.0)


def test_the_sensitive_threshold_finds_most_at_half_a_false_positive_per_slice():
    """By hand: two slices with a lesion at 0.6 and one at 0.1, and false alarms at 0.3 in one of
    them and at 0.05 in both."""
    froc = Froc(expit(LOGITS))
    for false in (0.3, 0.0):
        probability, truth = np.zeros((40, 40), np.float32), np.zeros((40, 40), bool)
        truth[2:5, 2:5] = truth[10:13, 10:13] = True
        probability[2:5, 2:5], probability[10:13, 10:13] = 0.6, 0.1
        probability[20:22, 20:22], probability[30:32, 30:32] = false, 0.05
        froc.add(prediction_of(probability), truth[None])
    at, sensitivity, false = choose_sensitive([froc], 9)
    assert 0.05 < expit(at) <= 0.1 and expit(at + 0.25) > 0.1
    assert (sensitivity, false) == (1.0, 0.5)
    lower, sensitivity, _ = choose_sensitive([froc], at - 0.1)  # of equals, the highest allowed
    assert lower == at - 0.25 and sensitivity == 1.0
    assert froc.curve()[0]["false_positives_per_slice"] == 1.5
    noisy = Froc(expit(LOGITS))
    everywhere = np.zeros((40, 40), bool)
    everywhere[2, 2] = True
    spots = np.eye(40, dtype=np.float32)[:, ::-1] + 1.0 * (np.indices((40, 40)) % 4 == 0).all(0)
    noisy.add(prediction_of(spots), everywhere[None])
    assert choose_sensitive([noisy], 9) is None


def test_the_threshold_is_the_best_one():
    """By hand: a lesion at 0.7, brain at 0.3 and a false alarm at 0.5, so the best lies between."""
    histogram = PixelHistogram()
    histogram.add(np.array([0.7] * 5 + [0.3] * 50 + [0.5] * 5), np.arange(60) < 5)
    scores = group_dice_by_threshold({("a", "1"): histogram}, 1.0)
    best = GRID[int(scores.argmax())]
    assert 0.5 < best <= 0.7 and scores.max() == 1.0


def test_each_patient_weighs_the_same_whatever_its_data_folder():
    low, high = (PixelHistogram() for _ in range(2))
    low.add(np.array([0.4] * 5 + [0.1] * 5), np.arange(10) < 5)
    high.add(np.array([0.8] * 5 + [0.6] * 50), np.arange(55) < 5)
    scores = group_dice_by_threshold(
        {("large", "1"): low, ("large", "2"): low, ("small", "3"): high}, 1.0
    )
    assert GRID[int(scores.argmax())] <= 0.4
