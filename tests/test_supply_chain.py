"""The lock files name everything by hash, and the search for known vulnerabilities does not fail in
silence."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = {
    "requirements.lock": ["requirements.txt"],
    "requirements-dev.lock": [
        "requirements.txt", "requirements-train.txt", "requirements-dev.txt",
    ],
}  # fmt: skip
PIN = re.compile(r"^([A-Za-z0-9._-]+)(\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def pins(text: str) -> set[tuple[str, str]]:
    return {
        (re.sub(r"[-_.]+", "-", name).lower(), version) for name, _, version in PIN.findall(text)
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_the_readable_file_pins_and_a_hash_of_everything(lock):
    text = (ROOT / lock).read_text()
    for file in LOCKS[lock]:
        missing = pins((ROOT / file).read_text()) - pins(text)
        assert not missing, f"{lock} lacks {missing}: run .ci/lock"
    assert "://" not in text  # where packages come from is for each installation to say
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)
    assert len(blocks) > 100
    for block in blocks:
        assert PIN.match(block) and re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), block[:80]


def test_tests_and_container_run_the_same_versions():
    assert pins((ROOT / "requirements.lock").read_text()) <= pins(
        (ROOT / "requirements-dev.lock").read_text()
    )


def audit(folder: Path, prints: str, complaint: str = "") -> subprocess.CompletedProcess:
    """``.ci/audit`` with a pip-audit that prints ``prints``."""
    (folder / "pip_audit.py").write_text(
        f"import sys\nprint({prints!r})\nsys.exit({complaint!r} or 0)\n"
    )
    return subprocess.run(
        [sys.executable, ROOT / ".ci" / "audit"],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_what_the_search_for_vulnerabilities_says(tmp_path):
    good = {"name": "numpy", "version": "2", "vulns": []}
    bad = {"name": "pillow", "version": "1", "vulns": [{"id": "CVE-1"}]}
    unknown = {"name": "nibabel", "skip_reason": "not found"}

    def run(*packages: dict) -> subprocess.CompletedProcess:
        return audit(tmp_path, json.dumps({"dependencies": packages}))

    assert run(good, good).returncode == 0
    found = run(good, bad)
    assert found.returncode == 1 and "pillow 1: CVE-1 NOT ACCEPTED" in found.stdout
    partly = run(good, unknown)
    assert "1 of 2 packages audited" in partly.stdout and "not audited: nibabel" in partly.stdout
    nothing = run(unknown)
    assert nothing.returncode == 0 and "NOTHING WAS AUDITED" in nothing.stdout
    down = audit(tmp_path, "", "the service is down")
    assert down.returncode == 0 and "NOTHING WAS AUDITED" in down.stdout
    assert "the service is down" in down.stdout


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.11", "3.12"])
def test_the_lock_can_be_installed(version, tmp_path):
    """Nothing is downloaded but metadata: every package has a wheel for Linux and that Python."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    command = [uv, "pip", "install", "--dry-run", "--require-hashes", "--target", str(tmp_path)]
    command += ["--python-version", version, "--python-platform", "x86_64-manylinux_2_28"]
    command += ["--only-binary", ":all:", "-r", str(ROOT / "requirements.lock")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "Would install" in done.stderr, done.stderr
