from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaseg.preprocess import prepare
from metaseg.preprocess.screenshot import LINE, find_picture
from tests.conftest import EXAMPLES, preprocessing
from tests.phantom import head_slice

SLICES = sorted(EXAMPLES.glob("*.jpg"))
SETTINGS = preprocessing(96)


def grey(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


@pytest.mark.parametrize("path", SLICES, ids=lambda path: path.stem)
def test_a_slice_as_it_is_has_no_page(path):
    slice_ = grey(path)
    for picture in (slice_, slice_[60:-60, 60:-60], np.pad(slice_, 100)):
        assert find_picture(picture) == tuple(slice(0, side) for side in picture.shape)


@given(
    level=st.integers(45, 255),
    margins=st.tuples(*[st.integers(0, 150)] * 4),
    line=st.booleans(),
    quality=st.sampled_from([None, 95, 75]),
)
@settings(max_examples=60, deadline=None)
def test_the_slice_is_found_on_a_page(level, margins, line, quality):
    top, bottom, left, right = margins
    slice_ = head_slice(200)
    page = np.pad(slice_, ((top, bottom), (left, right)), constant_values=level)
    on_page = page.size > 1.1 * slice_.size
    if line:
        corners = (left - 1, top - 1), (left + 200, top + 200)
        cv2.rectangle(page, *corners, 255 if level < 128 else 0, 1)
    if top > 30:
        ink = 255 if level < 128 else 0
        cv2.putText(page, "Image 12", (left, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1)
    if quality:
        page = cv2.imdecode(cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0)
    rows, columns = find_picture(page)
    # The slice's own air around the head may go with a page that is nearly as dark.
    assert rows.start <= top + 12 and rows.stop >= top + 188
    assert columns.start <= left + 25 and columns.stop >= left + 175
    if on_page:
        for found, start, stop in ((rows, top, top + 200), (columns, left, left + 200)):
            assert found.start >= start - 1 - LINE and found.stop <= stop + 1 + LINE


@pytest.mark.parametrize("path", SLICES, ids=lambda path: path.stem)
def test_the_network_sees_a_screenshot_as_the_slice_itself(path):
    slice_ = grey(path)
    page = cv2.copyMakeBorder(slice_, 70, 20, 30, 160, cv2.BORDER_CONSTANT, value=235)
    seen, geometry = prepare(page, SETTINGS)
    alone, geometry_alone = prepare(slice_[LINE:-LINE, LINE:-LINE], SETTINGS)
    assert np.array_equal(seen, alone)
    assert geometry.top == geometry_alone.top + 70 + LINE
    assert geometry.left == geometry_alone.left + 30 + LINE
    assert not geometry.inverse(np.ones(seen.shape, np.float32))[:70].any()


def test_slices_side_by_side_stay_together():
    one = head_slice(160)
    page = np.full((220, 440), 240, np.uint8)
    page[30:190, 20:180] = page[30:190, 250:410] = one
    rows, columns = find_picture(page)
    assert (rows.start, rows.stop) == (30 + LINE, 190 - LINE)
    assert (columns.start, columns.stop) == (20 + LINE, 410 - LINE)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_page_has_no_slice_and_nothing_breaks(level):
    page = np.full((120, 90), level, np.uint8)
    assert find_picture(page) == (slice(0, 120), slice(0, 90))
    cv2.putText(page, "nothing", (5, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255 - level, 1)
    prepare(page, SETTINGS)
    assert find_picture(page[:1]) == (slice(0, 1), slice(0, 90))
