"""Zips and folders: what is safe is read, everything else is refused and touches nothing."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from metaseg import limits
from metaseg.errors import InputError
from metaseg.scan import SeriesChoiceError, archive, read_scan
from tests.dicom_files import AFFINE, ARRAY, list_series, save_series, series_of
from tests.volumes import save


def pack(tmp_path, members: dict[str, bytes], name: str = "study.zip"):
    with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as file:
        for member, content in members.items():
            file.writestr(member, content)
    return tmp_path / name


def png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(ARRAY[:, :, 0].astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def series_files(tmp_path) -> dict[str, bytes]:
    folder = save_series(tmp_path / "files", series_of(ARRAY, AFFINE))
    return {f"DICOM/{file.name}": file.read_bytes() for file in folder.iterdir()}


def test_one_image_of_another_format(tmp_path):
    volume = save(tmp_path / "v.nii.gz", ARRAY, AFFINE)
    packed = pack(tmp_path, {"x/v.nii.gz": volume.read_bytes(), "readme.txt": b"a letter"})
    np.testing.assert_array_equal(read_scan(packed).voxels, read_scan(volume).voxels)
    assert list_series(packed) == []
    assert read_scan(pack(tmp_path, {"__MACOSX/._a.png": b"junk", "a.png": png()})).name == "a"


@pytest.mark.parametrize("members", [{}, {"a.txt": b"words"}, {"a.png": png(), "b.png": png()}])
def test_no_image_or_several(tmp_path, members):
    with pytest.raises(InputError, match=r"contains (no image|2 images)"):
        read_scan(pack(tmp_path, members))


def test_one_of_several_images_is_chosen_by_its_number_or_name(tmp_path):
    packed = pack(tmp_path, {f"{name}.png": png() for name in "abcdefghijklmn"})
    with pytest.raises(
        SeriesChoiceError, match=r"14 images: .*1\) a.png; .*12\) l.png; and 2 more"
    ):
        read_scan(packed)
    assert [read_scan(packed, series=choice).name for choice in ("2", "n.png")] == ["b", "n"]


def test_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty contains no image"):
        read_scan(tmp_path / "empty")


@pytest.mark.parametrize("name", ["../evil.dcm", "a/../../evil", "/etc/evil", "..\\evil", "C:evil"])
def test_climbing_path(tmp_path, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    packed = pack(inside, {**series_files(tmp_path), name: b"evil"})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="path outside the zip"):
        read_scan(packed)
    assert sorted(tmp_path.rglob("*")) == before


def test_encrypted(tmp_path):
    data = bytearray(pack(tmp_path, {"a.png": png()}).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    (tmp_path / "study.zip").write_bytes(data)
    with pytest.raises(InputError, match="encrypted"):
        read_scan(tmp_path / "study.zip")


def test_bomb_by_its_own_word(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 10_000_000)
    packed = pack(tmp_path, {f"{n}.dcm": bytes(2_000_000) for n in range(6)})
    assert packed.stat().st_size < 50_000
    with pytest.raises(InputError, match="unpacks to more than"):
        read_scan(packed)


def test_bomb_that_lies_about_its_size(tmp_path):
    packed = pack(tmp_path, {"a.dcm": bytes(128) + b"DICM" + bytes(200_000_000)})
    data = bytearray(packed.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(signature) + offset, 1000)
    packed.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(InputError):
        read_scan(packed)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_too_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_ARCHIVE_FILES", 10)
    with pytest.raises(InputError, match="contains 18 files"):
        read_scan(pack(tmp_path, series_files(tmp_path)))


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated(tmp_path, share):
    packed = pack(tmp_path, series_files(tmp_path))
    packed.write_bytes(packed.read_bytes()[: int(packed.stat().st_size * share)])
    with pytest.raises(InputError, match="damaged zip"):
        read_scan(packed)


def test_damaged_member(tmp_path):
    packed = pack(tmp_path, {"a.png": png()})
    data = bytearray(packed.read_bytes())
    data[45:60] = bytes(15)
    packed.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read_scan(packed)


def test_limits_are_sane():
    assert limits.MAX_FILE_BYTES <= limits.MAX_UNPACKED_BYTES


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_odd_compression_is_refused_unopened(tmp_path, kind):
    with zipfile.ZipFile(tmp_path / "study.zip", "w", kind) as file:
        file.writestr("a.png", png())
    with pytest.raises(InputError, match="unsupported zip compression"):
        read_scan(tmp_path / "study.zip")


def test_the_name_in_the_sentence_is_the_image_at_fault(tmp_path):
    packed = pack(tmp_path, {"deep/a.png": png()[:60]})
    with pytest.raises(InputError, match=r"^a\.png is damaged"):
        read_scan(packed)
