"""Turn errors of the Hub into sentences for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    XetDownloadError,
)
from huggingface_hub.utils import get_session

from metaseg.errors import InputError

TIMEOUT = 3.0 * constants.HF_HUB_DOWNLOAD_TIMEOUT
"""Seconds without an answer after which the Hub counts as unreachable: 30 by default."""

TOKENS = "https://huggingface.co/settings/tokens"
LOG_IN = f"log in with hf auth login or set HF_TOKEN to a token from {TOKENS}"

_BY_STATUS = {
    401: f"The Hub does not accept your token for {{place}}: {LOG_IN}.",
    402: "The Hub requires payment for {place}: choose hardware that your account includes.",
    403: "Your token does not allow this for {place}: use a token with write access and a name "
    "that you own.",
    404: "The Hub has no {place} that you can see: check the name, and log in if it is private.",
    409: "{place} changed on the Hub in the meantime or already exists: try again.",
    413: "The upload to {place} is too large for the Hub: send smaller files.",
    429: "The Hub received too many requests from here (429): wait a few minutes and try again; "
    "finished uploads are not sent again.",
}


@contextmanager
def hub_errors(place: str) -> Iterator[None]:
    """Convert every error of the Hub's client to one InputError about ``place``.

    Also limits the client's wait, unlimited by default, to ``TIMEOUT`` seconds.
    """
    get_session().timeout = TIMEOUT
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        sentence = _explain(error, place)
        if sentence is None:
            raise
        raise InputError(sentence) from error


def _explain(error: BaseException, place: str) -> str | None:
    """The sentence for ``error``; None if it does not come from the Hub but from a bug here."""
    match error:
        case LocalTokenNotFoundError():
            return f"You are not logged in to the Hub: {LOG_IN}; it must be allowed to write."
        case OfflineModeIsEnabled():
            return f"HF_HUB_OFFLINE is set, and {place} is not in the cache: unset it."
        case GatedRepoError():
            return f"{place} needs its owner's permission: request access on its page, and log in."
        case RevisionNotFoundError():
            return f"The Hub has no such revision of {place}: check what follows the @."
        case RepositoryNotFoundError():
            # The Hub also answers 401 to an unknown name, to hide what exists.
            return _BY_STATUS[404].format(place=place)
        case LocalEntryNotFoundError():
            return (error.__cause__ and _explain(error.__cause__, place)) or _unreachable(place)
        case HfHubHTTPError() if error.response is not None:
            status = error.response.status_code
            if isinstance(error, EntryNotFoundError):
                return f"A file is missing in {place}: it is not a MetaSeg checkpoint."
            if status in _BY_STATUS:
                return _BY_STATUS[status].format(place=place)
            if status >= 500:
                return f"The Hub has an internal error ({status}) for {place}: try again later."
            return f"The Hub refused {place} ({status}): check name and token, or try again later."
        case HFValidationError():
            return f"{place} is not a valid Hub name: use the form USER/NAME."
        case httpx2.TimeoutException() | httpx2.NetworkError() | httpx2.ProxyError():
            return _unreachable(place)
        case httpx2.RemoteProtocolError():
            return f"The connection broke during the transfer of {place}: try again."
        case httpx2.HTTPError() | httpx2.InvalidURL():
            return _unreachable(place)
        case OSError() if "Consistency check failed" in str(error):
            return f"{place} arrived incomplete: try again."
        case ValueError() if str(error).startswith("Invalid metadata"):
            return f"The Hub refuses the README.md of {place}: {' '.join(str(error).split())}"
        case JSONDecodeError() | FileMetadataError():
            return (
                f"The server that answered for {place} is not the Hub: check HF_ENDPOINT, and "
                "whether your network requires a login."
            )
        case ValueError() | RuntimeError() | OSError() if error.__cause__ is not None:
            # The client wraps errors during a transfer.
            return _explain(error.__cause__, place)
        case OSError() if error.strerror:
            return f"{place} could not be read or stored on this computer: {error.strerror}."
        case RuntimeError() | OSError() | XetDownloadError():
            return f"The transfer of {place} failed: try again, or set HF_HUB_DISABLE_XET=1 first."
    return None


def _unreachable(place: str) -> str:
    return (
        f"The Hub could not be reached for {place}: check the network and try again, or set "
        "HF_HUB_OFFLINE=1 to use the cache."
    )
