"""A Space gets what it serves, and nothing else."""

from pathlib import Path

import pytest

from metaseg.errors import InputError
from metaseg.hub import space
from metaseg.hub.space import pinned_gradio, space_files
from tests.hub.tiny import make_checkpoint
from tests.test_container import copied_files
from tests.test_package import pinned

SERVED = {
    "LICENSE",
    "app.py",
    "checkpoints/unet/config.json",
    "examples/a.png",
    "metaseg/__init__.py",
    "metaseg/demo/__init__.py",
    "metaseg/demo/viewer/page.css",
    "requirements.txt",
}
LEFT_OUT = {
    "README.md",
    "checkpoints/hub.toml",
    "docs/report.md",
    "docs/report/a.svg",
    "docs/volumes.md",
    "examples/.DS_Store",
    "metaseg/.ipynb_checkpoints/a.py",
    "metaseg/demo/__pycache__/page.pyc",
    "requirements-dev.txt",
    "tests/test_it.py",
    "tools/report.py",
    "train.py",
}
ZERO_GPU_TORCH = ("2.8.0", "2.9.1", "2.10.0", "2.11.0")
"""The versions that ZeroGPU runs."""


def test_two_folders_of_one_architecture_are_refused_before_either_is_pushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folders = [str(make_checkpoint(tmp_path / name / "unet", "unet")) for name in "ab"]
    monkeypatch.setattr(space, "check_login", lambda _: None)
    monkeypatch.setattr(space, "push_model", lambda *_: pytest.fail("one was pushed"))
    with pytest.raises(InputError, match="same architecture"):
        space.publish_space("someone/demo", folders)


def test_exactly_what_the_app_needs(tmp_path: Path):
    for name in SERVED | LEFT_OUT:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert set(space_files(tmp_path)) == SERVED


def test_container_and_space_serve_the_same_package():
    folders = ("metaseg/", "examples/", "app.py")
    in_container = {name for name in copied_files().values() if name.startswith(folders)}
    assert in_container == {name for name in space_files() if name.startswith(folders)}


def test_the_pinned_versions_are_such_as_spaces_run():
    pins = pinned("requirements.txt")
    assert str(pins["gradio"].specifier) == f"=={pinned_gradio()}"
    (torch,) = pins["torch"].specifier
    assert torch.version in ZERO_GPU_TORCH


def test_without_a_pinned_gradio_there_is_no_space(tmp_path: Path):
    (tmp_path / "requirements.txt").write_text("torch==2.11.0\n")
    with pytest.raises(InputError, match="does not pin gradio"):
        pinned_gradio(tmp_path)


def test_an_installed_package_is_no_clone(tmp_path: Path):
    with pytest.raises(InputError, match="publish the Space from a clone"):
        space_files(tmp_path)
