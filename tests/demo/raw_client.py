"""A client that says what it likes: gradio's own sends only what it should."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx

# A busy machine answers late, and that is no fault of the server.
TIMEOUT = 300
get, post, request = (
    partial(how, timeout=TIMEOUT) for how in (httpx.get, httpx.post, httpx.request)
)


def named(path: str | Path) -> dict[str, Any]:
    """``path`` on the server, as a client names a file that it has uploaded."""
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def upload(server: str, *files: Path) -> list[str]:
    """Where the server put ``files``."""
    parts = [("files", (file.name, file.read_bytes())) for file in files]
    answer = post(f"{server}gradio_api/upload", files=parts)
    answer.raise_for_status()
    return answer.json()


def call(server: str, endpoint: str, **arguments: Any) -> tuple[str, Any]:
    """The event that ends the call, "complete" or "error", and its data or its sentence."""
    url = f"{server}gradio_api/call/v2/{endpoint}"
    answer = post(url, json=arguments)
    answer.raise_for_status()
    url = f"{server}gradio_api/call/{endpoint}/{answer.json()['event_id']}"
    with httpx.stream("GET", url, timeout=TIMEOUT) as lines:
        return _last_event(lines)


def press(server: str, session: str, element: str, data: list[Any], event: str = "click") -> Any:
    """The data or the sentence with which the page's ``element`` answers an ``event`` of
    ``session``."""
    config = get(f"{server}config").json()
    (part,) = [c["id"] for c in config["components"] if c["props"].get("elem_id") == element]
    (function,) = [
        d["id"] for d in config["dependencies"] if d["targets"] and [part, event] in d["targets"]
    ]
    body = {"data": data, "fn_index": function, "session_hash": session}
    joined = post(f"{server}gradio_api/queue/join", json=body)
    joined.raise_for_status()
    url = f"{server}gradio_api/queue/data"
    with httpx.stream("GET", url, params={"session_hash": session}, timeout=TIMEOUT) as lines:
        for line in lines.iter_lines():
            message = json.loads(line.removeprefix("data: ")) if line else {}
            if message.get("msg") == "process_completed":
                return message["output"].get("error") or message["output"]["data"]
    raise AssertionError("The stream ended without an answer.")


def _last_event(answer: httpx.Response) -> tuple[str, Any]:
    event = ""
    for line in answer.iter_lines():
        kind, _, text = line.partition(": ")
        if kind == "event":
            event = text
        elif kind == "data" and event in ("complete", "error"):
            data = json.loads(text)
            return event, data if event == "complete" else data["error"]
    raise AssertionError("The stream ended without an answer.")


def wait_until(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
