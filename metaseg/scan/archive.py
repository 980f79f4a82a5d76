"""Folders and zip archives as one list of files. Nothing is ever unpacked onto the disk."""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from metaseg.errors import InputError
from metaseg.limits import MAX_ARCHIVE_FILES, MAX_FILE_BYTES, MAX_UNPACKED_BYTES

HEAD_BYTES = 512
"""As much of a file as tells its format."""


@dataclass(frozen=True)
class Entry:
    """One file of a folder or an archive; ``open`` gives its bytes as a stream."""

    name: str
    open: Callable[[], BinaryIO]

    def head(self) -> bytes:
        with self.open() as stream:
            return stream.read(HEAD_BYTES)

    def read(self) -> bytes:
        with self.open() as stream:
            return stream.read()


def is_zip(head: bytes) -> bool:
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06")


@contextmanager
def open_folder_or_zip(path: Path, shown: str) -> Iterator[list[Entry]]:
    """The files of a folder (with its subfolders) or of a zip, sorted by name.

    InputError for a damaged or encrypted zip, one that unpacks to too much, and one with a path
    that climbs out of it.
    """
    if path.is_dir():
        yield _folder(path, shown)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(f"{shown} is a damaged zip: pack it again.") from error
    with archive:
        yield _zip(archive, shown)


def _folder(path: Path, shown: str) -> list[Entry]:
    files = sorted(file for file in path.rglob("*") if file.is_file() and _is_wanted(file.name))
    _check_count(len(files), shown)
    for file in files:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise InputError(
                f"{shown} holds a file larger than {MAX_FILE_BYTES >> 20} MB: take it out."
            )
    return [Entry(file.relative_to(path).as_posix(), _opener(file)) for file in files]


def _opener(file: Path) -> Callable[[], BinaryIO]:
    return lambda: file.open("rb")


def _zip(archive: zipfile.ZipFile, shown: str) -> list[Entry]:
    members = [member for member in archive.infolist() if not member.is_dir()]
    _check_count(len(members), shown)
    for member in members:
        parts = PurePosixPath(member.filename.replace("\\", "/")).parts
        if ".." in parts or parts[:1] == ("/",) or ":" in member.filename[:2]:
            raise InputError(f"{shown} holds a path that leads out of the zip: pack it again.")
        if member.flag_bits & 1:
            raise InputError(f"{shown} is encrypted: give a zip without a password.")
    # The directory of the zip may lie about sizes; the reading itself stops at what it says.
    largest = max((member.file_size for member in members), default=0)
    if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES or largest > MAX_FILE_BYTES:
        raise InputError(
            f"{shown} unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB, or to a file of more "
            f"than {MAX_FILE_BYTES >> 20} MB: give fewer images at once."
        )
    wanted = [member for member in members if _is_wanted(PurePosixPath(member.filename).name)]
    wanted.sort(key=lambda member: member.filename)
    return [Entry(member.filename, _unpacker(archive, member, shown)) for member in wanted]


def _unpacker(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, shown: str
) -> Callable[[], BinaryIO]:
    def unpack() -> BinaryIO:
        try:
            with archive.open(member) as stream:
                return io.BytesIO(stream.read(member.file_size + 1))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise InputError(f"{shown} is a damaged zip: pack it again.") from error
        except (NotImplementedError, RuntimeError) as error:
            raise InputError(
                f"{shown} is packed in a way that cannot be read: use plain zip compression."
            ) from error

    return unpack


def _check_count(count: int, shown: str) -> None:
    if count > MAX_ARCHIVE_FILES:
        raise InputError(f"{shown} holds {count} files: give at most {MAX_ARCHIVE_FILES}.")


def _is_wanted(name: str) -> bool:
    """Not what file managers leave behind, and no DICOM directory."""
    return not name.startswith(".") and name not in ("DICOMDIR", "Thumbs.db", "desktop.ini")
