"""The command line as a whole."""

import subprocess
import sys

import pytest

from metaseg import __version__
from metaseg.cli.main import COMMANDS, main


def test_help_imports_neither_torch_nor_gradio():
    code = """
import sys
from metaseg.cli.main import main
try:
    main(["--help"])
except SystemExit as end:
    assert end.code == 0
heavy = {"torch", "gradio", "numpy", "cv2", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_its_options(command: str, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    # Wrapped to the width of the terminal, so compared word by word.
    assert COMMANDS[command] in " ".join(shown.split())


def test_the_version_is_told(capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.strip() == f"metaseg {__version__}"
