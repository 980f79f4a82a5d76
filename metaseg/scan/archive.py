"""List the files of a folder or a zip archive. Zips are never unpacked to disk."""

import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from metaseg.files import files_in
from metaseg.limits import MAX_ARCHIVE_FILES, MAX_FILE_BYTES, MAX_UNPACKED_BYTES, MEGABYTE
from metaseg.scan.errors import FileError, decoding

HEAD_BYTES = 512
"""Enough of a file to identify its format."""

UNOPENED = "cannot be opened: check that the file is there."
DAMAGED_ZIP = "is a damaged zip: pack it again."
PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Entry:
    """One file of a folder or an archive; ``open`` returns its bytes as a stream.

    Zip members are inflated as the stream is read, so reading the head is cheap.
    """

    name: str
    open: Callable[[], BinaryIO]
    fault: str = UNOPENED
    """The fault to report if its bytes cannot be read."""

    @property
    def file_name(self) -> str:
        """The name without its folder."""
        return self.name.rpartition("/")[2]

    def head(self) -> bytes:
        """The first bytes, which identify the format. Raises FileError if they cannot be read."""
        with decoding(self.fault), self.open() as stream:
            return stream.read(HEAD_BYTES)

    def read(self) -> bytes:
        """All bytes. Raises FileError if they cannot be read."""
        whole = io.BytesIO()
        with decoding(self.fault), self.open() as stream:
            shutil.copyfileobj(stream, whole, MEGABYTE)
        return whole.getvalue()


def is_zip(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is a zip."""
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def is_office(path: Path) -> bool:
    """Whether the zip at ``path`` is a document of an office program (ECMA-376, part 2)."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "[Content_Types].xml" in archive.namelist()
    except Exception:  # a damaged zip, which reading it will say
        return False


@contextmanager
def open_folder_or_zip(path: Path) -> Iterator[list[Entry]]:
    """The files of a folder (with its subfolders) or of a zip, sorted by name.

    Raises FileError if a zip is damaged, encrypted or too large when unpacked, or contains a path
    outside itself.
    """
    if path.is_dir():
        yield _folder(path)
        return
    with decoding(DAMAGED_ZIP):
        archive = zipfile.ZipFile(path)
    with archive:
        yield _zip(archive)


def _folder(path: Path) -> list[Entry]:
    files = [file for file in files_in(path) if file.is_file() and is_wanted(file.name)]
    _check_count(len(files))
    for file in files:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise FileError(f"contains a file larger than {MAX_FILE_BYTES >> 20} MB: remove it.")
    return [Entry(file.relative_to(path).as_posix(), partial(file.open, "rb")) for file in files]


@decoding(DAMAGED_ZIP)
def _zip(archive: zipfile.ZipFile) -> list[Entry]:
    members = [member for member in archive.infolist() if not member.is_dir()]
    _check_count(len(members))
    for member in members:
        parts = PurePosixPath(member.filename.replace("\\", "/")).parts
        if ".." in parts or parts[:1] == ("/",) or ":" in member.filename[:2]:
            raise FileError("contains a path outside the zip: pack it again.")
        if member.flag_bits & 1:
            raise FileError("is encrypted: use a zip without a password.")
        if member.compress_type not in PLAIN:
            raise FileError(
                "uses an unsupported zip compression: pack it again with the standard one."
            )
    # The sizes in the zip's directory may be wrong, but zipfile never reads past them.
    largest = max((member.file_size for member in members), default=0)
    if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES or largest > MAX_FILE_BYTES:
        raise FileError(
            f"unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB, or to a file of more "
            f"than {MAX_FILE_BYTES >> 20} MB: use fewer images at once."
        )
    wanted = [member for member in members if is_wanted(PurePosixPath(member.filename).name)]
    wanted.sort(key=lambda member: member.filename)
    return [Entry(one.filename, partial(archive.open, one), DAMAGED_ZIP) for one in wanted]


def _check_count(count: int) -> None:
    if count > MAX_ARCHIVE_FILES:
        raise FileError(f"contains {count} files: use at most {MAX_ARCHIVE_FILES}.")


def is_wanted(name: str) -> bool:
    """False for hidden files, what file managers leave behind, and DICOM directories."""
    return not name.startswith(".") and name not in ("DICOMDIR", "Thumbs.db", "desktop.ini")
