"""What is written as JSON comes back."""

import json

import pytest

from metaseg.files import write_json


def test_numbers_share_a_line_and_text_stays_as_it_is(tmp_path):
    value = {"T1 [ 12 ].nii": [1, 2.5, -3e-5], "note": "[ 3 ]\n[\n  4\n]", "deep": [[1, 2], [3, 4]]}
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == value
    assert "[1 2.5" not in text and "[1, 2.5, -3e-05]" in text


def test_infinity_is_refused_since_json_has_none(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"size": float("inf")})
    assert not list(tmp_path.iterdir())
