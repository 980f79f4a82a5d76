"""Mutated files of every format, the same each time. The long run is python -m tests.fuzz."""

import signal
import subprocess
import sys
from random import Random

import pytest

from tests.fuzz.campaign import COLUMNS, run, verdict
from tests.fuzz.mutate import make
from tests.fuzz.seeds import FORMATS, SCAN_OF, seeds_of
from tests.fuzz.worker import ROOT, Result, Worker

INPUTS = 200

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures by /proc")


@pytest.mark.slow
@pytest.mark.parametrize("format_", FORMATS)
def test_every_input_is_a_result_or_a_sentence(worker, format_):
    print(f"seeds: '{format_} 0' to '{format_} {INPUTS - 1}'")
    counts, defects = run(format_, range(INPUTS), worker)
    print(dict(counts))
    assert counts.total() == INPUTS and not defects, "\n".join(defects)
    assert counts["success"] > INPUTS // 50 and counts["sentence"] > INPUTS // 50


@pytest.mark.slow
@pytest.mark.parametrize("format_", FORMATS)
def test_seeds_are_read(worker, format_):
    for path in seeds_of(format_):
        if path.parent.parent.name == "seeds":
            assert worker.handle(path, SCAN_OF.get(format_)).kind == "success", path


@pytest.mark.parametrize("format_", FORMATS)
def test_an_input_is_the_same_whenever_it_is_made(tmp_path, format_):
    number = Random(format_).randrange(10**6)
    once, again = (make(format_, number, folder) for folder in two_folders(tmp_path))
    assert once.name == again.name
    assert contents(once) == contents(again)


def two_folders(folder):
    for name in ("once", "again"):
        (folder / name).mkdir()
        yield folder / name


def contents(path) -> dict[str, bytes]:
    files = path.iterdir() if path.is_dir() else [path]
    return {file.name: file.read_bytes() for file in files}


@pytest.mark.parametrize(
    "result, column",
    [
        (Result("success"), "success"),
        (Result("sentence", seconds=5.1), "slow"),
        (Result("stopped"), "slow"),
        (Result("success", megabytes=1025), "over memory"),
        (Result("foreign", seconds=9), "foreign"),
    ],
)
def test_verdict(result, column):
    assert verdict(result) == column and column in COLUMNS


def test_a_worker_that_dies_or_hangs_is_a_result():
    path = SCAN_OF["mask_picture"]
    with Worker() as worker:
        assert worker.handle(path).kind == "success"
        worker.process.send_signal(signal.SIGSTOP)
        worker.patience = 0.5
        assert worker.handle(path).kind == "stopped"
        worker.patience = 60
        assert worker.handle(path).kind == "success"
        worker.process.kill()
        worker.process.wait()
        assert worker.handle(path).kind == "foreign"


@pytest.mark.slow
def test_coverage_guided():
    pytest.importorskip("atheris")
    formats, options = ["dicom", "tiff", "nifti"], ["-runs=100", "-seed=1"]
    command = [sys.executable, "-m", "tests.fuzz.guided", *formats, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr.count("Done 100 runs") == len(formats)
