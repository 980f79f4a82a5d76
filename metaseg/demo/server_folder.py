"""The folder of one server, locked while it runs, and those that dead servers left."""

import fcntl
import os
import shutil
from pathlib import Path

PREFIX = "metaseg-"
LOCK = "lock"


def locked(root: Path) -> int:
    """A descriptor that holds the lock of ``root`` until the process ends, in any way."""
    # Lock before renaming: the lock file is never visible unlocked while its server runs.
    fresh = root / f"{LOCK}.new"
    descriptor = os.open(fresh, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    fresh.rename(root / LOCK)
    return descriptor


def remove_what_dead_servers_left(base: Path) -> None:
    """Remove the folders below ``base`` whose servers hold no lock any more."""
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
            continue  # its server is running
        finally:
            os.close(descriptor)
