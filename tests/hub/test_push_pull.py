"""Checkpoints to the Hub and back, through the real client."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from metaseg.checkpoint import CONFIG, METRICS, WEIGHTS, read_config, write_config
from metaseg.hub.card import write_card
from tests.hub.client import Client, environment
from tests.hub.state import Hub
from tests.hub.tiny import make_checkpoint, measured_on

REPO = "someone/brain"


def test_a_push_is_one_commit_with_all_that_belongs(hub: Hub, client: Client, tmp_path: Path):
    folder = make_checkpoint(tmp_path / "nested_unet")
    (folder / "curves.json").write_text("[]")
    (folder / "last.pt").write_text("the state of a training is not for others")
    pushed = client.ask("push", folder=str(folder), repo_id=REPO, tag="v1")
    model = hub.model(REPO)
    assert len(model.commits) == 2  # the Hub makes the first itself
    assert set(model.files) == {".gitattributes", "README.md", CONFIG, WEIGHTS, "curves.json"}
    assert model.files[WEIGHTS] == (folder / WEIGHTS).read_bytes()
    assert f'model="{REPO}"' in model.files["README.md"].decode()
    assert pushed == {
        "repo_id": REPO,
        "commit": model.head,
        "page": f"{hub.url}/{REPO}",
        "changed": True,
    }
    assert model.tags == {"v1": model.head}
    assert not model.private


def test_the_same_content_makes_no_new_commit(hub: Hub, client: Client, folder: Path):
    first = client.ask("push", folder=str(folder), repo_id=REPO, tag="v1")
    again = client.ask("push", folder=str(folder), repo_id=REPO, tag="v1")
    assert again == {**first, "changed": False}
    assert len(hub.model(REPO).commits) == 2


def test_a_card_that_a_person_wrote_stays(hub: Hub, client: Client, tmp_path: Path, capsys):
    folder = make_checkpoint(tmp_path / "unet", "unet")
    (folder / "README.md").write_text("# Ours\n")
    client.ask("push", folder=str(folder), repo_id=REPO)
    assert hub.model(REPO).files["README.md"] == b"# Ours\n"
    assert write_card(folder).read_text() == "# Ours\n"
    assert "edited by hand" in capsys.readouterr().err
    (folder / "README.md").unlink()
    card = write_card(folder).read_text()
    (folder / "README.md").write_text(card.replace("\n## ", "\nAlso ours.\n\n## ", 1))
    client.ask("push", folder=str(folder), repo_id=REPO)
    assert b"\nAlso ours.\n" in hub.model(REPO).files["README.md"]


def test_a_card_that_is_older_than_its_record_is_made_anew(
    hub: Hub, client: Client, tmp_path: Path
):
    folder = make_checkpoint(tmp_path / "unet", "unet")
    write_card(folder)
    config = read_config(folder)
    write_config(folder, replace(config, training={**config.training, "notes": ["Only sheep."]}))
    client.ask("push", folder=str(folder), repo_id=REPO)
    card = hub.model(REPO).files["README.md"].decode()
    assert "Only sheep." in card and f'model="{REPO}"' in card


def test_a_push_that_broke_off_goes_on(hub: Hub, client: Client, folder: Path):
    hub.fail(500, "/commit/")
    assert "(500)" in client.ask("push", folder=str(folder), repo_id=REPO)["sentence"]
    hub.faults.clear()
    hub.requests.clear()
    client.ask("push", folder=str(folder), repo_id=REPO)
    assert not [request for request in hub.requests if request.startswith("PUT")]
    assert WEIGHTS in hub.model(REPO).files


def test_a_tag_is_never_moved(hub: Hub, client: Client, folder: Path, tmp_path: Path):
    client.ask("push", folder=str(folder), repo_id=REPO, tag="v1")
    other = make_checkpoint(tmp_path / "nested_unet", seed=1)
    answer = client.ask("push", folder=str(other), repo_id=REPO, tag="v1")
    assert "already has a tag v1" in answer["sentence"]


def test_what_is_private_does_not_go_to_a_public_place(
    hub: Hub, client: Client, folder: Path, tmp_path: Path
):
    client.ask("push", folder=str(folder), repo_id=REPO)
    other = make_checkpoint(tmp_path / "nested_unet", seed=1)
    answer = client.ask("push", folder=str(other), repo_id=REPO, private=True)
    assert f"{REPO} exists and is public" in answer["sentence"]
    assert len(hub.model(REPO).commits) == 2


def test_every_revision_comes_back_as_it_went(
    hub: Hub, client: Client, folder: Path, tmp_path: Path
):
    first = client.ask("push", folder=str(folder), repo_id=REPO, tag="v1", private=True)
    local = client.ask("pull", name=str(folder))
    other = make_checkpoint(tmp_path / "nested_unet", seed=1)
    second = client.ask("push", folder=str(other), repo_id=REPO)
    assert hub.model(REPO).private
    for name, revision in [(f"{REPO}@v1", None), (REPO, "v1"), (REPO, first["commit"])]:
        pulled = client.ask("pull", name=name, revision=revision)
        assert (pulled["name"], pulled["revision"]) == (REPO, first["commit"])
        assert pulled["weights"] == local["weights"]
    newest = client.ask("pull", name=REPO)
    assert newest["revision"] == second["commit"]
    assert newest["weights"] != local["weights"]


def test_metrics_come_with_the_weights(hub: Hub, client: Client, folder: Path, tmp_path: Path):
    metrics = measured_on(folder, {"goats": {"cases": 3}})
    (folder / METRICS).write_text(json.dumps(metrics))
    commit = client.ask("push", folder=str(folder), repo_id=REPO)["commit"]
    for name in (REPO, f"{REPO}@{commit}"):
        assert client.ask("pull", name=name)["metrics"] == ["goats"]
    (cached,) = (tmp_path / "cache").rglob(METRICS)
    cached.write_bytes(cached.read_bytes()[:-9])
    assert client.ask("pull", name=f"{REPO}@{commit}")["metrics"] == ["goats"]


def test_a_commit_in_the_cache_is_loaded_without_the_hub(hub: Hub, client: Client, folder: Path):
    commit = client.ask("push", folder=str(folder), repo_id=REPO)["commit"]
    client.ask("pull", name=f"{REPO}@{commit}")
    hub.requests.clear()
    client.ask("pull", name=f"{REPO}@{commit}")
    assert hub.requests == []


def test_a_damaged_cache_is_mended(hub: Hub, client: Client, folder: Path, tmp_path: Path):
    commit = client.ask("push", folder=str(folder), repo_id=REPO)["commit"]
    whole = client.ask("pull", name=REPO)
    for damage in (b"", (folder / WEIGHTS).read_bytes()[:-1] + b"\x7f"):
        for name in (REPO, f"{REPO}@{commit}"):
            (cached,) = (tmp_path / "cache").rglob(WEIGHTS)
            cached.write_bytes(damage)
            assert client.ask("pull", name=name) == whole


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 5}, "has format 5 and this MetaSeg reads format 4: update MetaSeg"),
        ({"architecture": "transformer"}, "architecture transformer is unknown"),
        ({"architecture": "unet"}, "belong to another architecture"),
        ({"encoder": "no-such-encoder"}, "names a network that MetaSeg cannot build"),
        ({"encoder": "tu-hf-hub:somebody/else"}, "names a network that MetaSeg cannot build"),
        ({"decoder_channels": [8, 8, 8, 8]}, "belong to another architecture"),
        ({"preprocessing": 3}, "is damaged"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    hub: Hub, client: Client, folder: Path, changes: dict, words: str
):
    client.ask("push", folder=str(folder), repo_id=REPO)
    model = hub.model(REPO)
    config = json.loads(model.files[CONFIG])
    model.commit({**model.files, CONFIG: json.dumps({**config, **changes}).encode()})
    answer = client.ask("pull", name=REPO)
    assert REPO in answer["sentence"] and words in answer["sentence"]


def test_only_safetensors_are_taken(hub: Hub, client: Client, folder: Path):
    client.ask("push", folder=str(folder), repo_id=REPO)
    model = hub.model(REPO)
    files = dict(model.files)
    files["pytorch_model.bin"] = files.pop(WEIGHTS)
    model.commit(files)
    answer = client.ask("pull", name=REPO)
    assert answer["sentence"] == f"{REPO} has no {WEIGHTS}: it is not a MetaSeg checkpoint."


@pytest.mark.slow
def test_offline_takes_what_is_in_the_cache(hub: Hub, client: Client, folder: Path, tmp_path: Path):
    client.ask("push", folder=str(folder), repo_id=REPO)
    online = client.ask("pull", name=REPO)
    hub.requests.clear()
    offline = Client(
        environment(hub.url, tmp_path / "home", HF_HUB_OFFLINE="1"), tmp_path / "log.txt"
    )
    offline.ask("home", path=str(tmp_path / "cache"))
    assert offline.ask("pull", name=REPO) == online
    answer = offline.ask("pull", name="someone/else")
    assert "HF_HUB_OFFLINE is set, and someone/else is not in the cache" in answer["sentence"]
    answer = offline.ask("push", folder=str(folder), repo_id=REPO)
    assert "HF_HUB_OFFLINE is set" in answer["sentence"]
    (cached,) = (tmp_path / "cache").rglob(WEIGHTS)
    cached.write_bytes(b"")
    assert "damaged" in offline.ask("pull", name=REPO)["sentence"]
    offline.stop()
    assert hub.requests == []
