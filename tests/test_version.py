"""Which MetaSeg made a result can be told."""

import shutil
import subprocess
from pathlib import Path

import pytest

from metaseg import version

ROOT = Path(__file__).parent.parent


def test_changelog_and_citation_name_this_version():
    assert f"\nversion: {version.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {version.__version__} " in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_of_a_clone_and_its_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "metaseg" / "version.py"
    file.parent.mkdir()
    file.write_text("one = 1\n")
    monkeypatch.setattr(version, "__file__", str(file))
    assert version.git_commit() is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *arguments], check=True)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert version.git_commit() == head
    file.write_text("one = 2\n")
    assert version.git_commit() == f"{head}-dirty"
