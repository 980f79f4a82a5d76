"""Where uploads and results lie, whose they are, and when they go.

What proves that a file is the caller's own: every upload lies in a folder named by 128 random bits,
which only the answer to that upload names. A file is sent before any session is known, so nothing
else can be proved at that moment; the first session that uses an upload becomes its owner, and no
other may use it then. Results lie elsewhere and are never taken as input.
"""

import atexit
import fcntl
import logging
import os
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
from gradio.context import LocalContext

from metaseg.demo.gallery import EXAMPLES, read_examples
from metaseg.errors import InputError
from metaseg.limits import KEEP_MINUTES, MAX_UPLOADED_BYTES, MAX_UPLOADS, SWEEP_MINUTES

SCAN, TRUTH, BATCH = "scan", "ground truth", "batch"
"""Uses of files. "Clear" ends one use and keeps the files of the others."""
PREFIX = "metaseg-"
LOCK = "lock"
KEPT_FOR = f"{KEEP_MINUTES + SWEEP_MINUTES} minutes"
"""The longest time that a file stays."""
NOT_YOURS = "This file is not one of your uploads: upload it here and try again."


class Store:
    """One server's own folder below ``base``, which no other local user can read.

    The server holds a lock in it as long as it lives, so that a later one can tell what a dead
    server left from what a living one needs.
    """

    def __init__(self, base: Path):
        base.mkdir(parents=True, exist_ok=True)
        _remove_what_dead_servers_left(base)
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base)).resolve()
        self._lock, self._process = _locked(self.root), os.getpid()
        self.uploads, self.results = self.root / "uploads", self.root / "results"
        self.uploads.mkdir(mode=0o700)
        self.results.mkdir(mode=0o700)
        self._owners: dict[Path, tuple[str, str]] = {}
        """The session that each folder belongs to, and what for."""
        self._ended: dict[str, float] = {}
        """When each session ended, by the monotonic clock; a call of it may still be under way."""
        self._sizes: dict[Path, tuple[str, int]] = {}
        """Who sent each upload, and how many bytes it was announced as."""
        self._guard = threading.Lock()
        self._examples = {
            Path(os.path.abspath(path)) for one in read_examples() for path in (one.scan, one.truth)
        }

    def new_upload(self, visitor: str = "", size: int = 0) -> Path:
        """An empty folder for one upload of ``size`` bytes. Raises InputError if ``visitor`` has
        had enough."""
        folder = self.uploads / secrets.token_hex(16)
        with self._guard:
            self._sizes = {f: known for f, known in self._sizes.items() if f.exists()}
            kept = [bytes_ for who, bytes_ in self._sizes.values() if who == visitor]
            if len(kept) >= MAX_UPLOADS or sum(kept) + size > MAX_UPLOADED_BYTES:
                raise InputError(
                    f"At most {MAX_UPLOADS} uploads and {MAX_UPLOADED_BYTES >> 20} MB are kept for "
                    "you at a time: clear some, or try again later."
                )
            folder.mkdir(mode=0o700)
            self._sizes[folder] = (visitor, size)
        return folder

    def new_result(self, use: str) -> Path:
        """An empty folder for the results of the session that is being answered."""
        folder = self.results / secrets.token_hex(16)
        folder.mkdir(mode=0o700)
        if session := current_session():
            with self._guard:
                self._owners[folder] = (session, use)
        return folder

    def claim(self, path: str, use: str) -> None:
        """InputError unless ``path`` is an example or an upload that no other session has used.

        An upload belongs to the session that is being answered from then on.
        """
        given, session = Path(os.path.abspath(path)), current_session()
        if given in self._examples:
            return
        folder = self._upload_of(given)
        if not folder.is_relative_to(self.uploads):
            return  # whoever names the same address shares it
        with self._guard:
            owner, _ = self._owners.get(folder, (session, use))
            if owner != session:
                raise InputError(NOT_YOURS)
            if session:
                self._owners[folder] = (session, use)

    def _upload_of(self, path: Path) -> Path:
        """The folder of one upload that ``path`` lies in: sent to us, or fetched by gradio."""
        try:
            # What gradio fetches from an address that a visitor names lies in root/<hash>/<name>,
            # what was uploaded in uploads/<token>/<hash>/<name>; results lie in neither.
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
        """Remove what the session that is being answered has for ``uses``, or for everything, as
        it ends."""
        session = current_session()
        if session and not uses:
            self._ended[session] = time.monotonic()
        self._remove(lambda owner, use: owner == session and (not uses or use in uses))

    def _remove(self, unwanted: Callable[[str, str], bool]) -> None:
        with self._guard:
            gone = [folder for folder, owned in self._owners.items() if unwanted(*owned)]
            for folder in gone:
                del self._owners[folder]
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self, age: float = KEEP_MINUTES * 60) -> None:
        """Remove files older than ``age`` seconds and the folders that are empty then, and what
        calls made whose session had ended."""
        self._remove(lambda owner, use: owner in self._ended)
        answered = time.monotonic() - KEEP_MINUTES * 60
        self._ended = {name: when for name, when in self._ended.items() if when > answered}
        before = time.time() - age
        for folder, _, names in os.walk(self.root, topdown=False):
            for path in [Path(folder) / name for name in names]:
                if path != self.root / LOCK and _changed(path) <= before:
                    _try(path.unlink)
            # A new folder is empty until its file comes.
            if Path(folder) not in (self.root, self.uploads, self.results):
                if _changed(Path(folder)) <= time.time() - min(age, 60):
                    _try(Path(folder).rmdir)
        with self._guard:
            self._owners = {f: owner for f, owner in self._owners.items() if f.exists()}

    def sweep_for_ever(self) -> None:
        """Sweep every few minutes, whatever goes wrong."""
        while True:
            time.sleep(SWEEP_MINUTES * 60)
            try:
                self.sweep()
            except Exception:
                logging.getLogger(__name__).exception("The sweep failed and is tried again.")

    def remove(self) -> None:
        """Remove everything: the server ends, and not just a process that it has forked."""
        if os.getpid() == self._process:
            shutil.rmtree(self.root, ignore_errors=True)


@cache
def store() -> Store:
    """This process's store. gradio keeps its own files in it too, from now on."""
    base = os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()
    made = Store(Path(base))
    os.environ["GRADIO_TEMP_DIR"] = str(made.root)
    # Read from the environment long ago, and where scans go that a tool's call carries in its text.
    gradio.mcp.DEFAULT_TEMP_DIR = str(made.root)
    # Examples are served from where they lie, and no sweep takes them away.
    gr.set_static_paths([EXAMPLES])
    threading.Thread(target=made.sweep_for_ever, name="sweeper", daemon=True).start()
    atexit.register(made.remove)
    return made


def remove_on_signals() -> None:
    """SIGTERM and SIGINT remove all files at once, and then end the server in good order."""

    def end(*_: object) -> None:
        store().remove()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


def current_session() -> str | None:
    """The session that is being answered. None for a call without one, and outside of calls."""
    request = LocalContext.request.get(None)
    session = None if request is None else request.session_hash
    # The queue gives a call that names no session the name of its own event.
    return None if session == LocalContext.event_id.get(None) else session


def _locked(root: Path) -> int:
    """A descriptor that holds the lock of ``root`` until the process ends, however it ends."""
    # Locked before it has its name: nobody ever sees it unlocked while its server lives.
    fresh = root / f"{LOCK}.new"
    descriptor = os.open(fresh, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    fresh.rename(root / LOCK)
    return descriptor


def _remove_what_dead_servers_left(base: Path) -> None:
    for lock in base.glob(f"{PREFIX}*/{LOCK}"):
        try:
            if lock.parent.is_symlink() or lock.parent.stat().st_uid != os.getuid():
                continue
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:
            continue  # its server lives
        finally:
            os.close(descriptor)


def _changed(path: Path) -> float:
    try:
        # A copy keeps the time of its original as its mtime.
        changed, now = path.lstat().st_ctime, time.time()
        # Where the clock was set back, it lies ahead: as far as that, it counts as old.
        return now - abs(now - changed)
    except OSError:
        return float("inf")


def _try(remove) -> None:
    try:
        remove()
    except OSError:
        pass  # in use, gone or not ours: the next sweep meets it again
