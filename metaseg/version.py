"""MetaSeg's version."""

import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__version__ = "0.2.0"


def git_commit() -> str | None:
    """The commit of the clone that this code runs from, with ``-dirty`` after it where the code
    was changed since; None if MetaSeg is installed or git is missing."""
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        return None
    git = ["git", "-C", str(root)]
    try:
        commit = _run([*git, "rev-parse", "HEAD"])
        changed = _run([*git, "status", "--porcelain", "--untracked-files=no", "--", "metaseg"])
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}-dirty" if changed else commit


def package_versions(packages: Iterable[str]) -> dict[str, str]:
    """Of Python and of those of ``packages`` that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
