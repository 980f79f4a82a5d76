"""The runtime's gate: on real test splits OpenVINO draws what PyTorch draws in float32.

METASEG_DATA names the data folders, separated by colons, as in
METASEG_DATA=t1ce_slices:t1ce_volumes pytest -m slow tests/test_runtime_gate.py
"""

import os
from pathlib import Path

import numpy as np
import pytest

from metaseg.data.case import read_case
from metaseg.data.cases import cases_of_split
from metaseg.hub.resolve import load_models
from metaseg.metrics import Counts
from metaseg.runtime.pytorch import PyTorch
from metaseg.segmenter import Segmenter

FOLDERS = [Path(name) for name in os.environ.get("METASEG_DATA", "").split(":") if name]


@pytest.mark.slow
@pytest.mark.skipif(not FOLDERS, reason="METASEG_DATA names no data folder")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_openvino_draws_what_pytorch_draws_in_float32(folder, monkeypatch):
    """Mean Dice with the ground truth differs by less than 0.001, and the two masks of all slices
    together agree at a Dice of 0.995 or more."""
    monkeypatch.setattr(PyTorch, "_has_bf16", lambda _: False)
    checkpoints = load_models()
    libraries = {name: Segmenter(checkpoints, "cpu", name) for name in ("pytorch", "openvino")}
    for checkpoint in checkpoints:
        assert "fp32" in libraries["pytorch"].runtime(checkpoint.name).name
        threshold, own, agreement = checkpoint.config.threshold, [], []
        for case in cases_of_split([folder], "test", None):
            scan, truth = read_case(case)
            eager, fast = (
                one.predict(scan, checkpoint.name).mask(threshold) for one in libraries.values()
            )
            for index in np.flatnonzero(truth.any(axis=(1, 2))):
                dice = [Counts.of(mask[index], truth[index]).dice for mask in (eager, fast)]
                own.append(dice)
            agreement.append(Counts.of(fast, eager))
        before, after = np.mean(own, axis=0)
        together = sum(agreement[1:], agreement[0])
        print(
            f"{checkpoint.name} on {folder.name}: Dice {before:.4f} in float32 and {after:.4f} in "
            f"OpenVINO on {len(own)} slices; the masks agree at {together.dice:.4f}"
        )
        assert abs(before - after) < 0.001 and together.dice >= 0.995
