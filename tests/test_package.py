"""MetaSeg as a package: what it needs, what it carries, and its use outside a clone."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from metaseg import __version__
from metaseg.hub.resolve import shipped_models

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def pinned(file: str) -> dict[str, Requirement]:
    """The requirements that a requirements file itself names, by package."""
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    requirements = [Requirement(line) for line in lines if line and not line.startswith("-r ")]
    return {requirement.name: requirement for requirement in requirements}


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("requirements.txt", PROJECT["dependencies"] + EXTRAS["demo"]),
        ("requirements-train.txt", EXTRAS["train"] + EXTRAS["eval"] + EXTRAS["scale"]),
    ],
)
def test_what_is_pinned_is_what_the_package_needs(file: str, wanted: list[str]):
    pins = pinned(file)
    needed = [Requirement(text) for text in wanted]
    assert set(pins) == {requirement.name for requirement in needed}
    for requirement in needed:
        (pin,) = pins[requirement.name].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), requirement
        assert requirement.extras == pins[requirement.name].extras


def test_every_development_tool_is_pinned():
    for requirement in pinned("requirements-dev.txt").values():
        assert [pin.operator for pin in requirement.specifier] == ["=="], requirement


def test_nothing_but_the_command_line_needs_an_extra():
    """What pip installs without extras is enough for predict and for import metaseg."""
    wings = "gradio contourpy accelerate albumentations matplotlib tensorboard monai"
    code = f"""
import sys
for name in {wings.split()!r}:
    sys.modules[name] = None
import metaseg.cli.predict, metaseg.hub, metaseg.segmenter, metaseg.hub.resolve
from metaseg.cli.main import main
sys.exit(main(["demo"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines() == [
        'metaseg: demo needs gradio, which is not installed: run pip install ".[demo]" in a clone '
        "of MetaSeg."
    ]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*build, str(folder)], cwd=ROOT, check=True, capture_output=True, timeout=120)
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_carries_networks_and_examples_and_no_more(wheel: Path):
    assert wheel.name == f"metaseg-{Version(__version__)}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"metaseg", f"metaseg-{__version__}.dist-info"}
    for name in shipped_models():
        for file in ("config.json", "model.safetensors", "README.md"):
            assert f"metaseg/checkpoints/{name}/{file}" in names
    ours = {path.relative_to(ROOT / "examples").as_posix() for path in examples()}
    assert {f"metaseg/examples/{name}" for name in ours} <= names
    parts = {"demo/shell.html", "demo/viewer/main.js", "cli/main.py"}
    assert {f"metaseg/{part}" for part in parts} <= names
    assert not [name for name in names if re.search(r"__pycache__|(^|/)\.|/tests?/", name)]


def examples() -> list[Path]:
    return [path for path in (ROOT / "examples").rglob("*") if path.is_file()]


def other_python() -> str:
    """The Python of the Space where it is installed, else the one that runs."""
    found = shutil.which("python3.12")
    works = found and subprocess.run([found, "--version"], capture_output=True).returncode == 0
    return found if works else sys.executable


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty environment that was given nothing but this folder, in the versions of the pins.

    uv links the files that it has installed before; where it does not get through to the index, pip
    does.
    """
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([other_python(), "-m", "venv", str(folder / "venv")], check=True, timeout=120)
    python, pins = str(folder / "venv" / "bin" / "python"), folder / "pins.txt"
    pinned_ones = pinned("requirements.txt").items()
    pins.write_text("\n".join(f"{name}{pin.specifier}" for name, pin in pinned_ones))
    uv = [sys.executable, "-m", "uv", "pip", "install", "--system-certs", "--python", python]
    pip = [python, "-m", "pip", "install", "--no-compile"]
    what = ["-q", "-c", str(pins), str(ROOT)]
    if subprocess.run([*uv, *what], timeout=900).returncode != 0:
        subprocess.run([*pip, *what], check=True, timeout=900)
    yield folder / "venv" / "bin"
    shutil.rmtree(folder)  # it holds gigabytes


@pytest.mark.slow
def test_an_installed_package_segments_outside_the_clone(installed: Path, tmp_path: Path):
    shutil.copyfile(ROOT / "examples" / "meningioma_axial.jpg", tmp_path / "slice.jpg")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "METASEG"))}
    variables = {**kept, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run(str(installed / "metaseg"), "--version").strip() == f"metaseg {__version__}"
    run(str(installed / "metaseg"), "predict", "slice.jpg", "--output", "results")
    made = {path.name for path in (tmp_path / "results").iterdir()}
    assert {"slice_mask.png", "slice.json", "metaseg_manifest.json"} <= made
    code = "import metaseg; print(metaseg.__file__, metaseg.segment('slice.jpg').mask.sum())"
    place, pixels = run(str(installed / "python"), "-c", code).split()
    assert place.startswith(str(installed.parent)) and int(pixels) > 0


@pytest.mark.slow
def test_importing_changes_nothing_in_the_process():
    """Whoever imports MetaSeg in a notebook keeps their libraries and environment as they are."""
    code = """
import logging, os, cv2, matplotlib, matplotlib.pyplot as plt
from pydicom import config
from pydicom.pixels import get_decoder
from pydicom.uid import JPEGLossless
state = lambda: (dict(os.environ), cv2.getNumThreads(), matplotlib.get_backend(),
    config.settings.reading_validation_mode, logging.getLogger("pydicom").level,
    get_decoder(JPEGLossless).available_plugins)
plt.switch_backend("svg")
cv2.setNumThreads(3)
before = state()
import metaseg.api, metaseg.training.train, metaseg.evaluation.evaluate, metaseg.scan.dicom_codecs
after = state()
assert after[1:] == before[1:], after[1:]
changed = {key for key in after[0] | before[0] if after[0].get(key) != before[0].get(key)}
assert not changed, changed
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
