"""How many uploads and bytes of each visitor are kept."""

import threading
from pathlib import Path

from metaseg.errors import InputError
from metaseg.limits import MAX_UPLOADED_BYTES, MAX_UPLOADS


class Quota:
    """What is kept for each visitor: it counts the folders that still exist."""

    def __init__(self) -> None:
        self._sizes: dict[Path, tuple[str, int]] = {}
        """The visitor who sent each upload, and its size in bytes."""
        self._guard = threading.Lock()

    def admit(self, folder: Path, visitor: str, size: int) -> None:
        """Count ``folder``, an upload of ``visitor`` announced to have ``size`` bytes.

        Raises InputError if the visitor has reached a limit.
        """
        with self._guard:
            self._sizes = {one: known for one, known in self._sizes.items() if one.exists()}
            self._count(folder, visitor, size)

    def weigh(self, folder: Path, size: int) -> None:
        """Count ``folder`` with the ``size`` bytes that came: a sender may announce none, or less.

        Raises InputError if its visitor has reached a limit.
        """
        with self._guard:
            visitor, _ = self._sizes.pop(folder)
            self._count(folder, visitor, size)

    def _count(self, folder: Path, visitor: str, size: int) -> None:
        kept = [bytes_ for who, bytes_ in self._sizes.values() if who == visitor]
        if len(kept) >= MAX_UPLOADS or sum(kept) + size > MAX_UPLOADED_BYTES:
            raise InputError(
                f"At most {MAX_UPLOADS} uploads and {MAX_UPLOADED_BYTES >> 20} MB are kept for you "
                "at a time: clear some, or try again later."
            )
        self._sizes[folder] = (visitor, size)
