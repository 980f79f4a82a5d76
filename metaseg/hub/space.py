"""Publish the demo as a Space, with its models pinned to commits on the Hub."""

import re
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, SpaceHardware
from huggingface_hub.repocard_data import SpaceCardData

from metaseg.checkpoint import CARD, METRICS, Checkpoint, read_config
from metaseg.data.record import demanding_license
from metaseg.errors import InputError
from metaseg.hub.errors import hub_errors
from metaseg.hub.names import HubName
from metaseg.hub.pull import FILES, pull
from metaseg.hub.push import Pushed, check_login, commit, plain_repo_id, push_model
from metaseg.hub.resolve import HUB_FILE, load_models, local_folder
from metaseg.resources import PACKAGE

ROOT = PACKAGE.parent
APP, REQUIREMENTS = "app.py", "requirements.txt"
FILES_OF_SPACE = (
    APP,
    REQUIREMENTS,
    "LICENSE",
    "metaseg/**/*",
    "checkpoints/*/*",
    "examples/**/*",
)
"""Files that a Space gets unchanged, like the container."""

PYTHON = "3.12.12"
"""One of the two versions that ZeroGPU runs."""
OUR_FOLDERS = ("metaseg/", "checkpoints/", "examples/", "docs/")
"""Folders in which publishing deletes the files of an older version."""

TEXT = """
# MetaSeg

Outlines brain metastases and other brain tumours on single MR slices. This is research software,
not a medical device: do not base diagnosis or treatment on it. Do not upload patient images that
you have no right to share.

{models}

The code is under Apache-2.0. The weights are under {license}, which their training data
requires. Their cards list the data.
"""


def publish_space(
    repo_id: str,
    models: list[str],
    private: bool = False,
    hardware: str | None = None,
    report: Callable[[str], None] = print,
) -> Pushed:
    """Publish the demo as the Space ``repo_id``, which is created if needed.

    ``models`` are names on the Hub, folders, or names of shipped checkpoints. Folders and shipped
    checkpoints are pushed first, as ``repo_id`` and their architecture joined by a dash. Without
    ``models``, the Space serves the shipped checkpoints. ``hardware`` is a name from the Hub, for
    example ``zero-a10g``. ``report`` receives lines of progress. Raises InputError if something is
    wrong with a model, the clone or the Hub.
    """
    repo_id = plain_repo_id(repo_id)
    if hardware and hardware not in set(SpaceHardware):
        known = ", ".join(SpaceHardware)
        raise InputError(f'The Hub has no hardware "{hardware}": choose one of {known}.')
    files = space_files()
    gradio = pinned_gradio()
    check_login(repo_id)
    # Folders of one architecture would be pushed to the same name.
    folders = filter(None, map(local_folder, models))
    _check_differ([read_config(folder).architecture for folder in folders])
    checkpoints = [_on_hub(model, repo_id, private, report) for model in models]
    _check_differ([checkpoint.config.architecture for checkpoint in checkpoints])
    texts = {
        CARD: _readme(checkpoints, gradio, hardware),
        HUB_FILE.relative_to(ROOT).as_posix(): _hub_file(checkpoints),
    }
    # One commit, which upload_folder does not guarantee: a Space must not start half updated.
    operations = [CommitOperationAdd(name, ROOT / name) for name in files]
    operations += [CommitOperationAdd(name, text.encode()) for name, text in texts.items()]
    api = HfApi()
    with hub_errors(repo_id):
        api.create_repo(
            repo_id, repo_type="space", space_sdk="gradio", private=private or None, exist_ok=True
        )
        there = [file.rfilename for file in api.space_info(repo_id).siblings or []]
    stale = {name for name in there if name.startswith(OUR_FOLDERS)} - {*files, *texts}
    operations += [CommitOperationDelete(name) for name in sorted(stale)]
    pushed = commit(repo_id, "space", operations, "MetaSeg demo", private)
    if hardware:
        with hub_errors(f"{hardware} for {repo_id}"):
            api.request_space_hardware(repo_id, hardware)
    return pushed


def space_files(root: Path = ROOT) -> list[str]:
    """Paths, relative to ``root``, of the files that the Space gets unchanged.

    Raises InputError if ``root`` is not a clone of the repository.
    """
    if not (root / APP).is_file():
        raise InputError("There is no app.py here: publish the Space from a clone of MetaSeg.")
    found = (path for pattern in FILES_OF_SPACE for path in root.glob(pattern) if path.is_file())
    names = {path.relative_to(root).as_posix() for path in found}
    return sorted(name for name in names if not re.search(r"(^|/)(\.|__pycache__/)", name))


def pinned_gradio(root: Path = ROOT) -> str:
    """The version of gradio in requirements.txt, which a Space also needs in its settings.

    Raises InputError if it is not pinned.
    """
    requirements = (root / REQUIREMENTS).read_text(encoding="utf-8")
    found = re.search(r"^gradio(?:\[\w+\])?==(\S+)", requirements, re.MULTILINE)
    if found is None:
        raise InputError(
            "requirements.txt does not pin gradio: write gradio==VERSION, which the Space needs."
        )
    return found[1]


def _check_differ(architectures: list[str]) -> None:
    if len(set(architectures)) < len(architectures):
        raise InputError("Two models have the same architecture: name one of each.")


def _on_hub(model: str, space: str, private: bool, report: Callable[[str], None]) -> Checkpoint:
    """``model`` loaded from the Hub, to check that it can be; folders are pushed first."""
    folder = local_folder(model)
    if folder is None:
        report(f"Loading {model} …")
        return pull(HubName.parse(model))
    (checkpoint,) = load_models([str(folder)])
    target = f"{space}-{checkpoint.config.architecture.replace('_', '-')}"
    report(f"Pushing {folder.name} to {target} …")
    return pull(HubName(target, push_model(folder, target, private).commit))


def _readme(checkpoints: list[Checkpoint], gradio: str, hardware: str | None) -> str:
    license = demanding_license(c.config.license for c in checkpoints or load_models())
    data = SpaceCardData(
        title="MetaSeg",
        emoji="🧠",
        colorFrom="indigo",
        colorTo="gray",
        sdk="gradio",
        sdk_version=gradio,
        python_version=PYTHON,
        app_file=APP,
        suggested_hardware=hardware or "cpu-basic",
        short_description="Outlines brain tumours on MR slices; research use only",
        license=license,
        models=[checkpoint.name for checkpoint in checkpoints] or None,
        preload_from_hub=[
            f"{c.name} {','.join([*FILES, *[METRICS] * bool(c.metrics)])} {c.revision}"
            for c in checkpoints
        ]
        or None,
        tags=["brain-metastases", "brain-tumor", "mri", "image-segmentation", "medical"],
    )
    if checkpoints:
        lines = [f"- {c.config.title}: `{c.name}` at commit `{c.revision}`" for c in checkpoints]
        models = "It serves these models:\n\n" + "\n".join(lines)
    else:
        models = "It serves the models in its folder `checkpoints`."
    text = TEXT.format(
        models=models, license="their own licence" if license == "other" else license
    )
    return f"---\n{data.to_yaml()}\n---\n{text}"


def _hub_file(checkpoints: list[Checkpoint]) -> str:
    """``checkpoints/hub.toml`` with the models filled in."""
    entries = [
        f'\n[[model]]\nrepository = "{checkpoint.name}"\nrevision = "{checkpoint.revision}"\n'
        for checkpoint in checkpoints
    ]
    return HUB_FILE.read_text(encoding="utf-8") + "".join(entries)
