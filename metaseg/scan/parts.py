"""Choose one of the scans that a folder or a zip contains."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metaseg.scan.errors import FileError
from metaseg.scan.types import Scan

NO_IMAGE = "contains no image: use pictures, volumes or DICOM series."
MOST_LISTED = 12
"""Of the scans that an error names."""


@dataclass(frozen=True)
class Part:
    """One scan of a folder or a zip: a DICOM series or an image of another format."""

    description: str
    uid: str | None
    """The series' instance UID; None for other images."""
    name: str
    """The file that its errors name."""
    read: Callable[[], Scan]


class SeriesChoiceError(FileError):
    """There are several scans and the user must choose one; ``choices`` describes each."""

    def __init__(self, parts: Sequence[Part]):
        self.choices = tuple(part.description for part in parts)
        listed = [f"{number}) {text}" for number, text in enumerate(self.choices, start=1)]
        if len(listed) > MOST_LISTED:
            listed[MOST_LISTED:] = [f"and {len(listed) - MOST_LISTED} more"]
        kinds = {part.uid is None for part in parts}
        noun = "scans" if len(kinds) > 1 else "images" if kinds.pop() else "series"
        super().__init__(
            f"contains {len(parts)} {noun}: choose one by its number or description: "
            f"{'; '.join(listed)}."
        )


def choose_part(parts: Sequence[Part], choice: str | None) -> Part:
    """One of ``parts``: by its number from 1, its instance UID or a part of its description.

    None is the only series or, without any series, the only image. Raises FileError if there are no
    parts, SeriesChoiceError if ``choice`` does not name exactly one.
    """
    if not parts:
        raise FileError(NO_IMAGE)
    if choice is None:
        found = [part for part in parts if part.uid is not None] or parts
    else:
        wanted = choice.strip().lower()
        if wanted.isdecimal() and 1 <= int(wanted) <= len(parts):
            return parts[int(wanted) - 1]
        found = [part for part in parts if wanted in (part.uid, part.description.lower())] or [
            part for part in parts if wanted and wanted in part.description.lower()
        ]
    if len(found) != 1:
        raise SeriesChoiceError(parts)
    return found[0]
