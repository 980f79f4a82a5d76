"""A layer between the network and gradio: limits on requests, and headers on answers.

Cross-origin requests may not read answers: the page calls its own origin only.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from gradio.routes import CustomCORSMiddleware
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metaseg.limits import MAX_JSON_BYTES, MAX_TOOL_BYTES, PROXIES, SILENT_SECONDS

API = "/gradio_api"
UNUSED = re.compile(
    rf"^(?:{API})?/(?:deep_link|process_recording|proxy=|vibe|undo-vibe|run-history|runs|monitoring"
    r"|profiling|dev/|stream/|custom_component/|file[=/]+https?:)",
    re.IGNORECASE,
)
"""Addresses of gradio that the page does not use; the last would fetch from any other server."""
POLICY = "; ".join(
    [
        "default-src 'self'",
        # gradio keeps its configuration in an inline script, and compiles small ones.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        # A Space is shown in a frame of the Hub.
        "frame-ancestors 'self' https://huggingface.co https://*.hf.space",
    ]
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
HOST = re.compile(rb"[A-Za-z0-9.-]+(:\d+)?")


class Protection:
    """The outermost layer of the server."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # As gradio finds its routes.
        path = scope["path"].removeprefix(scope.get("root_path", ""))

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if path.startswith(f"{API}/"):
                    # Patients' images must not stay in the visitor's browser.
                    headers["Cache-Control"] = "no-store"
            await send(message)

        scope["headers"] = [pair for pair in scope["headers"] if _is_believed(*pair)]
        receive = _not_silent(receive)
        try:
            refusal = None
            if UNUSED.match(path):
                refusal = PlainTextResponse("There is nothing here.", 404)
            elif scope["method"] == "POST" and not path.startswith(f"{API}/upload"):
                most = MAX_TOOL_BYTES if path.startswith(f"{API}/mcp") else MAX_JSON_BYTES
                refusal, receive = await _whole_body(scope, receive, most)
        except TimeoutError:
            refusal = PlainTextResponse("The request was too slow: send it again.", 408)
        except ClientDisconnect:
            return
        await (refusal or self.app)(scope, receive, send_guarded)


def _is_believed(name: bytes, value: bytes) -> bool:
    """Whether a header may reach gradio, which would build addresses from it."""
    return name.lower() != b"x-forwarded-host" or bool(PROXIES and HOST.fullmatch(value))


def _not_silent(receive: Receive) -> Receive:
    """``receive`` that raises TimeoutError if a visitor stops in the middle of a request."""
    ended = False

    async def next_message() -> Message:
        nonlocal ended
        # After the body, the next message is the disconnect, at any time.
        message = await asyncio.wait_for(receive(), None if ended else SILENT_SECONDS)
        ended = not message.get("more_body", False)
        return message

    return next_message


async def _whole_body(scope: Scope, receive: Receive, most: int) -> tuple[Response | None, Receive]:
    """Read the whole body. Returns a refusal if it is larger than ``most``, and a ``receive`` that
    returns it again."""
    words = f"The request is larger than {most >> 20} MB: upload files, and name where they are."
    refusal = JSONResponse({"detail": words}, 413)
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        return refusal, receive
    body = bytearray()
    async for part in Request(scope, receive).stream():
        body += part
        if len(body) > most:
            return refusal, receive
    messages = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return None, again


@asynccontextmanager
async def protected(app: FastAPI) -> AsyncIterator[None]:
    """When the server starts, replace gradio's own layer for cross-origin requests, which admits
    every origin, by this one."""
    others = [part for part in app.user_middleware if part.cls is not CustomCORSMiddleware]
    app.user_middleware = [Middleware(Protection), *others]
    app.middleware_stack = app.build_middleware_stack()
    yield


def unprocessable(request: Request, fault: Exception) -> Response:
    """Answer a call with a missing or unknown argument, or of an unknown endpoint."""
    if not request.url.path.startswith(f"{API}/call/"):
        raise fault
    if isinstance(fault, KeyError):
        return JSONResponse({"detail": f"There is no endpoint {fault.args[0]}."}, 404)
    words = re.split(r" Please click|\. Please", str(fault))[0].rstrip(".")
    return JSONResponse({"detail": f"{words}. /gradio_api/info lists the arguments."}, 422)


APP_OPTIONS = {
    "lifespan": protected,
    "exception_handlers": {TypeError: unprocessable, KeyError: unprocessable},
}
