"""Studies in several processes: the same files and manifest as in one, and a worker may die."""

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import cv2
import psutil
import pytest

from metaseg.cli.main import main
from metaseg.cli.studies import WORKER_DIED
from metaseg.findings.manifest import MANIFEST
from tests.conftest import draw_head


def command(archive: Path, model: str, output: Path, workers: int) -> list[str]:
    chosen = ["--model", model, "--workers", str(workers), "--output", str(output)]
    return ["predict", str(archive), *chosen]


def results(output: Path) -> dict:
    """What the manifest says of each scan, without times, and the content of its masks."""
    scans = json.loads((output / MANIFEST).read_text())["scans"]
    for entry in scans.values():
        entry.pop("finished")
        entry.pop("seconds", None)
        masks = [name for name in entry.get("files", []) if "mask" in name or name.endswith("csv")]
        entry["content"] = [(output / name).read_bytes() for name in masks]
    return scans


@pytest.mark.slow
def test_two_processes_give_what_one_gives(archive, model, tmp_path, capsys):
    outputs = [tmp_path / "one", tmp_path / "two"]
    codes = [main(command(archive, model, out, n)) for n, out in enumerate(outputs, start=1)]
    assert codes == [2, 2]
    one, two = map(results, outputs)
    assert len(one) == 6 and one == two
    assert [entry["status"] for entry in one.values()].count("failed") == 1
    assert not list(outputs[1].glob(".*"))
    said, errors = capsys.readouterr()
    tables = [[line for line in part.splitlines() if line] for part in said.split("failed.\n")]
    assert tables[0] == tables[1] and "metaseg: emil" in errors
    assert main(command(archive, model, outputs[1], 2)) == 2
    assert capsys.readouterr().out.count("done before") == 5


@pytest.mark.parametrize("workers", ["0", "-1", "two"])
def test_a_bad_number_of_workers_is_refused(archive, model, tmp_path, capsys, workers):
    with pytest.raises(SystemExit) as stopped:
        main([*command(archive, model, tmp_path / "out", 1), "--workers", workers])
    assert stopped.value.code == 2 and "--workers" in capsys.readouterr().err


def under_way(archive: Path, arguments: list[str], manifest: Path) -> subprocess.Popen:
    """The command on ``archive`` with twenty further slices, once the first is done."""
    for number in range(20):
        cv2.imwrite(str(archive / f"more{number:02d}.png"), draw_head(seed=number)[0])
    running = subprocess.Popen(
        [sys.executable, "-m", "metaseg", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell has it ignored by what it runs in the background.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
    )
    end = time.monotonic() + 600
    while not (manifest.exists() and '"done"' in manifest.read_text()):
        assert time.monotonic() < end and running.poll() is None
        time.sleep(0.02)
    return running


def workers_of(running: subprocess.Popen) -> list[psutil.Process]:
    family = psutil.Process(running.pid).children()
    return [one for one in family if any("spawn_main" in part for part in one.cmdline())]


@pytest.mark.slow
def test_a_stopped_command_waits_for_no_study(archive, model, tmp_path):
    arguments = command(archive, model, tmp_path / "out", 2)
    running = under_way(archive, arguments, tmp_path / "out" / MANIFEST)
    workers = workers_of(running)
    for worker in workers:
        worker.suspend()  # a study that takes for ever
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130 and "metaseg: stopped." in errors
    assert "Traceback" not in errors
    psutil.wait_procs(workers, timeout=10)
    assert not any(worker.is_running() for worker in workers)


@pytest.mark.slow
def test_a_worker_that_dies_is_a_sentence_and_the_rest_resumes(archive, model, tmp_path):
    arguments = command(archive, model, tmp_path / "out", 2)
    running = under_way(archive, arguments, tmp_path / "out" / MANIFEST)
    workers_of(running)[0].kill()
    _, errors = running.communicate(timeout=120)
    assert running.returncode == 2 and f"metaseg: {WORKER_DIED}" in errors
    assert "Traceback" not in errors
    done = sum(entry["status"] == "done" for entry in results(tmp_path / "out").values())
    assert 0 < done < 25
    assert main(arguments) == 2  # the broken file
    entries = results(tmp_path / "out").values()
    assert [entry["status"] for entry in entries].count("done") == 25
    assert not list((tmp_path / "out").glob(".*"))
