"""Make pydicom silent and lenient while MetaSeg reads, and restore the caller's settings."""

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
    """Silence pydicom, nibabel and highdicom: invalid values are common and harmless, and may be
    patient data.

    The settings are process-wide: the first thread to enter sets them, the last one to leave
    restores them.
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
    settings = config.settings
    for log in map(logging.getLogger, ("pydicom", "nibabel.global", "highdicom")):
        _restoring.callback(log.setLevel, log.level)
        log.setLevel(logging.CRITICAL)
    _restoring.callback(
        setattr, settings, "reading_validation_mode", settings.reading_validation_mode
    )
    _restoring.enter_context(warnings.catch_warnings())
    settings.reading_validation_mode = config.IGNORE
    warnings.filterwarnings("ignore", module="pydicom")
