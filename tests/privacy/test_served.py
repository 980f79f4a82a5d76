"""A served page speaks to nobody else, and what it hands over and logs names no patient."""

import ast
import io
import ipaddress
import shutil
import zipfile
from pathlib import Path

import httpx
import pytest

from metaseg.demo.downloads import LABELS
from tests.conftest import EXAMPLES
from tests.demo.raw_client import call, named, press, upload
from tests.faults.app import App, running
from tests.privacy.marked import OBJECTS, marks_in, save_marked

SLICE = EXAMPLES / "meningioma_axial.jpg"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    (folder / "cache").mkdir()
    with running(folder, folder / "cache") as app:
        yield app


@pytest.fixture(scope="module")
def series(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    return Path(shutil.make_archive(str(folder / "scan"), "zip", save_marked(folder / "files")))


def foreign(app: App) -> list[str]:
    """Whom the server has spoken to, or looked up, besides this machine."""
    found = []
    for line in app.spoken.read_text().splitlines():
        address = ast.literal_eval(line)
        if isinstance(address, str | bytes):
            continue  # a socket in the file system
        host = address[0].decode() if isinstance(address[0], bytes) else address[0]
        try:
            here = ipaddress.ip_address(host or "127.0.0.1").is_loopback
        except ValueError:
            here = host == "localhost"
        if not (here or host == "0.0.0.0"):
            found.append(line)
    return found


@pytest.mark.slow
def test_no_patient_and_no_foreign_host(app, series):
    httpx.get(app.url).raise_for_status()
    outputs = []
    for endpoint, file in (("segment", SLICE), ("compare", series), ("segment_volume", series)):
        event, data = call(app.url, endpoint, scan=named(upload(app.url, file)[0]))
        assert event == "complete", data
        outputs.append(repr(data).encode())
        parts = [part for part in data if isinstance(part, dict) and part.get("path")]
        assert parts
        outputs += [httpx.get(part["url"]).content for part in parts]
    (own,) = upload(app.url, series)
    choice = {"id": "1", "scan": own, "model": "Both", "threshold": 0.2}
    answers = press(app.url, "visitor", "wire-state", [choice], "ask")
    outputs.append(repr(answers).encode())
    for kind in LABELS:
        (parcel,) = press(
            app.url, "visitor", "wire-state", [{"taken": choice | {"take": kind}}], "take"
        )
        outputs.append(repr(parcel).encode())
        outputs.append(httpx.get(f"{app.url}{parcel['url']}").raise_for_status().content)
    assert outputs[-1].startswith(b"PK") and len(outputs) > 8 + 2 * len(LABELS)
    with zipfile.ZipFile(io.BytesIO(outputs[-1])) as archive:
        names = [name for name in archive.namelist() if name.endswith(OBJECTS)]
    assert {name[-7:] for name in names} == {"seg.dcm", "_sr.dcm"}
    broken = upload(app.url, EXAMPLES / "examples.json")[0]
    assert call(app.url, "segment", scan=named(broken))[0] == "error"
    assert [marks_in(output) for output in outputs] == [[]] * len(outputs)

    log = app.log.read_text()
    assert not marks_in(log.encode()) and "Traceback" not in log
    assert app.spoken.read_text(), "the watcher saw nothing at all"
    assert foreign(app) == []
