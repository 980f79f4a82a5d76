"""What the store keeps in its folder and for how long, and what servers that ended leave behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file

from metaseg.demo.answer import want
from metaseg.demo.server_folder import LOCK
from metaseg.demo.store import BATCH, SCAN, Store
from metaseg.errors import InputError
from tests.conftest import EXAMPLES
from tests.demo.raw_client import get, wait_until

ROOT = Path(__file__).parent.parent.parent
SLICE = EXAMPLES / "meningioma_axial.jpg"


def fill(place: Store) -> list[Path]:
    files = [place.new_upload() / "hash" / "scan.nii", place.new_result(SCAN) / "mask.png"]
    files += [place.root / "tmpabc", place.root / "hash" / "fetched.png"]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    return files


def test_the_sweep_takes_what_is_old_and_its_folders(tmp_path):
    place = Store(tmp_path)
    old = fill(place)
    young = fill(place)[0]
    place.sweep(age=100)
    assert all(file.exists() for file in [*old, young])
    place.sweep(age=0)
    kept = {place.root / LOCK, place.uploads, place.results}
    assert set(place.root.rglob("*")) == kept
    place.remove()
    assert not place.root.exists()


def test_what_a_call_makes_after_its_session_goes_with_the_next_sweep(tmp_path, monkeypatch):
    place, session = Store(tmp_path), "visitor"
    monkeypatch.setattr("metaseg.demo.store.current_session", lambda: session)
    place.forget()
    late = place.new_result(SCAN)
    session = "another"
    kept = place.new_result(SCAN)
    for folder in (late, kept):
        (folder / "mask.png").touch()
    place.sweep()
    assert not late.exists() and (kept / "mask.png").exists()


def test_the_next_session_of_a_tab_takes_up_its_uploads(tmp_path, monkeypatch):
    place, session = Store(tmp_path), "before"
    for module in ("store", "answer"):
        monkeypatch.setattr(f"metaseg.demo.{module}.current_session", lambda: session)
    monkeypatch.setattr("metaseg.demo.answer.store", lambda: place)
    monkeypatch.setattr("metaseg.demo.store.RELOAD_SECONDS", 1)

    def given(tab: str) -> Path:
        file = place.new_upload() / "hash" / "scan.png"
        file.parent.mkdir()
        file.touch()
        place.name_tab(tab)
        place.claim(str(file), SCAN)
        return file

    scan, session = given("a" * 32), "without a secret"
    other = given("short")
    for stranger, tab in (("other tab", "b" * 32), ("nameless", ""), ("guesser", "short")):
        session = stranger
        place.name_tab(tab)
        for file in (scan, other):
            with pytest.raises(InputError, match="not one of your uploads"):
                place.claim(str(file), SCAN)
    session = "without a secret"
    place.forget()
    assert not other.exists()
    session = "before"
    place.forget()
    session = "after"
    place.name_tab("a" * 32)
    place.claim(str(scan), SCAN)
    session = "cut off for a moment"
    kept = given("d" * 32)
    place.forget()
    want({"wanted": 1, "tab": "d" * 32})
    session = "lost"
    lost = given("c" * 32)
    place.forget()
    wait_until(lambda: not lost.exists(), 30)
    assert scan.exists() and kept.exists()


def test_clear_removes_what_nothing_else_uses(tmp_path, monkeypatch):
    """The viewer opens a file of a batch, which came together with another one."""
    place = Store(tmp_path)
    monkeypatch.setattr("metaseg.demo.store.current_session", lambda: "visitor")
    upload = place.new_upload()
    opened, other = (upload / name / "scan.png" for name in ("first", "second"))
    for file in (opened, other):
        file.parent.mkdir()
        file.touch()
        place.claim(str(file), BATCH)
    place.claim(str(opened), SCAN)
    place.forget(SCAN)
    assert opened.exists() and other.exists()
    place.claim(str(opened), SCAN)
    place.forget(BATCH)
    assert opened.exists() and not other.exists()
    place.claim(str(opened), BATCH)
    place.forget(SCAN)
    place.forget(BATCH)
    assert not upload.exists()


def test_nothing_stops_the_sweep(tmp_path, monkeypatch):
    place = Store(tmp_path)
    folder = place.root / "named as a file"
    (folder / "inner").mkdir(parents=True)
    (place.root / "link").symlink_to("/nowhere")
    swept, rounds = threading.Event(), []
    real = place.sweep

    def sweep():
        rounds.append(1)
        if len(rounds) == 1:
            raise IsADirectoryError(folder)
        real(age=0)
        swept.set()
        time.sleep(3600)

    monkeypatch.setattr(place, "sweep", sweep)
    monkeypatch.setattr("metaseg.demo.store.SWEEP_MINUTES", 0.001)
    threading.Thread(target=place.sweep_for_ever, daemon=True).start()
    assert swept.wait(20)
    assert not folder.exists() and not os.path.lexists(place.root / "link")


@pytest.mark.slow
def test_a_new_server_removes_what_a_dead_one_left_and_nothing_of_a_living_one(tmp_path):
    code = (
        "import pathlib, sys, time\n"
        "from metaseg.demo.store import Store\n"
        "place = Store(pathlib.Path(sys.argv[1]))\n"
        "(place.new_upload() / 'scan.dcm').write_text('Mustermann')\n"
        "print(place.root, flush=True)\n"
        "time.sleep(600)\n"
    )
    elsewhere = tmp_path / "metaseg-not-ours"
    elsewhere.mkdir()
    command = [sys.executable, "-c", code, str(tmp_path)]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        root = Path(other.stdout.readline().strip())
        living = Store(tmp_path)
        assert list(root.rglob("scan.dcm"))
    finally:
        other.kill()
        other.wait()
    assert list(root.rglob("scan.dcm")), "nobody is left to remove it"
    Store(tmp_path)
    assert not root.exists() and living.root.exists() and elsewhere.exists()


def test_claims_outside_of_calls_check_the_place_alone(tmp_path):
    place = Store(tmp_path)
    file = fill(place)[0]
    place.claim(str(file), BATCH)
    for bad in (file.parent, tmp_path, file.with_name("gone"), place.root / "tmpabc"):
        with pytest.raises(InputError, match="not one of your uploads"):
            place.claim(str(bad), BATCH)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "number"),
    [(["app.py"], signal.SIGINT), (["-m", "metaseg", "demo"], signal.SIGTERM)],
)
def test_a_server_that_is_told_to_end_leaves_nothing(tmp_path, command, number):
    environment = {
        **os.environ,
        "GRADIO_TEMP_DIR": str(tmp_path),
        "GRADIO_SERVER_PORT": "7931",
        "HF_HUB_OFFLINE": "1",
    }
    server = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment)
    url = "http://127.0.0.1:7931/"
    try:
        wait_until(lambda: answers(url), 120)
        client = Client(url, verbose=False)
        client.predict(scan=handle_file(SLICE), api_name="/segment")
        assert list(tmp_path.rglob(SLICE.name)) and list(tmp_path.rglob("mask.png"))
        os.kill(server.pid, number)
        assert server.wait(30) is not None
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
        assert list(tmp_path.glob("metaseg-*")) == []
    finally:
        server.kill()
        server.wait()


def answers(url: str) -> bool:
    try:
        return get(url).status_code == 200
    except httpx.TransportError:
        return False
