"""A Space gets what app.py reaches, and nothing else."""

from pathlib import Path

import pytest

from metaseg.errors import InputError
from metaseg.hub.space_files import space_files, space_requirements

FILES = {
    "app.py": "import gradio\nfrom metaseg.demo import page\n",
    "train.py": "from metaseg.training import train\n",
    "LICENSE": "",
    "metaseg/__init__.py": "",
    "metaseg/demo/__init__.py": "",
    "metaseg/demo/page.py": "import torch\ndef build():\n    from metaseg.late import late\n",
    "metaseg/demo/page.css": "",
    "metaseg/demo/__pycache__/page.pyc": "",
    "metaseg/late.py": "import numpy\n",
    "metaseg/training/__init__.py": "import accelerate, torch\n",
    "metaseg/training/notes.txt": "",
    "metaseg/cli/__init__.py": "import tqdm\n",
    "tests/test_it.py": "",
    "examples/a.png": "",
    "examples/.DS_Store": "",
    "docs/report.md": "",
    "docs/report/curves.svg": "",
    "docs/volumes.md": "",
    "requirements.txt": (
        "# why\n--extra-index-url https://example.org/cpu\ntorch==2.11.0+cpu\ngradio[mcp]==6.31.0\n"
        "accelerate==1.15.0  # training\nimagecodecs==1.0 ; python_version > '3'\nnumpy==2.2.6\n"
        "tqdm==4.0\n"
    ),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_exactly_what_the_app_reaches(root: Path):
    assert space_files(root) == [
        "LICENSE",
        "app.py",
        "docs/report.md",
        "docs/report/curves.svg",
        "examples/a.png",
        "metaseg/__init__.py",
        "metaseg/demo/__init__.py",
        "metaseg/demo/page.css",
        "metaseg/demo/page.py",
        "metaseg/late.py",
    ]


def test_requirements_leave_out_what_the_space_has_or_never_imports(root: Path):
    text, gradio = space_requirements(root)
    assert gradio == "6.31.0"
    assert text == "torch==2.11.0\nimagecodecs==1.0 ; python_version > '3'\nnumpy==2.2.6\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("torch==2.12.0\ngradio==6.31.0", "pins torch 2.12.0, and ZeroGPU runs 2.8.0"),
        ("torch==2.11.0", "does not pin gradio"),
        ("torch>=2.8", "must pin every package, and does not: torch>=2.8"),
    ],
)
def test_requirements_that_no_space_could_have(root: Path, line: str, words: str):
    (root / "requirements.txt").write_text(line)
    with pytest.raises(InputError, match=words):
        space_requirements(root)


def test_an_installed_package_is_no_clone(tmp_path: Path):
    with pytest.raises(InputError, match="publish the Space from a clone"):
        space_files(tmp_path)
