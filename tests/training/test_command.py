"""The command line of train.py."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_without_the_packages_of_training_one_sentence_says_what_to_install():
    code = (
        "import runpy, sys; sys.modules['accelerate'] = None\n"
        "sys.argv += ['--model', 'unet', '--data', 'synthetic', '--output', 'out']\n"
        "runpy.run_path('train.py', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr == (
        "train.py needs more packages: run pip install -r requirements-train.txt.\n"
    )
