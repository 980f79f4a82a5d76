"""What reading a scan changes for the rest of the process: nothing."""

import logging
import threading
import warnings

from pydicom import config

from metaseg.scan.lenient import lenient


def settings() -> tuple:
    log = logging.getLogger("pydicom")
    return config.settings.reading_validation_mode, log.level, list(warnings.filters)


def test_the_last_to_leave_restores():
    before = settings()
    inside, leave = threading.Event(), threading.Event()

    def read() -> None:
        with lenient():
            inside.set()
            leave.wait(10)

    other = threading.Thread(target=read)
    with lenient():
        other.start()
        assert inside.wait(10)
        assert config.settings.reading_validation_mode == config.IGNORE
    assert config.settings.reading_validation_mode == config.IGNORE
    leave.set()
    other.join()
    assert settings() == before


def test_an_exception_restores():
    before = settings()
    try:
        with lenient():
            raise KeyError
    except KeyError:
        pass
    assert settings() == before
