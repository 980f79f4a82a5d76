"""What the server lets in, and what it says with every answer."""

import asyncio
import json
import shutil
import socket
import threading
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest

from metaseg import limits
from metaseg.demo import protection
from metaseg.demo.batch import run_batch
from metaseg.demo.launch import launch_options
from metaseg.demo.page import NOT_TAKEN, build_page
from metaseg.demo.store import Store, store
from metaseg.demo.workbench import Workbench
from metaseg.errors import InputError
from metaseg.scan import Scan
from tests.conftest import EXAMPLES, draw_head
from tests.demo.raw_client import call, get, named, post, request

SLICE = EXAMPLES / "meningioma_axial.jpg"
ELSEWHERE = "https://elsewhere.example"


@pytest.mark.parametrize("path", ["", "config", "gradio_api/info", "theme.css", "nothing/here"])
def test_every_answer_bears_the_headers(quick, path):
    headers = get(quick + path).headers
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "object-src 'none'" in policy
    assert "frame-ancestors 'self' https://huggingface.co https://*.hf.space" in policy


def test_files_stay_in_no_cache_of_a_browser(quick):
    answer = get(f"{quick}gradio_api/file={SLICE}")
    assert answer.content == SLICE.read_bytes() and answer.headers["cache-control"] == "no-store"
    assert "no-store" not in get(f"{quick}viewer/main.js").headers.get("cache-control", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "metaseg.example"])
def test_no_other_origin_may_read(quick, host):
    headers = {"Origin": ELSEWHERE, "Host": host, "Access-Control-Request-Method": "POST"}
    for method, path in (("GET", "config"), ("OPTIONS", "gradio_api/queue/join")):
        answer = request(method, quick + path, headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_forwarded_host_is_believed_of_a_known_proxy_alone(quick, monkeypatch):
    def root(host):
        return get(f"{quick}config", headers={"X-Forwarded-Host": host}).json()["root"]

    assert root("evil.example") == quick.rstrip("/")
    monkeypatch.setattr(protection, "PROXIES", 1)
    assert root("metaseg.example") == "http://metaseg.example"
    assert root("evil.example/'><script>") == quick.rstrip("/")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_has_a_limit_and_comes_not_back(quick, chunked):
    body = json.dumps({"scan": None, "model": "x" * (2 << 20)}).encode()
    content = iter([body[: 1 << 20], body[1 << 20 :]]) if chunked else body
    answer = post(f"{quick}gradio_api/call/v2/segment", content=content)
    assert answer.status_code == 413 and len(answer.content) < 300
    assert "larger than 1 MB: upload files" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("endpoint", "arguments", "status", "words"),
    [
        ("segment", {}, 422, "No value provided for required argument: scan."),
        ("segment", {"scan": None, "colour": 1}, 422, "Parameter `colour` is not a valid"),
        ("diagnose", {}, 404, "There is no endpoint /diagnose."),
    ],
)
def test_wrong_arguments_are_the_callers_fault(quick, endpoint, arguments, status, words):
    answer = post(f"{quick}gradio_api/call/v2/{endpoint}", json=arguments)
    assert answer.status_code == status and words in answer.json()["detail"]


@pytest.mark.parametrize(
    "scan",
    [
        named("/tmp/metaseg-of-an-earlier-server/uploads/a/b/scan.png"),
        named("http://127.0.0.1:1/scan.png"),
        {"path": 7},
        "scan.png",
        [],
    ],
)
def test_what_gradio_refuses_is_a_sentence_too(quick, scan):
    assert call(quick, "segment", scan=scan) == ("error", NOT_TAKEN)


def test_addresses_that_the_page_never_asks_are_closed(quick):
    closed = ["deep_link", "process_recording", "proxy=http://x.example/", "vibe-code/", "runs"]
    closed += ["file=http://127.0.0.1/", "file=%68ttps://127.0.0.1/", "file/HTTP:%2F%2F127.0.0.1/"]
    for path in closed:
        for method in ("GET", "POST"):
            assert request(method, f"{quick}gradio_api/{path}").status_code == 404, path


def test_a_server_below_an_address_of_its_own_is_guarded_too():
    said = []

    async def send(message):
        said.append(message)

    scope = {"type": "http", "method": "GET", "headers": [], "root_path": "/below"}
    scope["path"] = "/below/gradio_api/file=http://127.0.0.1/"
    asyncio.run(protection.Protection(pytest.fail)(scope, None, send))
    assert said[0]["status"] == 404 and (b"cache-control", b"no-store") in said[0]["headers"]


def test_who_stops_in_the_middle_is_not_waited_for(quick, monkeypatch):
    monkeypatch.setattr(protection, "SILENT_SECONDS", 0.5)
    before = set(store().uploads.iterdir())
    host, port = httpx.URL(quick).host, httpx.URL(quick).port
    for path, begun in (
        ("call/v2/segment", b'{"scan"'),
        ("upload", b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n0'),
    ):
        with socket.create_connection((host, port), timeout=20) as line:
            head = f"POST /gradio_api/{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5000\r\n"
            kind = "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            line.sendall((head + kind).encode() + begun)
            assert b" 408 " in line.recv(4000)
    assert set(store().uploads.iterdir()) <= before


def test_a_full_queue_refuses_and_goes_on(small_segmenter, monkeypatch):
    monkeypatch.setattr("metaseg.demo.page.MAX_QUEUE", 3)
    page = build_page(small_segmenter)
    go_on, real = threading.Event(), Workbench.open
    monkeypatch.setattr(Workbench, "open", lambda *given: go_on.wait(60) and real(*given))
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    try:
        body = {"scan": named(SLICE)}
        answers = [post(f"{url}gradio_api/call/v2/segment", json=body) for _ in range(8)]
        taken = [answer.json()["event_id"] for answer in answers if answer.status_code == 200]
        refused = [answer.json()["detail"] for answer in answers if answer.status_code == 503]
        assert 3 <= len(taken) <= 5 and len(taken) + len(refused) == 8
        assert "Queue is full. Max size is 3" in refused[0]
        go_on.set()
        for event in taken:
            answer = get(f"{url}gradio_api/call/segment/{event}")
            assert "event: complete" in answer.text
        assert call(url, "segment", scan=named(SLICE))[0] == "complete"
    finally:
        page.close()


def test_a_visitor_uploads_so_much_and_another_still_can(tmp_path, monkeypatch):
    monkeypatch.setattr("metaseg.demo.quota.MAX_UPLOADS", 2)
    place = Store(tmp_path)
    first = place.new_upload("one", 10)
    place.new_upload("one", 10)
    with pytest.raises(InputError, match="At most 2 uploads and 4096 MB"):
        place.new_upload("one", 10)
    place.new_upload("two", 10)
    with pytest.raises(InputError, match="4096 MB"):
        place.new_upload("two", limits.MAX_UPLOADED_BYTES)
    first.rmdir()
    place.new_upload("one", 10)


def test_an_upload_too_many_is_a_sentence(quick, monkeypatch):
    monkeypatch.setattr("metaseg.demo.quota.MAX_UPLOADS", 0)
    answer = post(f"{quick}gradio_api/upload", files={"files": ("a.png", b"0")})
    assert answer.status_code == 429 and "clear some, or try again later" in answer.text


def test_an_upload_of_unknown_length_is_counted_as_it_came(quick, monkeypatch):
    monkeypatch.setattr("metaseg.demo.quota.MAX_UPLOADED_BYTES", 1000)
    before = set(store().uploads.iterdir())
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'

    def send(size):
        body = iter([head, bytes(size), b"\r\n--x--\r\n"])
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        return post(f"{quick}gradio_api/upload", content=body, headers=kind)

    assert send(1001).status_code == 429
    assert set(store().uploads.iterdir()) == before
    assert send(600).status_code == 200
    answer = send(600)
    assert answer.status_code == 429 and "clear some, or try again later" in answer.text
    (folder,) = set(store().uploads.iterdir()) - before
    shutil.rmtree(folder)


def test_an_upload_of_unknown_length_ends_at_the_limit(quick, monkeypatch):
    monkeypatch.setattr("metaseg.demo.quota.MAX_UPLOADED_BYTES", 3 << 20)
    before = set(store().uploads.iterdir())
    weigh, seen = store().quota.weigh, []

    def note(folder, size):
        seen.append(size)
        weigh(folder, size)

    monkeypatch.setattr(store().quota, "weigh", note)

    def body():
        for number in range(40):
            name = f'form-data; name="files"; filename="{number}.png"'.encode()
            yield b"--x\r\nContent-Disposition: " + name + b"\r\n\r\n" + bytes(1 << 20) + b"\r\n"
        yield b"--x--\r\n"

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    with suppress(httpx.TransportError):  # it may still send when the server has answered
        assert post(f"{quick}gradio_api/upload", content=body(), headers=kind).status_code == 429
    assert 3 << 20 < max(seen) <= 5 << 20
    assert set(store().uploads.iterdir()) == before


def test_a_volume_has_so_many_slices_and_a_scan_so_much_time(small_segmenter, monkeypatch):
    voxels = np.stack([draw_head()[0]] * 20).astype(np.float32)
    monkeypatch.setattr(
        "metaseg.demo.workbench.read_scan", lambda path, series: Scan(voxels, "long")
    )
    workbench = Workbench(small_segmenter)
    opened = workbench.open(str(SLICE), None)
    monkeypatch.setattr("metaseg.demo.sessions.MAX_MINUTES", 0)
    with pytest.raises(InputError, match="took longer than 0 minutes"):
        workbench.predict(opened, "unet")
    monkeypatch.setattr("metaseg.demo.workbench.MAX_SERVED_SLICES", 19)
    with pytest.raises(InputError, match="long has 20 slices, and this server segments at most 19"):
        Workbench(small_segmenter).open(str(SLICE), None)


def test_whatever_goes_wrong_with_a_member_is_a_row(small_segmenter, monkeypatch, caplog):
    workbench = Workbench(small_segmenter)
    real = workbench.run_each

    def run(scan, models):
        if scan.name == "glioma_coronal":
            raise MemoryError("Mustermann, Erika")
        return real(scan, models)

    monkeypatch.setattr(workbench, "run_each", run)
    paths = [str(SLICE), str(EXAMPLES / "glioma_coronal.jpg"), str(SLICE)]
    *_, (rows, archive) = run_batch(workbench, paths, ["unet"], 0.5, lambda items, desc: items)
    assert [bool(row.failed) for row in rows] == [False, True, False] and Path(archive).exists()
    assert "could not be segmented" in rows[1].failed
    assert "MemoryError" in caplog.text and "Mustermann" not in caplog.text


@pytest.mark.parametrize("text", ["many", "-1", "0", "1.5"])
def test_a_setting_that_is_no_number_is_a_sentence(monkeypatch, text):
    monkeypatch.setenv("METASEG_MAX_QUEUE", text)
    with pytest.raises(InputError, match=r"METASEG_MAX_QUEUE is .*: set it to a whole number"):
        limits.setting("METASEG_MAX_QUEUE", 100)
    monkeypatch.setenv("METASEG_MAX_QUEUE", " 7 ")
    assert limits.setting("METASEG_MAX_QUEUE", 100) == 7
    monkeypatch.delenv("METASEG_MAX_QUEUE")
    assert limits.setting("METASEG_MAX_QUEUE", 100) == 100
