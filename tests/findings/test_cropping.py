"""A lesion's picture holds the lesion and stays inside the tissue."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from metaseg.findings.cropping import box_around, picture_of
from tests.findings.test_matching import regions_of, squares


@settings(deadline=None)
@given(
    st.integers(0, 28),
    st.integers(0, 28),
    st.integers(1, 4),
    st.sampled_from([0.5, 1.0, 3.0]),
    st.tuples(st.integers(0, 10), st.integers(22, 32), st.integers(0, 10), st.integers(22, 32)),
)
def test_it_holds_the_lesion_and_stays_inside(row, column, side, aspect, tissue):
    top, bottom, left, right = tissue
    tissue = (min(top, row), max(bottom, row + side), min(left, column), max(right, column + side))
    (region,) = regions_of(squares((0, row, column), depth=1, side=side)).rows
    box = box_around(region, tissue, aspect)
    assert tissue[0] <= box[0] <= row and row + side <= box[1] <= tissue[1]
    assert tissue[2] <= box[2] <= column and column + side <= box[3] <= tissue[3]


def test_picture():
    mask = squares((0, 10, 12), depth=1)
    picture = picture_of(
        np.full((32, 32), 90, np.uint8), [(mask[0], (255, 0, 0))], (8, 24, 8, 16), 64
    )
    assert picture.shape == (64, 32, 3)
    red = picture[..., 0].astype(int) - picture[..., 1] > 100
    rows, columns = red.any(axis=1).nonzero()[0], red.any(axis=0).nonzero()[0]
    assert abs(rows[0] - 8) <= 1 and abs(rows[-1] - 23) <= 1, "4 pixels of 4, two below the top"
    assert abs(columns[0] - 16) <= 1 and not red[14:18, 20:28].any(), "outlined, not filled"
