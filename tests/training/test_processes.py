"""Two processes find what one finds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.conftest import write_data_folder

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path: Path) -> None:
    # Seven validation slices: an odd number of batches, the last one short.
    data = write_data_folder(tmp_path / "heads", groups=8, slices=3)
    for processes in (1, 2):
        # accelerate's launcher starts one process on processor cores, whatever it is told.
        launch = ["torch.distributed.run", f"--nproc_per_node={processes}", "--standalone"]
        module = ["-m", "tests.training.two_processes", data, tmp_path / str(processes), processes]
        done = subprocess.run(
            [sys.executable, "-m", *launch, *map(str, module)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    for model in ("nested_unet", "attention_unet"):
        one, two = (tmp_path / f"{processes}" / model for processes in (1, 2))
        curves = [json.loads((run / "curves.json").read_text()) for run in (one, two)]
        first, second = ({k: v for k, v in c[0].items() if k != "seconds"} for c in curves)
        assert first == pytest.approx(second, abs=1e-5, nan_ok=True)
        states = [torch.load(run / "last.pt", weights_only=True) for run in (one, two)]
        for name, tensor in states[0]["network"].items():
            torch.testing.assert_close(tensor, states[1]["network"][name], atol=1e-5, rtol=0)
        assert states[0]["schedule"]["last_epoch"] == states[1]["schedule"]["last_epoch"]
