"""One process with the real client for many small tests: a line of JSON in, a line of JSON out.

It stands in for a new process each, which would spend its time on imports.
"""

import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict
from importlib import import_module
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from huggingface_hub import constants

from metaseg.errors import InputError
from metaseg.hub import resolve as sources
from metaseg.hub.push import push_model
from metaseg.hub.resolve import from_pretrained, resolve_checkpoints


def home(path: str) -> None:
    """Take the folder ``path`` for the cache."""
    constants.HF_HUB_CACHE = path


def push(folder: str, repo_id: str, **options) -> dict:
    return asdict(push_model(folder, repo_id, **options))


def pull(name: str, revision: str | None = None) -> dict:
    checkpoint = from_pretrained(name, revision)
    weights = sum(value.double().sum().item() for value in checkpoint.network.state_dict().values())
    return {
        "name": checkpoint.name,
        "revision": checkpoint.revision,
        "weights": weights,
        "metrics": list(checkpoint.metrics),
    }


def resolve(shipped: str) -> dict:
    lines: list[str] = []
    folder = Path(shipped)
    with patch.multiple(sources, SHIPPED=folder, HUB_FILE=folder / "hub.toml"):
        checkpoints, notices = resolve_checkpoints(lines.append)
    revisions = {checkpoint.name: checkpoint.revision for checkpoint in checkpoints}
    return {"revisions": revisions, "notices": notices, "lines": lines}


def command(program: str, arguments: list[str]) -> dict:
    """The exit status of ``program``, the name of a module with a main, and what it prints."""
    sys.argv = [program, *arguments]
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as errors:
        status = import_module(program).main()
    return {"status": status, "out": out.getvalue(), "errors": errors.getvalue()}


DO = {"home": home, "push": push, "pull": pull, "resolve": resolve, "command": command}


def main() -> None:
    # What the client prints must not mix with the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        with patch.dict(os.environ):  # of this request alone: the next is of another test
            for name, value in request.pop("variables").items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
            try:
                answer = {"result": DO[request.pop("do")](**request)}
            except InputError as error:
                answer = {"sentence": str(error)}
            except Exception as error:
                answer = {"traceback": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
