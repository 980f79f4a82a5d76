"""Errors about files: a reader states the fault, its caller adds the name of the file.

Decoders raise arbitrary exceptions for damaged data. ``decoding`` converts them all to FileError.
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metaseg.errors import TOO_LARGE, InputError
from metaseg.scan.lenient import lenient

DAMAGED = "is damaged or cut off and cannot be decoded: export it again."
TOO_SLOW = "takes too long to decode: export it uncompressed."

logger = logging.getLogger(__name__)


class FileError(InputError):
    """A fault of one file: a sentence without its subject, which ``about`` adds."""

    name = "The file"

    def __str__(self) -> str:
        return f"{self.name} {super().__str__()}"


class CostError(FileError):
    """The file exceeds a limit on time, memory or size: reading stops at once."""


@contextmanager
def about(name: str) -> Iterator[None]:
    """Begin the sentence of a FileError raised inside with ``name``; the innermost name wins."""
    try:
        yield
    except FileError as error:
        if "name" not in vars(error):
            error.name = name
        raise


@contextmanager
def decoding(sentence: str = DAMAGED) -> Iterator[None]:
    """Convert every other exception raised inside to a FileError with ``sentence``.

    A MemoryError becomes a CostError. Only the type and place of the exception are logged: its
    message may quote a header with patient data.
    """
    try:
        with lenient():
            yield
    except InputError:
        raise
    except MemoryError as error:
        log_cause(error)
        raise CostError(TOO_LARGE) from error
    except Exception as error:
        log_cause(error)
        raise FileError(sentence) from error


def log_cause(error: BaseException) -> None:
    """Log the type and place of ``error``, for the operator of a server."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = "/".join(Path(place.filename).parts[-2:])
    logger.warning("%s at %s:%d", type(error).__name__, where, place.lineno)
