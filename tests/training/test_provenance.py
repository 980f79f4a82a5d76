"""Where weights come from stands in their record."""

import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from metaseg.checkpoint import load_checkpoint
from metaseg.data.cases import read_cases
from metaseg.training.provenance import describe_provenance, fingerprint
from metaseg.training.train import train
from metaseg.version import __version__, git_commit
from tests.conftest import preprocessing
from tests.training.tiny import TINY


def test_a_training_records_where_its_weights_come_from(data_folder, tmp_path, monkeypatch):
    typed = ["train.py", "--data", str(data_folder), "--recipe", "recipes/tiny one.yaml"]
    monkeypatch.setattr(sys, "argv", typed)
    config = replace(TINY, epochs=1)
    train(["unet"], [data_folder], tmp_path / "run", config, recipe="tiny one")
    checkpoint = load_checkpoint(tmp_path / "run/unet").config
    record = checkpoint.training["provenance"]
    assert (record["metaseg"], record["commit"]) == (__version__, git_commit())
    assert record["packages"]["torch"].startswith("2.") and "python" in record["packages"]
    assert record["recipe"] == "tiny one"
    assert record["command"] == "train.py --data heads --recipe 'tiny one.yaml'"
    assert record["preprocessing"]["version"] == checkpoint.preprocessing.version
    assert tuple(record["preprocessing"]["channels"]) == config.channels
    assert record["machine"]["cpu"] and record["machine"]["cores"] >= 1
    assert len(record["data"]) == 16
    card = (tmp_path / "run/unet/README.md").read_text()
    assert f"- metaseg: {__version__}" in card and str(tmp_path) not in card


def test_the_fingerprint_changes_with_what_was_learned_from(data_folder):
    cases = [case for case in read_cases(data_folder) if case.split == "train"]
    parts = {"training": cases[:8], "validation": cases[8:]}
    own = fingerprint(parts)
    moved = [replace(case, row=case.row + 1, dataset=case.dataset) for case in cases[:8]][::-1]
    assert fingerprint({"validation": cases[8:], "training": moved}) == own
    others = (
        {"training": cases[:7], "validation": cases[8:]},
        {"training": cases[:9], "validation": cases[9:]},
        {"training": [replace(cases[0], group="x"), *cases[1:8]], "validation": cases[8:]},
        {"training": [replace(cases[0], name="x"), *cases[1:8]], "validation": cases[8:]},
    )
    marks = [fingerprint(other) for other in others]
    with Path(cases[3].mask).open("ab") as file:
        file.write(b"0")
    marks.append(fingerprint(parts))
    assert len({own, *marks}) == 6


@pytest.mark.skipif(os.sep != "/", reason="made for POSIX paths")
def test_no_folder_of_the_machine_is_recorded(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/home/someone/train.py", "--data", "../secret/set", "--x=1"])
    record = describe_provenance(None, [], [], preprocessing())
    assert record["command"] == "train.py --data set --x=1" and record["recipe"] is None
    more = ["--output=/home/someone/run", "--push-to-hub", "me/x", "--push-to-hub=me/y"]
    monkeypatch.setattr(sys, "argv", ["train.py", *more])
    record = describe_provenance(None, [], [], preprocessing())
    assert record["command"] == "train.py --output=run --push-to-hub me/x --push-to-hub=me/y"
    assert record["preprocessing"] == asdict(preprocessing())
