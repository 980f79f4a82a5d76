"""pydicom, silent and lenient, while MetaSeg reads: elsewhere it stays as the caller has it."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pydicom import config

_lock = threading.Lock()
_inside = 0
_restoring = ExitStack()


@contextmanager
def lenient() -> Iterator[None]:
    """Odd values are common and harmless, and they may be a patient's: pydicom must not quote them.

    Its settings hold for the process: the first thread that comes in sets them, the last that
    leaves restores them.
    """
    global _inside
    with _lock:
        if _inside == 0:
            _set()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _restoring.close()


def _set() -> None:
    log, settings = logging.getLogger("pydicom"), config.settings
    _restoring.callback(log.setLevel, log.level)
    _restoring.callback(
        setattr, settings, "reading_validation_mode", settings.reading_validation_mode
    )
    _restoring.enter_context(warnings.catch_warnings())
    log.setLevel(logging.CRITICAL)
    settings.reading_validation_mode = config.IGNORE
    warnings.filterwarnings("ignore", module="pydicom")
