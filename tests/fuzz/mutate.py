"""Inputs made from seeds: fields changed, bytes moved about, sums and packing put right again."""

import gzip
import io
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.fuzz.fields import fields
from tests.fuzz.seeds import seeds_of

NUMBERS = (0, 1, 2, 7, 8, 15, 16, 17, 127, 128, 255, 256, 4095, 32767, 32768, 65535, 10**6)
NUMBERS += (2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
FLOATS = (0.0, -0.0, -1.0, 1e-45, 1e-12, 0.5, 1e5, 1e30, 3.4e38, float("inf"), float("nan"))
WORDS = (b"0", b"-1", b"1e400", b"nan", b"1\\2", b"\\", b"\xff\xff", b"%s/../x")
WORDS += (b"1.2.840.10008.1.2.1.99", b"SQ", b"OB", b"UN", b"RGB", b"PALETTE COLOR", b"MONOCHROME1")


def make(format_: str, number: int, folder: Path) -> Path:
    """Input ``number`` of a format, always the same, written into the empty ``folder``."""
    random = Random(f"{format_} {number}")
    seed = random.choice(seeds_of(format_))
    target = folder / seed.name
    if seed.is_dir():
        shutil.copytree(seed, target)
        _mutate_folder(target, random)
    else:
        target.write_bytes(mutate(seed.read_bytes(), random))
    return target


def mutate(data: bytes, random: Random) -> bytes:
    """``data`` with one to four changes; what is packed is mostly changed inside its packing."""
    if data.startswith(b"\x1f\x8b") and random.random() < 0.8:
        return _repacked(data, random, _gunzip, gzip.compress)
    if data.startswith(b"PK") and random.random() < 0.6:
        return _repacked(data, random, _unzip, _zip)
    for _ in range(random.choice((1, 1, 2, 3, 4))):
        spans = fields(data)
        if spans and random.random() < 0.7:
            data = _change_field(data, random, *random.choice(spans))
        else:
            data = random.choice((_flip, _flip, _cut, _repeat, _remove, _insert))(data, random)
    return _right_sums(data) if random.random() < 0.8 else data


def _change_field(data: bytes, random: Random, offset: int, size: int) -> bytes:
    old = data[offset : offset + size]
    if size in (1, 2, 4, 8) and random.random() < 0.7:
        order = random.choice("<>")
        if size >= 4 and random.random() < 0.3:
            new = struct.pack(order + ("f" if size == 4 else "d"), random.choice(FLOATS))
        else:
            near = int.from_bytes(old, "little") + random.choice((-1, 1, 2))
            value = random.choice((*NUMBERS, near)) % 256**size
            new = value.to_bytes(size, "little" if order == "<" else "big")
    elif random.random() < 0.5:
        new = random.choice(WORDS)
        if random.random() < 0.8:  # mostly without moving what follows
            new = new.ljust(size, random.choice((b" ", b"\0")))[:size]
    else:
        new = _flip(old, random) if old else b"\0"
    return data[:offset] + new + data[offset + size :]


def _flip(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        if changed:
            changed[random.randrange(len(changed))] = random.choice((0, 255, random.randrange(256)))
    return bytes(changed)


def _part(data: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((1, 2, 4, 16, 100, 1000)))


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _repeat(data: bytes, random: Random) -> bytes:
    start, stop = _part(data, random)
    return data[:stop] + data[start:stop] * random.choice((1, 2, 50)) + data[stop:]


def _remove(data: bytes, random: Random) -> bytes:
    start, stop = _part(data, random)
    return data[:start] + data[stop:]


def _insert(data: bytes, random: Random) -> bytes:
    start, stop = _part(data, random)
    return data[:start] + random.choice((bytes(stop - start), random.randbytes(8))) + data[start:]


def _right_sums(data: bytes) -> bytes:
    """The checksums of a PNG's chunks as they must be, so that a decoder goes on."""
    if not data.startswith(b"\x89PNG"):
        return data
    changed, offset = bytearray(data), 8
    while offset + 12 <= len(changed):
        end = offset + 8 + int.from_bytes(changed[offset : offset + 4], "big")
        if end + 4 > len(changed):
            break
        changed[end : end + 4] = struct.pack(">I", zlib.crc32(changed[offset + 4 : end]))
        offset = end + 4
    return bytes(changed)


def _repacked(data: bytes, random: Random, unpack: Callable, pack: Callable) -> bytes:
    try:
        inside = unpack(data)
    except Exception:  # a seed that is damaged on purpose
        return _flip(data, random)
    if isinstance(inside, bytes):
        return pack(mutate(inside, random))
    for _ in range(random.choice((1, 1, 3))):
        if inside:
            name = random.choice(list(inside))
            inside[name] = mutate(inside[name], random)
    return pack(inside)


def _gunzip(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        return file.read(1 << 20)


def _unzip(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _mutate_folder(folder: Path, random: Random) -> None:
    files = sorted(folder.iterdir())
    for file in random.sample(files, min(len(files), random.choice((1, 1, 2, 5)))):
        if random.random() < 0.1:
            file.unlink()
        elif random.random() < 0.1:
            shutil.copy(file, folder / f"{file.name}_copy")
        else:
            file.write_bytes(mutate(file.read_bytes(), random))
