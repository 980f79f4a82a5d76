"""What a decoder raises becomes one sentence about the file; the log has the cause, no words."""

import numpy as np
import pytest
from PIL import Image

from metaseg.errors import InputError
from metaseg.scan import read_scan
from metaseg.scan.errors import CostError, FileError, about, decoding


@pytest.fixture
def picture(tmp_path):
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def raising(error: BaseException):
    def decode(*_):
        raise error

    return decode


class OddError(Exception):
    pass


@pytest.mark.parametrize("error", [OddError("Mustermann^Erika"), KeyError(3), OSError("/srv/x")])
def test_any_exception_of_a_decoder_is_one_sentence(picture, monkeypatch, caplog, error):
    monkeypatch.setattr("imagecodecs.png_decode", raising(error))
    with pytest.raises(InputError, match=r"^a\.png is damaged or cut off .*export it again\.$"):
        read_scan(picture)
    (record,) = caplog.records
    assert record.name.startswith("metaseg") and type(error).__name__ in record.getMessage()
    assert "test_errors.py" in record.getMessage()
    assert "Mustermann" not in caplog.text and "/srv" not in caplog.text


@pytest.mark.parametrize("place", ["imagecodecs.png_decode", "numpy.isfinite"])
def test_too_little_memory_is_told_as_that(picture, monkeypatch, place):
    monkeypatch.setattr(place, raising(MemoryError()))
    with pytest.raises(CostError, match=r"^a\.png is too large for the memory of this machine"):
        read_scan(picture)


def test_an_interrupt_is_no_fault_of_the_file(picture, monkeypatch):
    monkeypatch.setattr("imagecodecs.png_decode", raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        read_scan(picture)


def test_the_innermost_name_stays():
    with pytest.raises(FileError) as caught, about("study.zip"), about("a.png"), decoding():
        raise FileError("is too small.")
    assert str(caught.value) == "a.png is too small."
    assert str(FileError("is too small.")) == "The file is too small."
