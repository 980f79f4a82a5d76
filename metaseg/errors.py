"""The exception type for errors that a user can cause."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

TOO_LARGE = "is too large for the memory of this machine: use a smaller one."

DISK = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "your share of the disk is used up: free some space",
    errno.EFBIG: "a file would be larger than this system allows: raise that limit",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.EACCES: "you cannot write to this folder: choose another",
    errno.EPERM: "you cannot write to this folder: choose another",
    errno.EIO: "the disk has a fault: choose another",
    errno.ENAMETOOLONG: "the name of a file is too long: shorten it",
}


class InputError(Exception):
    """Bad input: one sentence that says what was wrong and what to do.

    The page shows the sentence, the client receives it, and the command line prints it and exits
    with 2. It never holds a path of the server.
    """


@contextmanager
def memory_errors(name: str) -> Iterator[None]:
    """Turn a lack of memory while handling ``name`` into one InputError."""
    try:
        yield
    except Exception as error:
        # torch and OpenCV have no exception of their own for it.
        words = ("can't allocate memory", "Insufficient memory")
        if not isinstance(error, MemoryError) and not any(part in str(error) for part in words):
            raise
        raise InputError(f"{name} {TOO_LARGE}") from None  # the traceback holds the memory


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn a full, read-only or faulty disk into one InputError."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK:
            raise
        raise InputError(
            f"The results could not be written, because {DISK[error.errno]}, and try again."
        ) from error


def together(*steps: Callable[[], Any]) -> list[Any]:
    """What each of ``steps`` returns.

    Every step runs even if an earlier one fails. One InputError then lists all problems, so that
    users can fix them at once.
    """
    results, faults = [], []
    for step in steps:
        try:
            results.append(step())
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise InputError("\n".join(faults))
    return results
