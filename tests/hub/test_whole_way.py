"""The whole way, with the real client: train, push, publish a Space, start it, segment a slice."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import gradio_client
import numpy as np
import pytest
import yaml

from metaseg.checkpoint import CONFIG, WEIGHTS, load_checkpoint
from metaseg.scan import read_scan
from metaseg.segmenter import Segmenter
from tests.conftest import SMALL_ENCODER, write_data_folder
from tests.hub.client import ROOT, Client, environment, run
from tests.hub.state import Hub
from tests.hub.tiny import make_checkpoint, measured_on

pytestmark = pytest.mark.slow

NESTED, ATTENTION = "someone/heads-nested-unet", "someone/heads-attention-unet"
TRAINING = f"--encoder {SMALL_ENCODER} --decoder-channels 8 8 8 8 --size 64 --epochs 2".split()


@contextmanager
def running_app(folder: Path, variables: dict[str, str]) -> Iterator[str]:
    """``python app.py`` in ``folder``, at the address that is given back once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder.parent / "app.log"
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=folder,
        env={**variables, "GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"},
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + 600
        while not re.search(r"Running on local URL", log.read_text()):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def write_files(files: dict[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def front_matter(readme: bytes) -> dict:
    return yaml.safe_load(readme.decode().split("---")[1])


def test_from_a_training_to_a_space_that_segments(hub: Hub, tmp_path: Path):
    data, output = write_data_folder(tmp_path / "heads"), tmp_path / "trained"
    mine = environment(hub.url, tmp_path / "mine")
    models = ["--model", "nested_unet", "--model", "attention_unet"]
    places = ["--data", data, "--output", output, "--push-to-hub", "someone/heads"]
    trained = run(["train.py", *models, *places, *TRAINING, "--batch-size", "4"], mine)
    assert trained.returncode == 0, trained.stderr
    for repo_id in (NESTED, ATTENTION):
        assert f"{hub.url}/{repo_id}, commit {hub.model(repo_id).head}" in trained.stdout
        expected = {CONFIG, WEIGHTS, "README.md", "curves.json", "curves.png"}
        assert set(hub.model(repo_id).files) == {".gitattributes", *expected}

    models = ["--models", NESTED, "--models", ATTENTION]
    published = run(["-m", "metaseg", "publish", "space", "someone/demo", *models], mine)
    assert published.returncode == 0, published.stderr
    space = hub.space("someone/demo")
    assert f"{hub.url}/spaces/someone/demo\ncommit {space.head}" in published.stdout
    check_space(hub, space.files)

    # A Space has neither our folder, nor our cache, nor our token.
    served = write_files(space.files, tmp_path / "space" / "app")
    theirs = environment(hub.url, tmp_path / "theirs", token=None)
    picture = data / "images" / "1.png"
    with running_app(served, theirs) as url:
        client = gradio_client.Client(url, verbose=False)
        for number, (repo_id, name) in enumerate(
            [(NESTED, "nested_unet"), (ATTENTION, "attention_unet")]
        ):
            if number == 1:
                hub.fail(500)  # what is loaded is served on
            local = Segmenter([load_checkpoint(output / name)], "cpu")
            prediction = local.predict(read_scan(picture), name)
            threshold = float(np.median(prediction.probability[prediction.probability > 0]))
            _, mask, report = client.predict(
                scan=gradio_client.handle_file(str(picture)),
                ground_truth=None,
                model=name,
                threshold=threshold,
                api_name="/segment",
            )
            path = mask["path"] if isinstance(mask, dict) else mask
            remote = cv2.imread(path, cv2.IMREAD_UNCHANGED) > 0
            assert 0 < remote.sum() < remote.size
            assert np.array_equal(remote, prediction.mask(threshold)[0])
            assert report["revision"] == hub.model(repo_id).head
        client.close()


def check_space(hub: Hub, files: dict[str, bytes]) -> None:
    """What the served repository must hold: all that the app needs, and nothing else."""
    assert {"app.py", "requirements.txt", "README.md", "LICENSE", "checkpoints/hub.toml"} <= {
        *files
    }
    beyond = ("tests/", "runs/", "tools/", "train.py", "requirements-")
    assert not [name for name in files if name.startswith(beyond)]

    data = front_matter(files["README.md"])
    pinned = {repo_id: hub.model(repo_id).head for repo_id in (NESTED, ATTENTION)}
    assert data["sdk"] == "gradio" and data["app_file"] == "app.py"
    assert f"gradio[mcp]=={data['sdk_version']}" in files["requirements.txt"].decode()
    assert data["python_version"] == "3.12.12"
    assert data["models"] == list(pinned)
    assert data["preload_from_hub"] == [
        f"{repo_id} {CONFIG},{WEIGHTS} {commit}" for repo_id, commit in pinned.items()
    ]
    assert data["suggested_hardware"] == "cpu-basic"
    assert {"title", "license", "short_description", "tags", "emoji"} <= {*data}
    for commit in pinned.values():
        assert f'revision = "{commit}"' in files["checkpoints/hub.toml"].decode()
    assert files["requirements.txt"] == (ROOT / "requirements.txt").read_bytes()


def metaseg(client: Client, *arguments: str | Path) -> dict:
    """What the command line answers; a traceback fails the test."""
    return client.ask("command", program="metaseg.cli.main", arguments=[*map(str, arguments)])


def test_a_space_from_folders_is_one_command(hub: Hub, client: Client, tmp_path: Path):
    folders = [make_checkpoint(tmp_path / name, name) for name in ("nested_unet", "unet")]
    models = [part for folder in folders for part in ("--models", folder)]
    command = ["publish", "space", "hospital/demo", *models, "--private"]
    command += ["--hardware", "zero-a10g"]
    first = metaseg(client, *command)
    assert first["status"] == 0, first["errors"]
    space = hub.space("hospital/demo")
    assert space.private and space.hardware == "zero-a10g"
    for name in ("hospital/demo-nested-unet", "hospital/demo-unet"):
        assert hub.model(name).private
        assert name in front_matter(space.files["README.md"])["models"]
    assert "HF_TOKEN" in first["out"]

    # What an older version left in our folders goes; the same again makes no new commit.
    stale = {"metaseg/old.py": b"", "notes.txt": b"of the owner"}
    space.commit({**space.files, **stale})
    again = metaseg(client, *command)
    assert "metaseg/old.py" not in space.files and "notes.txt" in space.files
    assert "nothing new" not in again["out"]
    assert "nothing new" in metaseg(client, *command)["out"]


def test_the_command_line_says_what_is_wrong_and_exits_with_2(
    hub: Hub, client: Client, tmp_path: Path
):
    folder = make_checkpoint(tmp_path / "nested_unet")
    publish = ["metaseg.cli.main", "publish"]
    data = ["--data", write_data_folder(tmp_path / "heads"), "--output", tmp_path / "out"]
    train = ["train", "--model", "unet", *data, "--push-to-hub"]
    predict = ["metaseg.cli.main", "predict", "x.png", "--output", tmp_path]
    for command, words in [
        ([*publish, "model", folder, "someone/brain"], "You are not logged in to the Hub"),
        ([*publish, "model", tmp_path, "someone/brain"], "name the folder of a checkpoint"),
        ([*publish, "space", "someone/demo"], "You are not logged in to the Hub"),
        ([*publish, "space", "someone/demo", "--hardware", "abacus"], 'no hardware "abacus"'),
        ([*train, "me/x"], "You are not logged in"),
        ([*train, "me/" + 93 * "x"], "not a Hub name"),
        ([*predict, "--model", "a/b"], "no a/b"),
    ]:
        program, *arguments = map(str, command)
        done = client.ask("command", {"HF_TOKEN": None}, program=program, arguments=arguments)
        assert done["status"] == 2, done["errors"]
        assert words in done["errors"]
        assert len(done["errors"].splitlines()) == 1
    assert hub.repositories == {}


def test_publishing_a_model_prints_page_and_commit(hub: Hub, client: Client, tmp_path: Path):
    folder = make_checkpoint(tmp_path / "nested_unet")
    figures = {"t1ce_slices": {"cases": 540, "dice": {"mean": 0.7, "low": 0.6, "high": 0.8}}}
    (folder / "metrics.json").write_text(json.dumps(measured_on(folder, figures)))
    command = ["publish", "model", folder, "someone/brain", "--tag", "v1"]
    commit = metaseg(client, *command)["out"].splitlines()[1]
    model = hub.model("someone/brain")
    assert commit == f"commit {model.head}" and model.tags == {"v1": model.head}
    index = front_matter(model.files["README.md"])["model-index"]
    assert index[0]["results"][0]["metrics"][0]["value"] == 0.7
    assert metaseg(client, *command)["out"].splitlines()[1] == f"{commit} (nothing new)"
