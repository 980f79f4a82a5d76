"""The runtime's gate: on real test splits OpenVINO draws what PyTorch draws in float32.

METASEG_DATA names the data folders, separated by colons, as in
METASEG_DATA=t1ce_slices:t1ce_volumes pytest -m slow -s tests/test_runtime_gate.py
"""

import os
from pathlib import Path

import numpy as np
import pytest

from metaseg.data.case import read_case
from metaseg.data.cases import cases_of_split
from metaseg.hub.resolve import load_models, shipped_models
from metaseg.metrics import Counts
from metaseg.segmenter import Segmenter

FOLDERS = [Path(name) for name in os.environ.get("METASEG_DATA", "").split(":") if name]


@pytest.mark.slow
@pytest.mark.skipif(not FOLDERS, reason="METASEG_DATA names no data folder")
@pytest.mark.parametrize("model", shipped_models())
def test_openvino_draws_what_pytorch_draws_in_float32(model, monkeypatch):
    """Over the slices with a lesion of all test splits, mean Dice differs by less than 0.001; on
    each test split, the masks agree at a Dice of 0.995 or more.

    Splits of few patients are not judged alone: one small lesion more or less changes their mean
    by more than that.
    """
    monkeypatch.setattr("metaseg.runtime.pytorch.has_bf16", lambda _: False)
    checkpoints = load_models([model])
    eager, fast = (Segmenter(checkpoints, "cpu", name) for name in ("pytorch", "openvino"))
    assert "fp32" in eager.runtime(model).name and "OpenVINO" in fast.runtime(model).name
    threshold, everywhere = checkpoints[0].config.threshold, []
    for folder in FOLDERS:
        dice, agreement = [], Counts(0, 0, 0)
        for case in cases_of_split([folder], "test", None):
            scan, truth = read_case(case)
            masks = [one.predict(scan, model).mask(threshold) for one in (eager, fast)]
            agreement += Counts.of(*masks)
            for index in np.flatnonzero(truth.any(axis=(1, 2))):
                dice.append([Counts.of(mask[index], truth[index]).dice for mask in masks])
        before, after = np.mean(dice, axis=0)
        print(
            f"{model} on {folder.name}: Dice {before:.4f} in float32 and {after:.4f} in OpenVINO "
            f"on {len(dice)} slices; the masks agree at {agreement.dice:.4f}"
        )
        assert agreement.dice >= 0.995
        everywhere += dice
    before, after = np.mean(everywhere, axis=0)
    print(f"{model} on all: Dice {before:.4f} and {after:.4f} on {len(everywhere)} slices")
    assert abs(before - after) < 0.001
