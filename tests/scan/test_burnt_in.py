"""Letters in the corners and along the edges are pointed out, and nothing else is."""

import cv2
import numpy as np
import pytest
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from metaseg.passes import LETTERS
from metaseg.scan import read_scan
from metaseg.scan.burnt_in import has_letters
from tests.conftest import EXAMPLES, draw_head
from tests.findings.test_files import head_volume
from tests.volumes import affine_of, save

CLEAN = sorted(p for p in EXAMPLES.glob("*.[jp]*g") if "truth" not in p.name)
PLACES = {"top left": (0, 0), "top right": (1, 0), "bottom left": (0, 1), "bottom right": (1, 1)}


def write(grey: np.ndarray, text: str, place: tuple[int, int], size: int, level=255) -> np.ndarray:
    picture = Image.fromarray(grey)
    font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)
    drawing = ImageDraw.Draw(picture)
    width = drawing.textlength(text, font=font)
    x = max(4, grey.shape[1] - width - 4) if place[0] else 4
    y = grey.shape[0] - size - 6 if place[1] else 4
    drawing.text((x, y), text, fill=level, font=font)
    return np.asarray(picture)


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.stem)
def test_no_false_alarm_on_real_slices(path):
    assert len(CLEAN) >= 8
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert not has_letters(grey)
    for turns in (1, 2, 3):
        assert not has_letters(np.ascontiguousarray(np.rot90(grey, turns)))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("text", ["MUSTERMANN ERIKA", "Doe^John 1970-01-01", "ID 4711 0815"])
@pytest.mark.parametrize("size", [14, 22])
def test_letters_are_found(place, text, size):
    grey = cv2.imread(str(EXAMPLES / "meningioma_axial.jpg"), cv2.IMREAD_GRAYSCALE)
    assert has_letters(write(grey, text, place, size))
    assert has_letters(write(grey, text, place, size, 180))


def test_dark_letters_on_a_bright_page_are_found():
    page = np.full((400, 400), 250, np.uint8)
    head, _ = draw_head((260, 240))
    page[70:330, 80:320] = head
    assert not has_letters(page)
    assert has_letters(write(page, "Mustermann, Erika", (0, 1), 16, 10))


def test_the_letter_of_a_side_is_no_name():
    grey, _ = draw_head((256, 256))
    for letter in "RLAP":
        assert not has_letters(write(grey, letter, (0, 0), 14))


def test_noise_and_odd_shapes_are_no_letters():
    random = np.random.default_rng(0)
    for shape in ((16, 16), (17, 900), (64, 64), (400, 300)):
        assert not has_letters(np.zeros(shape, np.uint8))
        assert not has_letters(np.full(shape, 255, np.uint8))
        assert not has_letters(random.integers(0, 256, shape, dtype=np.uint8))


def test_it_is_said_once_for_a_slice_and_with_their_number_for_a_volume(small_segmenter, tmp_path):
    grey = write(draw_head((256, 256))[0], "MUSTERMANN", (0, 0), 16)
    cv2.imwrite(str(tmp_path / "slice.png"), grey)
    notices = small_segmenter.predict(read_scan(tmp_path / "slice.png"), "unet").notices
    assert [notice for notice in notices if "text at" in notice] == [LETTERS]
    volume = np.stack([grey.T] * 2 + [draw_head((256, 256))[0].T] * 3, axis=2)
    save(tmp_path / "volume.nii.gz", volume, affine_of("LPS", (0.9, 0.9, 4.0)))
    notices = small_segmenter.predict(read_scan(tmp_path / "volume.nii.gz"), "unet").notices
    assert f"{LETTERS} This concerns 2 of 5 slices." in notices
    save(tmp_path / "clean.nii.gz", head_volume(), affine_of("LPS", (0.9, 0.9, 4.0)))
    notices = small_segmenter.predict(read_scan(tmp_path / "clean.nii.gz"), "unet").notices
    assert not [notice for notice in notices if "text at" in notice]
