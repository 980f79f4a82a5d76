"""The container's files: linted, and what they copy is enough to serve the shipped networks.

No container engine is needed: the steps of the Dockerfile are read from it and done by hand.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
HADOLINT = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile with what follows them, lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


DOCKERFILE = instructions((ROOT / "Dockerfile").read_text())


def all_of(name: str) -> list[str]:
    return [rest for instruction, rest in DOCKERFILE if instruction == name]


def is_ignored(path: str, patterns: list[str]) -> bool:
    """Whether ``path`` is left out under the lines of a .dockerignore: the last match decides, and
    a pattern speaks for all below it."""
    ignored = False
    parts = path.split("/")
    prefixes = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    for pattern in patterns:
        wanted = pattern.removeprefix("!")
        deep = wanted.startswith("**/")
        tested = parts if deep else prefixes
        if any(fnmatch.fnmatchcase(part, wanted.removeprefix("**/")) for part in tested):
            ignored = not pattern.startswith("!")
    return ignored


def copied_files() -> dict[Path, str]:
    """The files that the image gets, by their place in its working directory."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    files = {}
    for copy in all_of("COPY"):
        *sources, target = shlex.split(copy)
        for source in sources:
            place = ROOT / source
            found = [place] if place.is_file() else [p for p in place.rglob("*") if p.is_file()]
            kept = [p for p in found if not is_ignored(p.relative_to(ROOT).as_posix(), patterns)]
            assert kept, f"COPY {source} copies nothing"
            base = place.parent if place.is_file() else place
            for path in kept:
                files[path] = (Path(target) / path.relative_to(base)).as_posix()
    return files


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed")
def test_the_dockerfile_passes_hadolint():
    done = subprocess.run(
        [HADOLINT, "--failure-threshold", "style", str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_image_is_pinned_and_runs_as_nobody_special():
    (base,) = all_of("FROM")
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)
    assert "sudo" not in " ".join(all_of("RUN"))
    for command in re.findall(r"pip install[^&]*", " ".join(all_of("RUN"))):
        assert "--no-cache-dir --require-hashes -r requirements.lock" in command
    names = [name for name, _ in DOCKERFILE]
    assert all_of("USER") == ["1000"] and "RUN" not in names[names.index("USER") :]
    assert names.count("HEALTHCHECK") == 1 and json.loads(all_of("CMD")[0]) == ["python", "app.py"]
    assert all_of("EXPOSE") == ["7860"]
    assert "GRADIO_SERVER_NAME=0.0.0.0" in all_of("ENV")[0]


def test_the_image_gets_what_it_needs_and_no_more():
    places = set(copied_files().values())
    for name in ("attention_unet", "nested_unet"):
        assert f"checkpoints/{name}/model.safetensors" in places
    assert {"app.py", "requirements.lock", "metaseg/demo/page.py", "LICENSE"} <= places
    assert {place.split("/")[0] for place in places} == {
        "LICENSE", "app.py", "checkpoints", "examples", "metaseg", "requirements.lock",
    }  # fmt: skip
    assert not [place for place in places if place.endswith(".pyc")]


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("tests/conftest.py", True),
        (".git/config", True),
        ("metaseg/demo/page.py", False),
        ("metaseg/demo/__pycache__/page.pyc", True),
        ("docs/report/curves.svg", True),
    ],
)
def test_what_is_ignored(path, ignored):
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert is_ignored(path, [line for line in lines if line and line[0] != "#"]) is ignored


def test_compose_has_a_service_for_each_device():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert set(services) == {"demo", "demo-gpu"}
    assert "profiles" not in services["demo"] and services["demo-gpu"]["profiles"] == ["gpu"]
    assert services["demo-gpu"]["extends"] == {"service": "demo"}
    assert services["demo-gpu"]["environment"] == {"METASEG_DEVICE": "cuda"}
    (device,) = services["demo-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    # Only this machine: a page that anybody could reach is for its owner to decide.
    assert services["demo"]["ports"] == ["127.0.0.1:7860:7860"] and services["demo"]["image"]


@pytest.mark.slow
def test_the_copied_files_serve_the_shipped_networks(tmp_path):
    """The image's steps without an engine: copy, start as CMD says, ask as HEALTHCHECK does."""
    for source, place in copied_files().items():
        target = tmp_path / "app" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    ours = ("METASEG", "PYTHON", "GRADIO")
    settings = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    settings |= dict(item.split("=", 1) for item in shlex.split(all_of("ENV")[0]))
    settings |= {"GRADIO_SERVER_PORT": port, "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path)}
    command = [sys.executable, *json.loads(all_of("CMD")[0])[1:]]
    check = json.loads(all_of("HEALTHCHECK")[0].split(" CMD ")[1])
    check = [sys.executable, *(part.replace(":7860", f":{port}") for part in check[1:])]
    log = tmp_path / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command, cwd=tmp_path / "app", env=settings, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 900
        while subprocess.run(check, env=settings, capture_output=True).returncode:
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(2)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            page = answer.read().decode()
        for words in ("Attention U-Net", "Nested U-Net", "not for diagnosis", "About"):
            assert words in page
    finally:
        server.terminate()
        server.wait(30)
