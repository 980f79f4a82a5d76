"""Load a checkpoint from the Hub at one commit, with every file checked against its hash."""

import hashlib
import logging
import re
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import LocalEntryNotFoundError
from huggingface_hub.hf_api import RepoSibling

from metaseg.checkpoint import CONFIG, METRICS, WEIGHTS, Checkpoint, load_checkpoint
from metaseg.errors import InputError
from metaseg.hub.errors import TIMEOUT, hub_errors
from metaseg.hub.names import HubName

log = logging.getLogger(__name__)

FILES = (CONFIG, WEIGHTS)
"""All files that inference needs. Beside them, only the metrics are downloaded, and never code."""

_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")


def pull(name: HubName) -> Checkpoint:
    """Load the checkpoint ``name``. Its ``revision`` is the commit, and its name USER/NAME.

    A commit that is complete in the cache is loaded without contacting the Hub. Raises InputError
    if the checkpoint cannot be loaded as a whole.
    """
    with hub_errors(str(name)):
        folder = _find_in_cache(name) or _download(name)
    return load_checkpoint(folder, revision=folder.name, name=name.repo_id)


def _find_in_cache(name: HubName) -> Path | None:
    """The snapshot folder of ``name`` in the cache; None if it is not complete.

    Only a commit is looked up, since a branch may have moved; offline, the last known one is used.
    """
    if not (name.is_pinned or constants.HF_HUB_OFFLINE):
        return None
    paths = []
    for file in FILES:
        try:
            path = hf_hub_download(
                name.repo_id, file, revision=name.revision, local_files_only=True
            )
        except LocalEntryNotFoundError:
            if constants.HF_HUB_OFFLINE:
                raise InputError(
                    f"HF_HUB_OFFLINE is set, and {name} is not in the cache: unset it once to "
                    "download it."
                ) from None
            return None
        paths.append(Path(path))
    # They come first, so where they are missing there are none.
    if (metrics := paths[0].with_name(METRICS)).exists():
        paths.append(metrics)
    if all(_fits(path, _blob(path).name) for path in paths if path.is_symlink()):
        return paths[0].parent
    if constants.HF_HUB_OFFLINE:
        raise InputError(f"{name} is damaged in the cache: unset HF_HUB_OFFLINE to repair it.")
    log.warning("%s is damaged in the cache and is downloaded again.", name)
    return None


def _download(name: HubName) -> Path:
    """The snapshot folder of ``name``; files missing from the cache come from the Hub."""
    info = HfApi().model_info(
        name.repo_id, revision=name.revision, files_metadata=True, timeout=TIMEOUT
    )
    there = {sibling.rfilename: sibling for sibling in info.siblings or []}
    for file in FILES:
        if file not in there:
            raise InputError(f"{name} has no {file}: it is not a MetaSeg checkpoint.")
    for file in [*{METRICS} & there.keys(), *FILES]:
        wanted = _hash(there[file])
        path = Path(hf_hub_download(name.repo_id, file, revision=info.sha))
        if not _fits(path, wanted):
            # The file may come from a damaged cache.
            path = Path(hf_hub_download(name.repo_id, file, revision=info.sha, force_download=True))
        if not _fits(path, wanted):
            _blob(path).unlink()
            raise InputError(
                f"{file} of {name} does not match the Hub's hash and was deleted: try again."
            )
    if not name.is_pinned:
        # The client then records the commit of the branch or tag, for offline use.
        hf_hub_download(name.repo_id, CONFIG, revision=name.revision)
    return path.parent


def _blob(path: Path) -> Path:
    """The file that ``path`` in the cache links to; its name is its hash on the Hub."""
    return path.parent / path.readlink() if path.is_symlink() else path


def _hash(file: RepoSibling) -> str:
    """SHA-256 of a file under LFS, git's SHA-1 of any other."""
    return file.lfs.sha256 if file.lfs else file.blob_id or ""


def _fits(path: Path, wanted: str) -> bool:
    data = path.read_bytes()
    if _SHA256.fullmatch(wanted):
        return hashlib.sha256(data).hexdigest() == wanted
    if _SHA1.fullmatch(wanted):
        # Git's hash of a small file; the weights are large and have a SHA-256.
        git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
        return git.hexdigest() == wanted
    return False
