"""Studies on a Ray cluster of two workers: the same files and manifest as here, and a worker may
die."""

import subprocess
import sys
import threading
import time

import cv2
import psutil
import pytest

from metaseg.cli.main import main
from metaseg.findings.manifest import MANIFEST
from tests.cli.test_workers import command, results
from tests.conftest import draw_head

pytestmark = pytest.mark.slow
pytest.importorskip("ray")


@pytest.fixture(scope="module")
def address():
    """A cluster of two machines, as Ray's own tests make it, with one worker each."""
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 100 << 20}
    cluster = Cluster(initialize_head=True, head_node_args=small)
    cluster.add_node(**small)
    yield cluster.address
    cluster.shutdown()


def test_a_cluster_gives_what_one_process_gives(address, archive, model, tmp_path, capsys):
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(command(archive, model, one, 1)) == 2
    assert main([*command(archive, model, two, 2), "--ray", address]) == 2
    assert results(one) == results(two) and len(results(two)) == 6
    capsys.readouterr()
    assert main([*command(archive, model, two, 2), "--ray", address]) == 2
    assert capsys.readouterr().out.count("done before") == 5


def test_a_worker_that_dies_is_replaced(address, archive, model, tmp_path):
    for number in range(30):
        cv2.imwrite(str(archive / f"more{number:02d}.png"), draw_head(seed=number)[0])
    arguments = [*command(archive, model, tmp_path / "out", 2), "--ray", address]
    killed = threading.Event()

    def kill_one() -> None:
        end = time.monotonic() + 600
        while time.monotonic() < end and not killed.is_set():
            if (tmp_path / "out" / MANIFEST).exists():
                for process in psutil.process_iter(["name", "cmdline"]):
                    if "MapWorker" in " ".join(process.info["cmdline"] or ()):
                        process.kill()
                        killed.set()
                        return
            time.sleep(0.02)

    threading.Thread(target=kill_one, daemon=True).start()
    code = main(arguments)
    assert killed.is_set() and code == 2
    if len(results(tmp_path / "out")) < 36:  # the run gave up, and the next one finishes it
        assert main(arguments) == 2
    entries = results(tmp_path / "out").values()
    assert [entry["status"] for entry in entries].count("done") == 35


def test_a_folder_that_a_machine_cannot_write_is_a_sentence(archive, model, tmp_path):
    """The worker runs here: only its answer is looked at."""
    from metaseg.cli.on_ray import Worker
    from metaseg.cli.studies import Settings, Task
    from metaseg.data.studies import find_studies

    settings = Settings(model, tmp_path / "gone", 0.5, None, 0.0, False, None, None, False)
    study = find_studies([archive / "slice0.png"])[0][0]
    row = Worker(settings)({"task": Task(study, "slice0", "0" * 64)})
    assert row["ends"]
    assert "slice0 could not be written by a machine of the cluster" in str(row["outcome"])


def test_a_cluster_that_cannot_be_reached_is_a_sentence(archive, model, tmp_path):
    arguments = [*command(archive, model, tmp_path / "out", 2), "--ray", "127.0.0.1:9"]
    done = subprocess.run(
        [sys.executable, "-m", "metaseg", *arguments], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2 and "There is no Ray cluster at 127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
