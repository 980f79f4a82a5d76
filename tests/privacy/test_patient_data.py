"""What a DICOM header says of a patient leaves only in the DICOM objects that need it."""

import shutil
from pathlib import Path

import pydicom
import pytest

from metaseg.checkpoint import save_checkpoint
from metaseg.cli.main import main
from tests.conftest import small_checkpoint
from tests.privacy.marked import KEPT, MARKS, OBJECTS, PARTS, marks_in, save_marked


def test_the_marks_are_found_where_they_are(tmp_path):
    folder = save_marked(tmp_path / "series")
    whole = b"".join(path.read_bytes() for path in folder.iterdir())
    assert set(marks_in(whole)) == set(PARTS)
    archive = shutil.make_archive(str(tmp_path / "results"), "zip", folder)
    assert set(marks_in(open(archive, "rb").read())) == set(PARTS)


@pytest.fixture
def output(tmp_path, capfd, caplog):
    """The results of ``predict`` on a series, the same zipped, and a file that is no scan."""
    checkpoint = small_checkpoint("unet")
    save_checkpoint(tmp_path / "small", checkpoint.config, checkpoint.network.state_dict())
    series = save_marked(tmp_path / "scans" / "first")
    shutil.make_archive(str(tmp_path / "scans" / "second"), "zip", series)
    broken = sorted(series.iterdir())[0].read_bytes()[:1500]
    (tmp_path / "scans" / "third").mkdir()
    (tmp_path / "scans" / "third" / "broken.dcm").write_bytes(broken)
    command = ["predict", str(tmp_path / "scans"), "--model", str(tmp_path / "small")]
    command += ["--threshold", "0.4"]
    assert main([*command, "--slices", "--output", str(tmp_path / "out")]) == 2
    said = capfd.readouterr()
    assert "2 of 3 done, 1 failed." in said.out
    assert not marks_in((said.out + said.err + caplog.text).encode())
    return tmp_path / "out"


def objects(output: Path) -> list[Path]:
    """The DICOM objects among the results."""
    return [path for path in output.rglob("*") if path.name.endswith(OBJECTS)]


def test_the_command_line_writes_none_of_it(output):
    others = {path for path in output.rglob("*") if path.is_file()} - {*objects(output)}
    assert len(others) > 20
    for path in others:
        assert not marks_in(path.name.encode()) and not marks_in(path.read_bytes()), path.name


def test_a_dicom_object_holds_what_files_it_with_its_study_and_no_more(output):
    assert sorted(pydicom.dcmread(path).Modality for path in objects(output)) == [
        *["SEG"] * 2,
        *["SR"] * 2,
    ]
    for path in objects(output):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        for name in KEPT:
            assert str(header[name].value) == MARKS[name]
        for name in MARKS.keys() - KEPT:
            assert name not in header, name
        kept = [part.encode() for name in KEPT for part in MARKS[name].split("^")]
        others = {b"Mustermann", *kept}
        assert set(marks_in(path.read_bytes())) <= others
