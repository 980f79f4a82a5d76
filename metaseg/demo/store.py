"""Store uploads and results, check who owns them, and remove them.

Every upload has a folder named by 128 random bits, which only the answer to that upload contains:
knowing the name proves that the upload is the caller's own. No session is known when a file is
sent. The first session to use an upload becomes its owner, and no other session can use it from
then on, unless it runs in the same browser tab. Results are stored elsewhere and are never accepted
as input.
"""

import atexit
import logging
import os
import re
import secrets
import shutil
import signal
import stat
import tempfile
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import gradio as gr
import gradio.mcp

from metaseg.demo.gallery import EXAMPLES, read_examples
from metaseg.demo.quota import Quota
from metaseg.demo.server_folder import LOCK, PREFIX, locked, remove_what_dead_servers_left
from metaseg.demo.sessions import current_session
from metaseg.errors import InputError
from metaseg.limits import KEEP_MINUTES, SWEEP_MINUTES

SCAN, TRUTH, BATCH = "scan", "ground truth", "batch"
"""Uses of files. "Clear" removes the files of one use and keeps those of the others."""
KEPT_FOR = f"{KEEP_MINUTES + SWEEP_MINUTES} minutes"
"""The longest time that a file is kept."""
TAB = re.compile("[0-9a-f]{32}")
"""A tab's secret: 128 random bits."""
RELOAD_SECONDS = 30
"""How long uploads outlive the session of a browser tab, which a reload ends to begin another."""
NOT_YOURS = "This file is not one of your uploads, or was removed: upload it here and try again."


class Store:
    """One server's folder below ``base``, which no other local user can read.

    The server holds a lock in it until it ends, so that a later server can tell folders of dead
    servers from those still in use.
    """

    def __init__(self, base: Path):
        base.mkdir(parents=True, exist_ok=True)
        remove_what_dead_servers_left(base)
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base)).resolve()
        self._lock, self._process = locked(self.root), os.getpid()
        self.uploads, self.results = self.root / "uploads", self.root / "results"
        self.uploads.mkdir(mode=0o700)
        self.results.mkdir(mode=0o700)
        self._owners: dict[Path, tuple[str, dict[Path, set[str]]]] = {}
        """The session that each folder belongs to, and what its files are used for."""
        self._ended: dict[str, float] = {}
        """When each session ended, by the monotonic clock; one of its calls may still be running.
        """
        self._tabs: dict[str, str] = {}
        """The secret of the browser tab that each session runs in, if it named one."""
        self.quota = Quota()
        self._guard = threading.Lock()
        self._examples = {
            Path(os.path.abspath(path)) for one in read_examples() for path in (one.scan, one.truth)
        }

    def new_upload(self, visitor: str = "", size: int = 0) -> Path:
        """An empty folder for one upload, announced to have ``size`` bytes.

        Raises InputError if ``visitor`` has reached a limit.
        """
        folder = self.uploads / secrets.token_hex(16)
        folder.mkdir(mode=0o700)
        try:
            self.quota.admit(folder, visitor, size)
        except InputError:
            folder.rmdir()
            raise
        return folder

    def new_result(self, use: str) -> Path:
        """An empty folder for results of the current session."""
        folder = self.results / secrets.token_hex(16)
        folder.mkdir(mode=0o700)
        if session := current_session():
            with self._guard:
                self._owners[folder] = (session, {folder: {use}})
        return folder

    def result(self, folder: str, name: str) -> Path | None:
        """The file ``name`` in the results' ``folder``, if there is such a result."""
        path = self.results / folder / name
        try:
            inside = path.parent.parent == self.results and path.resolve() == path
            return path if inside and path.is_file() else None
        except (ValueError, OSError):  # no name of a file
            return None

    def claim(self, path: str, use: str) -> None:
        """Raise InputError unless ``path`` is an example or an upload of no other session.

        From then on, the upload belongs to the current session.
        """
        given, session = Path(os.path.abspath(path)), current_session()
        if given in self._examples:
            return
        folder = self._upload_of(given)
        if not folder.is_relative_to(self.uploads):
            return  # a file fetched from an address is shared by all who name that address
        with self._guard:
            owner, files = self._owners.get(folder, (session, {}))
            # A late call of a session that has ended takes nothing from the next one.
            if owner != session and (session in self._ended or not self._in_one_tab(owner)):
                raise InputError(NOT_YOURS)
            if session:
                files.setdefault(given, set()).add(use)
                self._owners[folder] = (session, files)

    def _in_one_tab(self, other: str | None) -> bool:
        """Whether the current session runs in the same browser tab as ``other``."""
        tab = self._tabs.get(current_session() or "")
        return tab is not None and tab == self._tabs.get(other or "")

    def name_tab(self, tab: object) -> None:
        """The current session runs in the browser tab that knows the secret ``tab``."""
        session = current_session()
        if session and isinstance(tab, str) and TAB.fullmatch(tab):
            with self._guard:
                self._tabs[session] = tab
                self._ended.pop(session, None)

    def _upload_of(self, path: Path) -> Path:
        """The folder of the upload that contains ``path``: sent by a visitor or fetched by gradio.

        Raises InputError if there is none.
        """
        try:
            # Gradio fetches files from addresses to root/<hash>/<name>; uploads go to
            # uploads/<token>/<hash>/<name>; results are in neither.
            depth, folder = len(path.relative_to(self.root).parts), path.parent
            if path.is_relative_to(self.uploads):
                depth, folder = depth - 2, path.parent.parent
            regular = stat.S_ISREG(path.lstat().st_mode) and path.resolve() == path
        except (ValueError, OSError):
            raise InputError(NOT_YOURS) from None
        if not regular or depth != 2 or folder in (self.uploads, self.results):
            raise InputError(NOT_YOURS)
        return folder

    def forget(self, *uses: str) -> None:
        """Remove the files of the current session for ``uses`` unless they have others, or all of
        them when it ends."""
        session = current_session()
        if session and not uses:
            self._end(session)
        unused = []
        with self._guard:
            for owner, files in self._owners.values():
                if owner == session or self._in_one_tab(owner):
                    for path, of_file in files.items():
                        if of_file & set(uses):
                            of_file -= set(uses)
                            unused += [] if of_file else [path]
        for path in unused:
            _try(path.unlink)
        self._remove(lambda _, __, files: not any(files.values()))

    def _end(self, session: str) -> None:
        with self._guard:
            self._ended[session] = time.monotonic()
        self._remove_ended()
        if any(owner == session for owner, _ in list(self._owners.values())):
            later = threading.Timer(RELOAD_SECONDS, self._remove_ended)
            later.daemon = True
            later.start()

    def _waits(self, folder: Path, owner: str) -> bool:
        """Whether ``folder`` is an upload that the tab of ``owner``, an ended session, may take up
        again."""
        if owner not in self._tabs or not folder.is_relative_to(self.uploads):
            return False
        return time.monotonic() - self._ended[owner] < RELOAD_SECONDS

    def _remove_ended(self) -> None:
        self._remove(
            lambda folder, owner, _: owner in self._ended and not self._waits(folder, owner)
        )

    def _remove(self, unwanted: Callable[[Path, str, dict[Path, set[str]]], bool]) -> None:
        with self._guard:
            gone = [folder for folder, owned in self._owners.items() if unwanted(folder, *owned)]
            for folder in gone:
                del self._owners[folder]
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self, age: float = KEEP_MINUTES * 60) -> None:
        """Remove files older than ``age`` seconds, folders that are then empty, and files written
        by calls after their session ended."""
        self._remove_ended()
        answered = time.monotonic() - KEEP_MINUTES * 60
        with self._guard:
            self._ended = {n: when for n, when in self._ended.items() if when > answered}
            owners = {owner for owner, _ in self._owners.values()}
            self._tabs = {n: tab for n, tab in self._tabs.items() if n in owners}
        before = time.time() - age
        for folder, _, names in os.walk(self.root, topdown=False):
            for path in [Path(folder) / name for name in names]:
                if path != self.root / LOCK and _changed(path) <= before:
                    _try(path.unlink)
            # A new folder is empty until its file arrives.
            if Path(folder) not in (self.root, self.uploads, self.results):
                if _changed(Path(folder)) <= time.time() - min(age, 60):
                    _try(Path(folder).rmdir)
        with self._guard:
            self._owners = {f: owner for f, owner in self._owners.items() if f.exists()}

    def sweep_for_ever(self) -> None:
        """Sweep every ``SWEEP_MINUTES``, even after errors."""
        while True:
            time.sleep(SWEEP_MINUTES * 60)
            try:
                self.sweep()
            except Exception:
                logging.getLogger(__name__).exception("The sweep failed and is tried again.")

    def remove(self) -> None:
        """Remove everything when the server ends; forked processes remove nothing."""
        if os.getpid() == self._process:
            shutil.rmtree(self.root, ignore_errors=True)


@cache
def store() -> Store:
    """This process's store. From the first call on, gradio keeps its own files in it too."""
    base = os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()
    made = Store(Path(base))
    os.environ["GRADIO_TEMP_DIR"] = str(made.root)
    # For scans in the text of MCP calls. gradio read it from the environment on import.
    gradio.mcp.DEFAULT_TEMP_DIR = str(made.root)
    # Examples are served from their own folder, which is never swept.
    gr.set_static_paths([EXAMPLES])
    threading.Thread(target=made.sweep_for_ever, name="sweeper", daemon=True).start()
    atexit.register(made.remove)
    return made


def remove_on_signals() -> None:
    """Let SIGTERM and SIGINT remove all files at once and then end the server properly."""

    def end(*_: object) -> None:
        store().remove()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


def _changed(path: Path) -> float:
    try:
        # Not st_mtime: a copy keeps that of its original.
        changed, now = path.lstat().st_ctime, time.time()
        # A time in the future means that the clock was set back: count its distance as age.
        return now - abs(now - changed)
    except OSError:
        return float("inf")


def _try(remove) -> None:
    try:
        remove()
    except OSError:
        pass  # in use, gone or not ours: the next sweep tries again
