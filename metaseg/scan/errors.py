"""Faults of files: readers say what is wrong, the door says with which file.

Decoders raise whatever they like for damaged data. ``decoding`` is the one boundary around each of
them: nothing but a FileError leaves it.
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
    """What is wrong with one file: a sentence without its subject, which ``about`` adds."""

    name = "The file"

    def __str__(self) -> str:
        return f"{self.name} {super().__str__()}"


class CostError(FileError):
    """The file needs more time or memory than it may have: nothing else of it is tried."""


@contextmanager
def about(name: str) -> Iterator[None]:
    """Begins the sentence of a FileError from within with ``name``; the innermost name stays."""
    try:
        yield
    except FileError as error:
        if "name" not in vars(error):
            error.name = name
        raise


@contextmanager
def decoding(sentence: str = DAMAGED) -> Iterator[None]:
    """Turns every foreign exception from within into a FileError with ``sentence``.

    Its type and place are logged, never its words: they may quote a header, which is a patient's.
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
    """Log what went wrong inside, for whoever runs the server."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = "/".join(Path(place.filename).parts[-2:])
    logger.warning("%s at %s:%d", type(error).__name__, where, place.lineno)
