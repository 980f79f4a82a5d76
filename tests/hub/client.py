"""The real client in a subprocess, with a home of its own and our Hub as its endpoint."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def environment(url: str, home: Path, token: str | None = "hf_writer", **more: str) -> dict:
    """What a process sees that talks to the Hub at ``url`` as the owner of ``token``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    token_variable = {"HF_TOKEN": token} if token else {}
    return {
        **kept,
        "HF_ENDPOINT": url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        **token_variable,
        **more,
    }


def run(
    arguments: list[str | Path], variables: dict[str, str], cwd: Path = ROOT
) -> subprocess.CompletedProcess:
    """``python arguments…``, its output as text."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, env=variables, cwd=cwd, capture_output=True, text=True, timeout=900
    )


class Client:
    """A process that stays, and does as it is told."""

    def __init__(self, variables: dict[str, str], log: Path):
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.hub.driver"],
            env=variables,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
        )

    def ask(self, do: str, variables: dict[str, str | None] | None = None, **request) -> dict:
        """The result, or {"sentence": …} for an InputError; any other exception fails the test."""
        line = json.dumps({"do": do, "variables": variables or {}, **request})
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, self.log.read_text()
        answer = json.loads(answer)
        assert "traceback" not in answer, answer["traceback"]
        return answer.get("result", answer)

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.kill()  # nothing is left to do, and leaving takes torch a while
        self.process.wait()
