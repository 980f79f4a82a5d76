"""On ZeroGPU the forward pass, and nothing else, runs where the GPU is lent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.tiny import make_checkpoint

# It does what ZeroGPU does with a call: arguments and result go through pickle.
SPACES = """
import pickle

def GPU(duration):
    def decorate(function):
        def call(*arguments):
            sent = pickle.dumps(arguments)
            print("lent for", duration, "bytes", len(sent))
            return pickle.loads(pickle.dumps(function(*pickle.loads(sent))))
        return call
    return decorate
"""

PROGRAM = """
import sys
import numpy as np
from metaseg.checkpoint import load_checkpoint
from metaseg.scan import Scan
from metaseg.segmenter import Segmenter
from tests.conftest import draw_head

assert ("spaces" in sys.modules) == (sys.argv[2] == "zero")
segmenter = Segmenter([load_checkpoint(sys.argv[1])], "cpu")
grey, _ = draw_head()
scan = Scan(grey[None].astype(np.float32), name="phantom", eight_bit=True)
print("sum", segmenter.predict(scan, "nested_unet").probability.sum())
"""


@pytest.mark.slow
def test_only_small_arguments_go_to_the_gpu(tmp_path: Path):
    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "__init__.py").write_text(SPACES)
    folder = make_checkpoint(tmp_path / "nested_unet")
    outputs = {}
    for where, variables in {"zero": {"SPACES_ZERO_GPU": "true"}, "else": {}}.items():
        path = os.pathsep.join([str(tmp_path), os.getcwd()])
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, folder, where],
            env={**os.environ, "PYTHONPATH": path, **variables},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        outputs[where] = done.stdout.splitlines()
    lent, total = outputs["zero"]
    assert outputs["else"] == [total]
    assert lent.startswith("lent for 20 bytes") and int(lent.split()[-1]) < 100_000
