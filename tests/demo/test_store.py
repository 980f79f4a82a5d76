"""Nobody reads another's files, and nothing stays."""

import json
import os
import stat
from pathlib import Path

import nibabel
import numpy as np
import pytest
from gradio.caching import _per_session_stores
from gradio_client import Client, handle_file

from metaseg.demo.server_folder import LOCK
from metaseg.demo.store import NOT_YOURS, store
from metaseg.demo.uploads import NO_ROOM
from tests.conftest import EXAMPLES
from tests.demo.raw_client import call, get, named, post, press, upload, wait_until

SLICE, TRUTH = EXAMPLES / "meningioma_axial.jpg", EXAMPLES / "meningioma_axial_truth.png"


@pytest.fixture
def victim(quick, tmp_path):
    """A visitor who has segmented a volume, and the folders that hold what is hers."""
    voxels = np.random.default_rng(0).integers(0, 900, (40, 40, 3)).astype(np.int16)
    scan = tmp_path / "erika.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), scan)
    before = set(store().uploads.iterdir()), set(store().results.iterdir())
    client = Client(quick, verbose=False)
    client.predict(scan=handle_file(scan), api_name="/segment_volume")
    (uploaded,) = set(store().uploads.iterdir()) - before[0]
    (result,) = set(store().results.iterdir()) - before[1]
    return client, uploaded, result


def test_no_path_but_ones_own_upload_is_read(quick, victim, tmp_path):
    _, uploaded, result = victim
    (own,) = upload(quick, SLICE)
    link, pipe = Path(own).parent / "link.nii.gz", Path(own).parent / "pipe.png"
    (scan,) = uploaded.glob("*/erika.nii.gz")
    link.symlink_to(scan)
    os.mkfifo(pipe)
    aims = [
        *[store().root, store().uploads, store().results, uploaded, scan.parent, scan],
        *[result, result / "mask.nii.gz", store().root / LOCK, link, pipe, Path(own).parent],
        f"{own}/../../../{uploaded.name}/{scan.parent.name}/erika.nii.gz",
    ]
    for aim in aims:
        assert call(quick, "segment", scan=named(aim)) == ("error", NOT_YOURS), aim
        mine = named(own)
        truth = call(quick, "segment", scan=mine, ground_truth=named(aim))
        assert truth == ("error", NOT_YOURS), aim
        rows = press(quick, "intruder", "batch-start", [[named(aim), mine], "Both", 0.5])
        assert "2 scans, 1 failed." in rows[0] and NOT_YOURS in rows[0], aim
        (own,) = upload(quick, SLICE)
    for aim in ("/etc/passwd", "/dev/zero", "/proc/self/environ", EXAMPLES / "examples.json"):
        assert call(quick, "segment", scan=named(aim))[0] == "error", aim
    assert NOT_YOURS.count(".") == 1 and "/" not in NOT_YOURS


def test_an_upload_serves_its_own_session_alone(quick):
    (own,) = upload(quick, SLICE)
    state = {"id": 1, "scan": own, "model": "Both"}
    state |= {"looked": {**state, "view": "compare"}, "taken": {**state, "take": "report"}}
    for event in ("take", "look", "ask"):
        assert press(quick, "first", "wire-state", [state], event) != NOT_YOURS
        refused = press(quick, "other", "wire-state", [state], event)
        assert refused == NOT_YOURS or refused[0]["alert"] == NOT_YOURS
    assert call(quick, "segment", scan=named(own)) == ("error", NOT_YOURS)
    assert press(quick, "first", "wire-state", [state], "take") != NOT_YOURS


@pytest.mark.parametrize("scan", ["/etc/passwd", "/proc/self/environ", "example:examples.json"])
def test_the_viewer_opens_uploads_and_examples_alone(quick, scan):
    for paths in ({"scan": scan}, {"scan": f"example:{SLICE.name}", "truth": scan}):
        state = {"id": 1, "model": "Both", "take": "zip", **paths}
        (step,) = press(quick, "visitor", "wire-state", [state], "ask")
        words = step.get("alert") or step["findings"]["notices"]
        assert NOT_YOURS in words or "no such example" in words
        assert "root:" not in json.dumps(step)


def test_a_result_is_read_by_its_whole_address_alone(quick):
    state = {"taken": {"scan": f"example:{SLICE.name}", "model": "Both", "take": "report"}}
    (parcel,) = press(quick, "visitor", "wire-state", [state], "take")
    answer = get(f"{quick}{parcel['url']}")
    assert "Attention U-Net" in answer.text and answer.headers["Cache-Control"] == "no-store"
    assert "attachment" in answer.headers["Content-Disposition"]
    _, folder, name = parcel["url"].split("/")
    for aim in (
        f"{folder}/",
        f"{folder}/..%2flock",
        "../uploads/x",
        f"{folder}/%2e%2e",
        f"{folder}/%00",
        name,
    ):
        assert get(f"{quick}results/{aim}").status_code == 404, aim


def test_an_upload_without_a_session_may_be_used_again(quick):
    (own,) = upload(quick, SLICE)
    for _ in range(2):
        assert call(quick, "segment", scan=named(own))[0] == "complete"


def test_equal_files_of_two_visitors_lie_apart(quick):
    first, second = upload(quick, SLICE) + upload(quick, SLICE)
    assert first != second and Path(first).read_bytes() == Path(second).read_bytes()
    several = upload(quick, SLICE, TRUTH)
    assert [Path(path).name for path in several] == [SLICE.name, TRUTH.name]


def test_examples_are_everybodys(quick):
    for session in ("one", "two"):
        state = {
            "id": 1,
            "scan": f"example:{SLICE.name}",
            "truth": f"example:{TRUTH.name}",
            "model": "Both",
        }
        (step,) = press(quick, session, "wire-state", [state], "ask")
        assert "Agreement" in step["findings"]["metrics"]


def test_folders_are_for_the_server_alone(quick, victim):
    _, uploaded, result = victim
    for folder in (store().root, store().uploads, store().results, uploaded, result):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.slow
def test_a_session_takes_its_files_with_it(quick, victim):
    client, uploaded, result = victim
    (others,) = upload(quick, SLICE)
    assert call(quick, "segment", scan=named(others))[0] == "complete"
    client.close()
    wait_until(lambda: not uploaded.exists() and not result.exists())
    assert Path(others).exists()


def test_nothing_of_a_scan_stays_in_memory(quick):
    def kept(session=""):
        return [key for one in _per_session_stores for key in one._exact if key.startswith(session)]

    before = len(kept())
    (own,) = upload(quick, SLICE)
    assert call(quick, "segment", scan=named(own))[0] == "complete"
    assert len(kept()) <= before
    (own,) = upload(quick, SLICE)
    state = {"id": 1, "scan": own, "model": "Both"}
    press(quick, "visitor", "wire-state", [state], "ask")
    assert len(kept("visitor:")) > 3
    press(quick, "visitor", "wire-state", [state], "forget")
    assert not kept("visitor:") and not Path(own).exists()


def test_an_upload_that_breaks_off_leaves_nothing(quick):
    before = set(store().uploads.iterdir())

    def parts():
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.nii"\r\n\r\n'
        yield b"0" * 100_000
        wait_until(lambda: set(store().uploads.iterdir()) - before)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": "200000"}
        post(f"{quick}gradio_api/upload", content=parts(), headers=headers)
    wait_until(lambda: set(store().uploads.iterdir()) <= before)
    del headers["Content-Length"]
    answer = post(f"{quick}gradio_api/upload", content=b"--x--", headers=headers)
    assert set(store().uploads.iterdir()) <= before or answer.json() == []


def test_an_upload_without_a_file_is_a_sentence(quick):
    before = set(store().uploads.iterdir())
    field = b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\ntext\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = post(f"{quick}gradio_api/upload", content=field, headers=headers)
    assert answer.status_code == 400 and "send the scan as a file" in answer.text
    assert set(store().uploads.iterdir()) <= before


def test_a_file_that_is_too_large_is_a_sentence(quick, monkeypatch):
    monkeypatch.setattr("metaseg.demo.uploads.MAX_FILE_BYTES", 1 << 20)
    before = set(store().uploads.iterdir())
    files = {"files": ("large.nii", b"0" * (1 << 21))}
    answer = post(f"{quick}gradio_api/upload", files=files)
    assert answer.status_code == 413
    assert answer.text == "A file is larger than 1 MB: use a smaller one."
    assert set(store().uploads.iterdir()) <= before


@pytest.mark.parametrize("step", ["upload_fn", "store"])
def test_a_full_disk_during_an_upload_is_a_sentence(quick, monkeypatch, step):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    before = set(store().uploads.iterdir())
    monkeypatch.setattr(f"metaseg.demo.uploads.{step}", full)
    answer = post(f"{quick}gradio_api/upload", files={"files": ("a.nii", b"0")})
    assert (answer.status_code, answer.text) == (507, NO_ROOM)
    assert set(store().uploads.iterdir()) <= before
