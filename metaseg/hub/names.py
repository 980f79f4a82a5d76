"""Names on the Hub: USER/NAME, and USER/NAME@REVISION."""

import re
from dataclasses import dataclass

from metaseg.errors import InputError

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_NAME = re.compile(rf"({_PART}/{_PART})(?:@(\S+))?")
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubName:
    """A repository on the Hub, optionally at a branch, tag or commit."""

    repo_id: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str, revision: str | None = None) -> "HubName":
        """Parse ``USER/NAME`` or ``USER/NAME@REVISION``; ``revision`` is the same as the latter.

        Raises InputError if ``text`` has neither form, or both name a revision.
        """
        match = _NAME.fullmatch(text)
        if match is None or ".." in match[1] or "--" in match[1]:
            raise InputError(
                f'"{text}" is not a Hub name: use the form USER/NAME or USER/NAME@REVISION.'
            )
        if match[2] and revision:
            raise InputError(f"Two revisions were given, {match[2]} and {revision}: leave one out.")
        return cls(match[1], match[2] or revision)

    @classmethod
    def fits(cls, text: str) -> bool:
        """Whether ``text`` has the form of a name on the Hub."""
        try:
            cls.parse(text)
        except InputError:
            return False
        return True

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, which never changes."""
        return self.revision is not None and COMMIT.fullmatch(self.revision) is not None

    def __str__(self) -> str:
        return f"{self.repo_id}@{self.revision}" if self.revision else self.repo_id
