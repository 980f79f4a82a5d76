"""The upload address. It replaces gradio's own, which puts identical files of different visitors
into one folder."""

import os
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

from gradio.route_utils import MultiPartException, upload_fn
from gradio.routes import file_upload_statuses
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from metaseg.demo.store import store
from metaseg.errors import InputError
from metaseg.limits import MAX_FILE_BYTES, PROXIES

STEP = 1 << 20
"""Bytes that may come before they are counted."""
NO_ROOM = "The server cannot keep the file, its disk may be full: try again later."


def visitor(request: Request) -> str:
    """The client's address for ``request``, as seen by the outermost trusted proxy."""
    seen = request.headers.get("x-forwarded-for", "").split(",")
    if PROXIES and len(seen) >= PROXIES:
        return seen[-PROXIES].strip()
    return request.client.host if request.client else ""


class Weighed(Request):
    """A request whose body counts for its visitor as it comes, and ends at the visitor's limit."""

    def __init__(self, request: Request, folder: Path, announced: int):
        super().__init__(request.scope, request.receive)
        self.folder, self.counted = folder, announced

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The pieces of the body. Raises InputError at the limit."""
        size = 0
        async for piece in super().stream():
            size += len(piece)
            if size > self.counted:
                store().quota.weigh(self.folder, size)
                self.counted = size + STEP
            yield piece


async def receive(request: Request) -> Response:
    """Store the files in ``request`` in a new folder, and answer with their paths."""
    try:
        announced = int(request.headers.get("content-length", 0))
        folder = store().new_upload(visitor(request), announced)
    except InputError as refusal:
        return PlainTextResponse(str(refusal), 429)
    except OSError:
        return PlainTextResponse(NO_ROOM, 507)
    upload_id = request.query_params.get("upload_id")
    tracked = file_upload_statuses if upload_id else None
    kept = False
    try:
        paths, _, _ = await upload_fn(
            Weighed(request, folder, announced),
            folder,
            MAX_FILE_BYTES,
            upload_id,
            upload_progress=tracked,
        )
        store().quota.weigh(folder, sum(os.path.getsize(path) for path in paths))
        kept = True
    except InputError as refusal:
        return PlainTextResponse(str(refusal), 429)
    except MultiPartException as fault:
        if "maximum allowed size" not in fault.message:
            return PlainTextResponse("The upload is damaged: send it again.", 400)
        words = f"A file is larger than {MAX_FILE_BYTES >> 20} MB: use a smaller one."
        return PlainTextResponse(words, 413)
    except TypeError:  # a field that should hold a file holds text
        return PlainTextResponse("The upload holds no file: send the scan as a file.", 400)
    except TimeoutError:
        return PlainTextResponse("The upload was too slow: send it again.", 408)
    except OSError:
        return PlainTextResponse(NO_ROOM, 507)
    except ClientDisconnect:  # nobody receives the answer
        return Response(status_code=400)
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
    return JSONResponse([str(path) for path in paths])


UPLOAD_ROUTES = [
    Route(f"/gradio_api/upload{end}", receive, methods=["POST"], name="receive")
    for end in ("", "/")
]
