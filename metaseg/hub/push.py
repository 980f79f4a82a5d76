"""Push a checkpoint folder to a model repository on the Hub, in one commit."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError

from metaseg.checkpoint import CARD, CONFIG, METRICS, WEIGHTS, read_checkpoint
from metaseg.errors import InputError
from metaseg.hub.card import CURVES, CURVES_PICTURE, is_edited, render_card
from metaseg.hub.errors import TIMEOUT, TOKENS, hub_errors
from metaseg.hub.names import HubName

EXTRAS = (CURVES, CURVES_PICTURE, METRICS)
"""Files that are pushed if the folder has them."""


@dataclass(frozen=True)
class Pushed:
    """The state of the repository on the Hub after a push."""

    repo_id: str
    commit: str
    page: str
    changed: bool
    """False if the Hub already had the same content, and no commit was made."""


def check_login(repo_id: str) -> None:
    """Raise InputError unless a user who may write to ``repo_id`` is logged in, as far as known.

    Call it before anything that takes long, such as a training that is to be pushed.
    """
    name = HubName.parse(repo_id)
    owner = name.repo_id.split("/")[0]
    with hub_errors(name.repo_id):
        account = HfApi().whoami()
    owners = [account["name"], *(group["name"] for group in account.get("orgs", []))]
    if owner not in owners:
        raise InputError(
            f"You are logged in as {account['name']} and cannot publish as {owner}: choose a name "
            f"that begins with {' or '.join(f'{owner}/' for owner in owners)}."
        )
    token = account.get("auth", {}).get("accessToken", {})
    if token.get("role") == "read":
        raise InputError(f"Your token is read-only: create one with write access at {TOKENS}.")


def push_model(folder: Path, repo_id: str, private: bool = False, tag: str | None = None) -> Pushed:
    """Push the checkpoint in ``folder`` to ``repo_id`` on the Hub, which is created if needed.

    Config, weights, card, curves and metrics go up in one commit. A repeated push resumes an
    interrupted one; the same content makes no new commit. ``tag``, such as "v1", names the commit.
    Raises InputError if something is wrong with the folder or on the Hub.
    """
    folder = Path(folder)
    checkpoint = read_checkpoint(folder)
    repo_id = plain_repo_id(repo_id)
    check_login(repo_id)
    _ = checkpoint.network  # publish nothing that cannot be loaded
    operations = [CommitOperationAdd(CARD, _card(folder, repo_id).encode())]
    for file in (CONFIG, WEIGHTS, *EXTRAS):
        if (folder / file).is_file():
            operations.append(CommitOperationAdd(file, folder / file))
    with hub_errors(repo_id):
        HfApi().create_repo(repo_id, private=private or None, exist_ok=True)
    pushed = commit(repo_id, "model", operations, f"MetaSeg checkpoint {folder.name}", private)
    if tag:
        _tag(pushed, tag)
    return pushed


def commit(
    repo_id: str,
    kind: str,
    operations: Iterable[CommitOperationAdd | CommitOperationDelete],
    message: str,
    private: bool,
) -> Pushed:
    """Make one commit to a repository of ``kind`` "model" or "space"; none if nothing changed.

    Raises InputError if ``private`` is true and the repository is public: then nothing is sent.
    """
    api = HfApi()
    with hub_errors(repo_id):
        before = api.repo_info(repo_id, repo_type=kind, timeout=TIMEOUT)
        if private and not before.private:
            raise InputError(
                f"{repo_id} exists and is public: make it private in its settings, or choose "
                "another name."
            )
        done = api.create_commit(repo_id, operations, commit_message=message, repo_type=kind)
    prefix = "spaces/" if kind == "space" else ""
    page = f"{api.endpoint}/{prefix}{repo_id}"
    return Pushed(repo_id, done.oid, page, changed=done.oid != before.sha)


def _card(folder: Path, repo_id: str) -> str:
    """The folder's card if a person edited it, else the standard card with the name on the Hub."""
    path = folder / CARD
    if path.is_file():
        text = path.read_text(encoding="utf-8")
        if is_edited(text):
            return text
    return render_card(folder, repo_id)


def plain_repo_id(text: str) -> str:
    """``text`` as a name to publish to. Raises InputError unless it is USER/NAME, without a
    revision."""
    name = HubName.parse(text)
    if name.revision:
        raise InputError(
            f"Publish to {name.repo_id}, without @{name.revision}: use --tag to name a version."
        )
    return name.repo_id


def _tag(pushed: Pushed, tag: str) -> None:
    api = HfApi()
    with hub_errors(pushed.repo_id):
        try:
            api.create_tag(pushed.repo_id, tag=tag, revision=pushed.commit)
        except HfHubHTTPError as error:
            if error.response is None or error.response.status_code != 409:
                raise
            tagged = api.model_info(pushed.repo_id, revision=tag, timeout=TIMEOUT).sha
            if tagged != pushed.commit:
                raise InputError(
                    f"{pushed.repo_id} already has a tag {tag} for another commit: choose another "
                    "tag."
                ) from error
