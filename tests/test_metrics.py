import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchmetrics.functional.classification import (
    binary_f1_score,
    binary_jaccard_index,
    binary_precision,
    binary_recall,
)
from torchmetrics.functional.segmentation import dice_score

from metaseg.files import to_json
from metaseg.metrics import Counts, dice_by_threshold, summarise

masks = arrays(bool, (9, 7))


@given(masks, masks)
def test_overlap_agrees_with_torchmetrics(prediction, truth):
    overlap = Counts.of(prediction, truth).overlap()
    if not truth.any():
        assert all(math.isnan(value) for value in overlap.values())
        return
    p, t = torch.from_numpy(prediction).int(), torch.from_numpy(truth).int()
    expected = {
        "dice": dice_score(p[None, None], t[None, None], num_classes=1, input_format="one-hot"),
        "iou": binary_jaccard_index(p, t),
        "precision": binary_precision(p, t),
        "recall": binary_recall(p, t),
        "f1": binary_f1_score(p, t),
    }
    for name, value in expected.items():
        assert overlap[name] == pytest.approx(float(value), abs=1e-6), name


def test_an_empty_prediction_scores_zero_in_all_five():
    truth = np.ones((4, 4), bool)
    assert set(Counts.of(~truth, truth).overlap().values()) == {0.0}


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="differ"):
        Counts.of(np.zeros((2, 3), bool), np.zeros((3, 2), bool))


def test_summary_by_hand():
    slices = [
        ("a", Counts(8, 2, 0)),  # Dice 16/18
        ("a", Counts(0, 5, 0)),  # empty truth, a false positive
        ("b", Counts(0, 0, 10)),  # missed: 0
        ("b", Counts(0, 0, 0)),  # empty truth, nothing said
        ("c", Counts(0, 0, 0)),  # a group without any lesion: no Dice of its own
    ]
    summary = summarise(slices)
    assert (summary["cases"], summary["groups"], summary["empty_cases"]) == (5, 3, 3)
    assert summary["dice"]["mean"] == pytest.approx((16 / 18 + 0) / 2)
    assert summary["dice"]["low"] == 0 and summary["dice"]["high"] == pytest.approx(16 / 18)
    assert summary["precision"]["mean"] == pytest.approx(0.4)
    assert summary["recall"]["mean"] == pytest.approx(0.5)
    assert summary["group_dice"] == pytest.approx((16 / 23 + 0) / 2)
    assert summary["pooled_dice"] == pytest.approx(16 / (16 + 7 + 10))
    assert summary["empty_false_positive_rate"] == pytest.approx(1 / 3)


def test_interval_draws_groups_not_slices():
    """Twenty equal slices of two patients are two observations, not twenty."""
    slices = [("a", Counts(1, 0, 0))] * 10 + [("b", Counts(0, 0, 1))] * 10
    dice = summarise(slices)["dice"]
    assert (dice["low"], dice["mean"], dice["high"]) == (0.0, 0.5, 1.0)


@given(st.lists(st.tuples(st.sampled_from("abcd"), masks, masks), min_size=1, max_size=12))
def test_mean_lies_in_its_interval_and_json_has_no_nan(drawn):
    summary = summarise([(group, Counts.of(p, t)) for group, p, t in drawn])
    dice = summary["dice"]
    if not math.isnan(dice["low"]):
        assert dice["low"] - 1e-9 <= dice["mean"] <= dice["high"] + 1e-9
    text = json.dumps(to_json(summary), allow_nan=False)
    assert json.loads(text)["cases"] == len(drawn)


def test_only_empty_slices_leave_the_means_undefined():
    summary = to_json(summarise([("a", Counts(0, 3, 0))]))
    assert summary["dice"] == {"mean": None, "low": None, "high": None}
    assert summary["pooled_dice"] == 0 and summary["empty_false_positive_rate"] == 1


def test_dice_by_threshold_is_the_dice_of_each_mask():
    random = np.random.default_rng(0)
    probability = random.random((20, 30)).astype(np.float32).round(2)
    truth = random.random((20, 30)) > 0.7
    thresholds = np.linspace(0, 1, 11)
    curve = dice_by_threshold(probability, truth, thresholds)
    expected = [Counts.of((probability >= t) & (probability > 0), truth).dice for t in thresholds]
    np.testing.assert_allclose(curve, expected)
    nothing = np.zeros((3, 3), np.float32)
    assert np.isnan(dice_by_threshold(nothing, nothing > 0, thresholds)).all()
