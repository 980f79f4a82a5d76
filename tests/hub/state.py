"""What the Hub for the tests holds: accounts, repositories, large files, faults on demand."""

import hashlib
from dataclasses import dataclass, field

from fastapi import Request


@dataclass(frozen=True)
class Account:
    """Who a token belongs to, and what it may do."""

    name: str
    orgs: tuple[str, ...] = ()
    role: str = "write"


@dataclass
class Repository:
    """A model or a Space: commits from the oldest to the newest, each with all its files."""

    kind: str
    repo_id: str
    private: bool
    created_with: dict
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    hardware: str | None = None

    def commit(self, files: dict[str, bytes]) -> str:
        oid = hashlib.sha1(f"{self.repo_id} {len(self.commits)}".encode()).hexdigest()
        self.commits[oid] = files
        return oid

    @property
    def head(self) -> str:
        return list(self.commits)[-1]

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[self.head]

    def find(self, revision: str) -> str | None:
        """The commit that a branch, tag or commit names."""
        if revision == "main":
            return self.head
        revision = self.tags.get(revision, revision)
        return revision if revision in self.commits else None


@dataclass
class Fault:
    """What goes wrong with requests whose method and path fit."""

    kind: int | str
    """A status, or slow, truncated, broken or wrong_hash."""
    path: str = ""
    """A part of the path."""
    method: str = ""
    times: int = 1_000
    """How often, before all is well again."""


class Hub:
    """The state, which tests read and change while the server runs."""

    def __init__(self) -> None:
        self.accounts = {
            "hf_writer": Account("someone", orgs=("hospital",)),
            "hf_reader": Account("someone", role="read"),
            "hf_other": Account("other"),
        }
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.large_files: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.url = ""

    def model(self, repo_id: str) -> Repository:
        return self.repositories["model", repo_id]

    def space(self, repo_id: str) -> Repository:
        return self.repositories["space", repo_id]

    def fail(self, kind: int | str, path: str = "", method: str = "", times: int = 1_000) -> None:
        """Let requests go wrong, as ``Fault`` says."""
        self.faults.append(Fault(kind, path, method, times))

    def take_fault(self, request: Request) -> Fault | None:
        """The first fault that fits; each counts down."""
        for fault in self.faults:
            fits = fault.path in request.url.path and fault.method in ("", request.method)
            if fits and fault.times > 0:
                fault.times -= 1
                return fault
        return None


def owns(who: Account | None, repo_id: str) -> bool:
    """Whether the repository lies under a name of ``who``."""
    return who is not None and repo_id.split("/")[0] in (who.name, *who.orgs)


def is_large(path: str, size: int) -> bool:
    """Whether a file goes to large file storage (LFS)."""
    return path.endswith(".safetensors") or size > 10_000_000


def git_sha1(data: bytes) -> str:
    """The name that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def object_id(path: str, data: bytes) -> str:
    """SHA-256 of what lies in LFS, git's SHA-1 of any other file."""
    large = is_large(path, len(data))
    return hashlib.sha256(data).hexdigest() if large else git_sha1(data)
