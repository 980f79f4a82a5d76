"""The endpoints as tools of the Model Context Protocol, over streamable HTTP."""

import ast
import asyncio
import base64
import json
from pathlib import Path

import cv2
import numpy as np
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from metaseg.demo.store import store
from metaseg.hub.resolve import shipped_models
from tests.conftest import EXAMPLES
from tests.test_readme import block

SLICE = EXAMPLES / "meningioma_axial.jpg"


def files_of_the_store() -> set[Path]:
    return {path for path in store().root.rglob("*") if path.is_file()}


def with_session(server: str, use):
    """What ``use`` makes of a session at the address that the README gives."""
    (entry,) = json.loads(block("MCP snippet"))["mcpServers"].values()
    url = entry["url"].replace("http://127.0.0.1:7860/", server)

    async def run():
        async with streamable_http_client(url) as (read, write, _):
            async with ClientSession(read, write) as session:
                await session.initialize()
                return await use(session)

    return asyncio.run(run())


def test_the_tools_are_the_public_endpoints(server):
    tools = with_session(server, lambda session: session.list_tools()).tools
    assert {tool.name for tool in tools} == {"segment", "compare", "segment_volume", "models"}
    for tool in tools:
        assert "not for diagnosis" in tool.description
        for name, schema in tool.inputSchema["properties"].items():
            assert schema["description"] and (schema.get("type") or schema["anyOf"]), name
    segment = next(tool for tool in tools if tool.name == "segment")
    assert segment.inputSchema["required"] == ["scan"]


def test_the_tool_models_answers(server):
    answer = with_session(server, lambda session: session.call_tool("models"))
    assert not answer.isError
    models = ast.literal_eval(answer.content[0].text)
    assert [model["name"] for model in models] == shipped_models()


def test_the_tool_segment_outlines_a_slice(server):
    scan = "data:image/jpeg;base64," + base64.b64encode(SLICE.read_bytes()).decode()
    arguments = {"scan": scan, "model": "Nested U-Net", "threshold": 0.4}
    steps = []

    async def note(*step):
        steps.append(step)

    # gradio answers with pictures where the client asks for progress, and with addresses elsewhere.
    def call(session):
        return session.call_tool("segment", arguments, progress_callback=note)

    answer = with_session(server, call)
    assert not answer.isError, answer.content[0].text
    overlay, mask = [part for part in answer.content if part.type == "image"]
    assert overlay.mimeType == mask.mimeType == "image/png" and steps
    data = np.frombuffer(base64.b64decode(mask.data), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    report = ast.literal_eval(answer.content[-1].text)
    assert pixels.shape == (512, 512) and set(np.unique(pixels)) == {0, 255}
    assert np.count_nonzero(pixels) == sum(lesion["area_px"] for lesion in report["lesions"])
    assert report["model"] == "Nested U-Net" and report["threshold"] == 0.4
    plain = with_session(server, lambda session: session.call_tool("segment", arguments))
    *_, again = ast.literal_eval(plain.content[0].text)
    assert again["lesions"] == report["lesions"]


def test_what_is_wrong_with_an_input_is_one_sentence(server):
    scan = "data:image/png;base64," + base64.b64encode(b"no picture").decode()
    before = files_of_the_store()
    answer = with_session(server, lambda session: session.call_tool("segment", {"scan": scan}))
    copies = [path.read_bytes() for path in files_of_the_store() - before]
    assert copies.count(b"no picture") == 2, "what the text carried, and what was sent on"
    assert answer.isError
    assert "is not an image that MetaSeg reads" in answer.content[0].text
    assert "Traceback" not in answer.content[0].text and "/tmp" not in answer.content[0].text
