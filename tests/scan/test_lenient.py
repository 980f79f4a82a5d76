"""What reading a scan changes for the rest of the process: nothing."""

import logging
import subprocess
import sys
import threading
import warnings

from pydicom import config

from metaseg.scan.lenient import lenient

STATE = """
import logging, os, warnings
import cv2
from pydicom import config
from pydicom.pixels import get_decoder
from pydicom.uid import JPEGLossless
state = lambda: [cv2.getNumThreads(), config.settings.reading_validation_mode,
    hash(str(os.environ)), logging.getLogger("pydicom").level, logging.getLogger().handlers,
    [kept for kept in warnings.filters if "pydicom" in str(kept)],
    get_decoder(JPEGLossless).available_plugins]
"""


def settings() -> tuple:
    log = logging.getLogger("pydicom")
    return config.settings.reading_validation_mode, log.level, list(warnings.filters)


def test_importing_changes_nothing_of_others():
    code = (
        "import highdicom, imagecodecs, nibabel, PIL.Image, scipy.ndimage, tifffile, torch, timm\n"
    )
    code += "import segmentation_models_pytorch" + STATE + "before = state()\nimport metaseg\n"
    code += "import metaseg.scan, metaseg.segmenter, metaseg.findings.files\n"
    code += "import metaseg.scan.dicom_codecs\nassert state() == before, (state(), before)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


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
