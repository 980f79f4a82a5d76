"""A Hub of our own for the tests: it speaks to the real client, holds all in memory, and fails on
demand. Clients run in subprocesses, since they read HF_ENDPOINT when they are imported."""

import asyncio
import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

import uvicorn
import yaml
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from tests.hub.state import Account, Hub, Repository, git_sha1, is_large, object_id, owns


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A Hub that answers at ``hub.url`` until the end of the block."""
    hub = Hub()
    config = uvicorn.Config(build_app(hub), port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    hub.url = f"http://127.0.0.1:{port}"
    try:
        yield hub
    finally:
        server.should_exit = server.force_exit = True
        thread.join(5)


class RefusedError(Exception):
    """An answer other than success, with the headers by which the client tells why."""

    def __init__(self, status: int, code: str = "", message: str = ""):
        self.status, self.headers = status, {"X-Error-Code": code, "X-Error-Message": message}


def build_app(hub: Hub) -> FastAPI:
    app = FastAPI()

    @app.exception_handler(RefusedError)
    async def refuse(request: Request, refused: RefusedError) -> Response:
        message = refused.headers["X-Error-Message"]
        return JSONResponse({"error": message}, refused.status, refused.headers)

    @app.middleware("http")
    async def fail_on_demand(request: Request, call_next):
        hub.requests.append(f"{request.method} {request.url.path}")
        fault = hub.take_fault(request)
        if fault is None:
            return await call_next(request)
        if isinstance(fault.kind, int):
            return JSONResponse({"error": "a fault on demand"}, fault.kind)
        if fault.kind == "slow":
            await asyncio.sleep(30)
            return await call_next(request)
        request.state.fault = fault.kind
        return await call_next(request)

    def account(request: Request) -> Account | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in hub.accounts:
            raise RefusedError(401, message="Invalid credentials in Authorization header")
        return hub.accounts.get(token)

    def find(request: Request, kind: str, repo_id: str) -> Repository:
        """A repository that the asking account may see."""
        repository = hub.repositories.get((kind, repo_id))
        who = account(request)
        if repository is None or (repository.private and not owns(who, repo_id)):
            raise RefusedError(404 if who else 401, "RepoNotFound", "Repository not found")
        return repository

    def writable(request: Request, kind: str, repo_id: str) -> Repository:
        repository = find(request, kind, repo_id)
        who = account(request)
        if not owns(who, repo_id) or who.role != "write":
            raise RefusedError(403, message="You may not write here")
        return repository

    def revision(repository: Repository, name: str) -> str:
        commit = repository.find(unquote(name))
        if commit is None:
            raise RefusedError(404, "RevisionNotFound", "Invalid rev id")
        return commit

    @app.get("/api/whoami-v2")
    async def who_am_i(request: Request):
        who = account(request)
        if who is None:
            raise RefusedError(401, message="Invalid username or password.")
        return {
            "type": "user",
            "name": who.name,
            "orgs": [{"name": name} for name in who.orgs],
            "auth": {"accessToken": {"role": who.role}},
        }

    @app.post("/api/repos/create")
    async def create(request: Request):
        payload, who = await request.json(), account(request)
        owner = payload.get("organization") or (who.name if who else "")
        repo_id, kind = f"{owner}/{payload['name']}", payload.get("type", "model")
        if not owns(who, repo_id) or who.role != "write":
            raise RefusedError(403, message="You may not create a repository here")
        prefix = "spaces/" if kind == "space" else ""
        url = f"{hub.url}/{prefix}{repo_id}"
        if (kind, repo_id) in hub.repositories:
            return JSONResponse({"error": "You already created this repo", "url": url}, 409)
        private = payload.get("visibility") == "private"
        repository = Repository(kind, repo_id, private, payload)
        repository.commit({".gitattributes": b"*.safetensors filter=lfs\n"})
        hub.repositories[kind, repo_id] = repository
        return {"url": url, "name": repo_id}

    @app.post("/api/validate-yaml")
    async def validate_yaml(request: Request):
        text = (await request.json())["content"]
        data = yaml.safe_load(text.split("---")[1]) if text.startswith("---") else {}
        if len(data.get("short_description", "")) > 60:
            errors = [{"message": '"short_description" must be at most 60 characters long'}]
            return JSONResponse({"errors": errors, "warnings": []}, 400)
        return {"errors": [], "warnings": []}

    @app.post("/api/{kinds}/{owner}/{name}/preupload/{rev}")
    async def preupload(request: Request, kinds: str, owner: str, name: str, rev: str):
        repository = writable(request, kinds[:-1], f"{owner}/{name}")
        there = repository.commits[revision(repository, rev)]
        files = []
        for file in (await request.json())["files"]:
            path = file["path"]
            data = there.get(path)
            mode = "lfs" if is_large(path, file["size"]) else "regular"
            oid = object_id(path, data) if data is not None else None
            files.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return {"files": files}

    async def lfs_batch(request: Request, kind: str, repo_id: str):
        writable(request, kind, repo_id)
        objects = []
        for wanted in (await request.json())["objects"]:
            answer = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in hub.large_files:
                answer["actions"] = {"upload": {"href": f"{hub.url}/large/{wanted['oid']}"}}
            objects.append(answer)
        return {"transfer": "basic", "objects": objects}

    @app.post("/{owner}/{name}.git/info/lfs/objects/batch")
    async def model_batch(request: Request, owner: str, name: str):
        return await lfs_batch(request, "model", f"{owner}/{name}")

    @app.post("/spaces/{owner}/{name}.git/info/lfs/objects/batch")
    async def space_batch(request: Request, owner: str, name: str):
        return await lfs_batch(request, "space", f"{owner}/{name}")

    @app.put("/large/{oid}")
    async def upload(request: Request, oid: str):
        data = await request.body()
        if hashlib.sha256(data).hexdigest() != oid:
            raise RefusedError(400, message="The content does not have this hash")
        hub.large_files[oid] = data
        return Response()

    @app.post("/api/{kinds}/{owner}/{name}/commit/{rev}")
    async def commit(request: Request, kinds: str, owner: str, name: str, rev: str):
        repository = writable(request, kinds[:-1], f"{owner}/{name}")
        files = dict(repository.commits[revision(repository, rev)])
        for line in (await request.body()).splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = hub.large_files[value["oid"]]
            elif item["key"] == "deletedFile":
                del files[value["path"]]
        oid = repository.commit(files)
        url = f"{hub.url}/{repository.repo_id}/commit/{oid}"
        return {"success": True, "commitOid": oid, "commitUrl": url}

    @app.post("/api/{kinds}/{owner}/{name}/tag/{rev}")
    async def tag(request: Request, kinds: str, owner: str, name: str, rev: str):
        repository = writable(request, kinds[:-1], f"{owner}/{name}")
        wanted = (await request.json())["tag"]
        if wanted in repository.tags:
            raise RefusedError(409, message="Tag already exists")
        repository.tags[wanted] = revision(repository, rev)
        return {}

    @app.post("/api/spaces/{owner}/{name}/hardware")
    async def hardware(request: Request, owner: str, name: str):
        repository = writable(request, "space", f"{owner}/{name}")
        repository.hardware = (await request.json())["flavor"]
        flavor = {"requested": repository.hardware, "current": "cpu-basic"}
        return {"stage": "BUILDING", "hardware": flavor, "storage": None, "gcTimeout": None}

    @app.get("/api/{kinds}/{owner}/{name}")
    @app.get("/api/{kinds}/{owner}/{name}/revision/{rev}")
    async def info(request: Request, kinds: str, owner: str, name: str, rev: str = "main"):
        repository = find(request, kinds[:-1], f"{owner}/{name}")
        commit = revision(repository, rev)
        siblings = []
        for path, data in repository.commits[commit].items():
            sibling = {"rfilename": path, "size": len(data), "blobId": git_sha1(data)}
            if is_large(path, len(data)):
                sha256 = hashlib.sha256(data).hexdigest()
                sibling["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 134}
            siblings.append(sibling)
        return {
            "id": repository.repo_id,
            "sha": commit,
            "private": repository.private,
            "siblings": siblings,
            "tags": [],
        }

    @app.api_route("/{owner}/{name}/resolve/{rev}/{path:path}", methods=["GET", "HEAD"])
    async def model_file(request: Request, owner: str, name: str, rev: str, path: str):
        return resolve(request, "model", f"{owner}/{name}", rev, path)

    @app.api_route("/spaces/{owner}/{name}/resolve/{rev}/{path:path}", methods=["GET", "HEAD"])
    async def space_file(request: Request, owner: str, name: str, rev: str, path: str):
        return resolve(request, "space", f"{owner}/{name}", rev, path)

    def resolve(request: Request, kind: str, repo_id: str, rev: str, path: str) -> Response:
        repository = find(request, kind, repo_id)
        commit = revision(repository, rev)
        data = repository.commits[commit].get(path)
        if data is None:
            raise RefusedError(404, "EntryNotFound", "Entry not found")
        headers = {
            "X-Repo-Commit": commit,
            "ETag": f'"{object_id(path, data)}"',
            "X-Linked-Etag": f'"{object_id(path, data)}"',
            "X-Linked-Size": str(len(data)),
            "Accept-Ranges": "bytes",
        }
        if request.method == "HEAD":
            return Response(headers={**headers, "Content-Length": str(len(data))})
        start = int(request.headers.get("range", "bytes=0-")[6:].split("-")[0])
        data = data[start:]
        match getattr(request.state, "fault", None):
            case "wrong_hash":
                data = data[:-1] + bytes([data[-1] ^ 1])
            case "truncated":
                data = data[: len(data) // 2]
            case "broken":
                # uvicorn closes the connection of an answer shorter than it promised.
                return Response(data[: len(data) // 2], 200, _promise(headers, len(data)))
        return Response(data, 206 if start else 200, headers)

    return app


def _promise(headers: dict[str, str], length: int) -> dict[str, str]:
    return {**headers, "Content-Length": str(length)}
