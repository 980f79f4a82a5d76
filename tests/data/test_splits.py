"""The lists that define the split of the published slices."""

import csv
import os
from pathlib import Path

import pytest

from metaseg.data.splits import read_split


@pytest.mark.parametrize(
    ("name", "cases", "groups", "test"),
    [("t1ce_slices", 2644, 54, 540), ("flair_slices", 3623, 100, 744)],
)
def test_the_lists_of_the_split(name: str, cases: int, groups: int, test: int):
    listed = read_split(name)
    assert (len(listed), len({one.group for one in listed})) == (cases, groups)
    assert sum(one.split == "test" for one in listed) == test
    splits = {(one.group, one.split) for one in listed}
    assert len(splits) == groups  # no group on both sides
    assert (
        len({(one.group if name == "flair_slices" else "", one.number) for one in listed}) == cases
    )


@pytest.mark.parametrize("name", ["t1ce_slices", "flair_slices"])
def test_the_lists_are_those_of_the_data_folder(name: str):
    table = Path(os.environ.get("METASEG_DATA", "")) / name / "cases.csv"
    if "METASEG_DATA" not in os.environ or not table.is_file():
        pytest.skip(f"METASEG_DATA does not name a folder that holds {name}")
    rows = list(csv.DictReader(table.open()))
    ours = {
        (row["group"], int(row.get("slice") or row["case"]), row["split"], row.get("plane", ""))
        for row in rows
    }
    assert ours == {(one.group, one.number, one.split, one.plane) for one in read_split(name)}
