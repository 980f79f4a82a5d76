"""The fault table: what a person reads when the Hub, or the way to it, fails."""

from pathlib import Path

import pytest

from metaseg.checkpoint import WEIGHTS
from tests.hub.client import Client, environment
from tests.hub.state import Hub
from tests.hub.tiny import make_checkpoint

REPO = "someone/brain"
API, BODY = f"/api/models/{REPO}", f"/{REPO}/resolve/"

UNREACHABLE = (
    f"The Hub could not be reached for {REPO}: check the network and try again, or set "
    "HF_HUB_OFFLINE=1 to use the cache."
)
LOG_IN = (
    "log in with hf auth login or set HF_TOKEN to a token from "
    "https://huggingface.co/settings/tokens"
)
BAD_TOKEN = f"The Hub does not accept your token for {REPO}: {LOG_IN}."
FORBIDDEN = (
    f"Your token does not allow this for {REPO}: use a token with write access and a name "
    "that you own."
)
UNKNOWN = f"The Hub has no {REPO} that you can see: check the name, and log in if it is private."
TOO_MANY = (
    "The Hub received too many requests from here (429): wait a few minutes and try again; "
    "finished uploads are not sent again."
)
BROKEN = f"The Hub has an internal error (500) for {REPO}: try again later."
NOT_WHOLE = f"{REPO} arrived incomplete: try again."
WRONG_HASH = (
    f"model.safetensors of {REPO} does not match the Hub's hash and was deleted: try again."
)

PULL_FAULTS = [
    pytest.param("slow", API, UNREACHABLE, marks=pytest.mark.slow),
    pytest.param("slow", BODY, UNREACHABLE, marks=pytest.mark.slow),
    (401, API, BAD_TOKEN),
    (403, API, FORBIDDEN),
    (404, API, UNKNOWN),
    (429, API, TOO_MANY),
    (500, API, BROKEN),
    (500, BODY, BROKEN),
    ("truncated", BODY, NOT_WHOLE),
    ("wrong_hash", "model.safetensors", WRONG_HASH),
]
"""What fails, which requests do, and the sentence that a pull ends with."""

PUSH_FAULTS = [
    pytest.param("slow", "/api/repos/create", UNREACHABLE, marks=pytest.mark.slow),
    (401, "/api/whoami-v2", BAD_TOKEN),
    (403, "/api/repos/create", FORBIDDEN),
    (403, "/commit/", FORBIDDEN),
    (429, "/commit/", TOO_MANY),
    (500, "/commit/", BROKEN),
]


@pytest.mark.parametrize(("fault", "path", "sentence"), PULL_FAULTS)
def test_what_is_read_when_a_pull_fails_and_that_a_demo_serves_all_the_same(
    hub: Hub, client: Client, shipped: Path, fault: int | str, path: str, sentence: str
):
    client.ask("push", folder=str(shipped / "nested_unet"), repo_id=REPO)
    # HEAD stays well: the client would ask again and again for half a minute, and then say it.
    hub.fail(fault, path, method="GET")
    assert client.ask("pull", name=REPO) == {"sentence": sentence}

    answer = client.ask("resolve", shipped=str(shipped), variables={"METASEG_MODELS": REPO})
    local = client.ask("resolve", shipped=str(shipped), variables={"METASEG_MODELS": None})
    assert answer["revisions"] == local["revisions"]
    assert answer["lines"] == [f"Loading {REPO} …"]
    assert answer["notices"] == [
        f"The models chosen for this page could not be loaded. {sentence} Until then, the page "
        "serves the models that ship with MetaSeg."
    ]

    hub.faults.clear()
    assert client.ask("pull", name=REPO)["revision"] == hub.model(REPO).head


@pytest.mark.parametrize(("fault", "path", "sentence"), PUSH_FAULTS)
def test_what_is_read_when_a_push_fails(
    hub: Hub, client: Client, folder: Path, fault: int | str, path: str, sentence: str
):
    hub.fail(fault, path)
    assert client.ask("push", folder=str(folder), repo_id=REPO) == {"sentence": sentence}
    hub.faults.clear()
    client.ask("push", folder=str(folder), repo_id=REPO)


def test_a_broken_connection_is_taken_up_again(hub: Hub, client: Client, folder: Path):
    client.ask("push", folder=str(folder), repo_id=REPO)
    hub.fail("broken", BODY, "GET", times=1)
    assert client.ask("pull", name=REPO)["revision"] == hub.model(REPO).head


def test_who_may_not_push_is_told_before_anything_is_sent(hub: Hub, client: Client, folder: Path):
    def push(token: str | None, repo_id: str = REPO) -> str:
        answer = client.ask("push", {"HF_TOKEN": token}, folder=str(folder), repo_id=repo_id)
        return answer["sentence"]

    nobody = f"You are not logged in to the Hub: {LOG_IN}; it must be allowed to write."
    assert push(None) == nobody
    assert push("hf_unknown") == BAD_TOKEN
    assert push("hf_reader") == (
        "Your token is read-only: create one with write access at "
        "https://huggingface.co/settings/tokens."
    )
    assert push("hf_other") == (
        "You are logged in as other and cannot publish as someone: choose a name that begins with "
        "other/."
    )
    assert "use the form USER/NAME" in push("hf_writer", "brain")
    assert "without @v1: use --tag" in push("hf_writer", "someone/brain@v1")
    assert hub.repositories == {}


def test_weights_that_do_not_fit_are_told_after_the_login_and_not_sent(
    hub: Hub, client: Client, tmp_path: Path
):
    folder = make_checkpoint(tmp_path / "nested_unet")
    other = make_checkpoint(tmp_path / "unet", "unet")
    (other / WEIGHTS).replace(folder / WEIGHTS)

    def push(token: str) -> str:
        asked = client.ask("push", {"HF_TOKEN": token}, folder=str(folder), repo_id=REPO)
        return asked["sentence"]

    assert "read-only" in push("hf_reader"), "known before the network is built"
    assert "belong to another architecture" in push("hf_writer")
    assert hub.repositories == {}


def test_a_private_model_is_unknown_to_others(hub: Hub, client: Client, folder: Path):
    client.ask("push", folder=str(folder), repo_id=REPO, private=True)
    for token in (None, "hf_other"):
        assert client.ask("pull", {"HF_TOKEN": token}, name=REPO) == {"sentence": UNKNOWN}
    assert client.ask("pull", {"HF_TOKEN": "hf_writer"}, name=REPO)["name"] == REPO


def test_unknown_names_and_revisions(hub: Hub, client: Client, folder: Path):
    assert client.ask("pull", name=REPO) == {"sentence": UNKNOWN}
    client.ask("push", folder=str(folder), repo_id=REPO)
    answer = client.ask("pull", name=f"{REPO}@v9")
    assert answer["sentence"] == (
        f"The Hub has no such revision of {REPO}@v9: check what follows the @."
    )
    assert "Two revisions" in client.ask("pull", name=f"{REPO}@v9", revision="v8")["sentence"]
    assert 'There is no model "a b"' in client.ask("pull", name="a b")["sentence"]


@pytest.mark.slow
def test_a_hub_that_is_down(client: Client, shipped: Path, tmp_path: Path):
    nowhere = Client(environment("http://127.0.0.1:9", tmp_path / "home"), tmp_path / "log.txt")
    assert nowhere.ask("pull", name=REPO) == {"sentence": UNREACHABLE}
    answer = nowhere.ask("push", folder=str(shipped / "nested_unet"), repo_id=REPO)
    assert answer == {"sentence": UNREACHABLE}
    answer = nowhere.ask("resolve", {"METASEG_MODELS": REPO}, shipped=str(shipped))
    assert UNREACHABLE in answer["notices"][0]
    assert set(answer["revisions"]) == {"nested_unet", "attention_unet"}
    nowhere.stop()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in for the folder of shipped checkpoints."""
    folder = tmp_path_factory.mktemp("shipped")
    for name in ("nested_unet", "attention_unet"):
        make_checkpoint(folder / name, name)
    return folder
