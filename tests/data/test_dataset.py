"""The description of a data folder: every fault at once, each with the line to write."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaseg.cli.main import main
from metaseg.data.case import read_case
from metaseg.data.cases import cases_of_split, read_cases
from metaseg.data.dataset import MODALITIES, Dataset, parse_dataset, read_dataset, write_dataset
from metaseg.data.layouts import LAYOUTS, read_published
from metaseg.data.record import changed_since, demanding_license, describe_data, learned_from
from metaseg.errors import InputError
from tests.conftest import DRAWN
from tests.volumes import affine_of, save

texts = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), min_size=1)


@given(
    st.builds(
        Dataset,
        title=texts,
        modality=st.sampled_from(MODALITIES),
        target=texts,
        skull_stripped=st.sampled_from([None, False, True]),
        pixel_mm=st.none() | st.floats(0.001, 10),
        header_spacing_is_wrong=st.booleans(),
        groups=texts,
        license=texts,
        citation=st.just("") | texts,
    )
)
def test_what_is_written_is_read_again(tmp_path_factory, dataset: Dataset):
    folder = tmp_path_factory.mktemp("data")
    write_dataset(folder, dataset)
    assert read_dataset(folder) == dataset


def test_every_fault_is_a_sentence_with_the_line_to_write():
    text = 'title = ""\nmodality = "T1ce"\npixel_mm = 0\nskull_stripped = "no"\npixelmm = 1\n'
    with pytest.raises(InputError) as error:
        parse_dataset(text, "mine/dataset.toml")
    lines = str(error.value).splitlines()
    assert len(lines) == 8
    assert all(line.startswith("mine/dataset.toml ") and line.endswith(".") for line in lines)
    for said in (
        'cannot have modality = "T1ce": write modality = "t1ce" (or "t1", "t2", "flair").',
        "cannot have pixel_mm = 0: write pixel_mm = 0.49",
        'cannot have skull_stripped = "no": write skull_stripped = false (or true).',
        'cannot have title = ""',
        "has an unknown line pixelmm: remove it, or correct its name",
        'lacks target: add the line target = "enhancing tumour".',
        'lacks groups: add the line groups = "patients".',
        'lacks license: add the line license = "CC-BY-4.0".',
    ):
        assert said in str(error.value), said


@pytest.mark.parametrize("value", ["nan", "inf", "-0.5", "490", '"0.49"', "true"])
def test_a_pixel_has_a_size(value: str, tmp_path: Path):
    write_dataset(tmp_path, DRAWN)
    text = (tmp_path / "dataset.toml").read_text() + f"pixel_mm = {value}\n"
    with pytest.raises(InputError, match="cannot have pixel_mm"):
        parse_dataset(text, "dataset.toml")


def test_what_is_no_toml(tmp_path: Path):
    (tmp_path / "dataset.toml").write_text("title = contrast")
    with pytest.raises(InputError, match=r"is not valid TOML: .*line 1"):
        read_dataset(tmp_path)
    (tmp_path / "dataset.toml").write_bytes(b"title = '\xff'")
    with pytest.raises(InputError, match="cannot be read: save it as UTF-8"):
        read_dataset(tmp_path)


def test_a_folder_without_a_description_says_which_lines_to_write(data_folder: Path, capsys):
    (data_folder / "dataset.toml").unlink()
    table = (data_folder / "cases.csv").read_text()
    (data_folder / "cases.csv").write_text(table.replace("images/1.png", "images/none.png"))
    with pytest.raises(InputError) as error:
        read_cases(data_folder)
    for part in ("heads has no dataset.toml: use --modality", '\n    modality = "t1ce" (or "t1"'):
        assert part in str(error.value)
    assert "images/none.png is missing" in str(error.value)  # all faults at once
    (data_folder / "cases.csv").write_text(table)
    dataset = read_cases(data_folder, modality="t2")[0].dataset
    assert (dataset.modality, dataset.title, dataset.license) == ("t2", "heads", "not stated")
    with pytest.raises(InputError, match="no modality ct: choose one of t1ce, t1, t2, flair"):
        read_cases(data_folder, modality="ct")
    assert main(["data", "check", str(data_folder)]) == 2
    assert "no dataset.toml" in capsys.readouterr().err
    assert main(["data", "check", str(data_folder), "--modality", "flair"]) == 0
    assert "modality: flair; skull: not stated" in capsys.readouterr().out


def test_a_name_says_nothing(data_folder: Path):
    misleading = data_folder.rename(data_folder.with_name("flair_slices"))
    assert {case.dataset.modality for case in read_cases(misleading)} == {"t1ce"}


def test_the_description_wins_over_the_option(data_folder: Path):
    assert read_cases(data_folder, modality="flair")[0].dataset == DRAWN


def test_two_folders_of_one_name_are_told_apart(data_folder: Path):
    with pytest.raises(InputError, match="Two data folders have the name heads"):
        cases_of_split([data_folder, data_folder], "train")


def test_wrong_spacing_is_ignored(tmp_path: Path, data_folder: Path):
    for name, depth in (("slice", 1), ("volume", 3)):
        voxels = np.ones((20, 24, depth), np.float32)
        affine = affine_of("LPS", (1.5, 1.5, 5.0))
        save(tmp_path / f"{name}.nii.gz", voxels, affine)
        save(tmp_path / f"{name}_mask.nii.gz", voxels.astype(np.uint8), affine)

    def spacing(name: str, **changes: object) -> tuple | None:
        dataset = DRAWN.model_copy(update=changes)
        files = {"image": tmp_path / f"{name}.nii.gz", "mask": tmp_path / f"{name}_mask.nii.gz"}
        case = read_cases(data_folder)[0]
        return read_case(replace(case, **files, dataset=dataset))[0].spacing

    assert spacing("volume") == (5.0, 1.5, 1.5)
    assert spacing("volume", header_spacing_is_wrong=True) is None
    assert spacing("volume", header_spacing_is_wrong=True, pixel_mm=0.5) is None
    assert spacing("slice", header_spacing_is_wrong=True, pixel_mm=0.5) == (1.0, 0.5, 0.5)


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "nnunet"] + ["figshare"])
def test_published_data_are_described(name: str):
    assert read_published(name).modality == ("flair" if name == "kaggle-lgg" else "t1ce")


@pytest.mark.parametrize(
    ("licenses", "expected"),
    [
        (["CC-BY-4.0", "CC BY-NC-SA 4.0"], "cc-by-nc-sa-4.0"),
        (["CC-BY-4.0", "cc-by-3.0"], "cc-by-4.0"),
        (["CC-BY-SA-4.0", "CC-BY-NC-4.0"], "cc-by-nc-sa-4.0"),
        (["CC-BY-4.0", "CC0-1.0"], "cc-by-4.0"),
        (["CC0-1.0"], "cc0-1.0"),
        (["research use; no redistribution of the images", "CC-BY-4.0"], "other"),
        (["CC-BY-NC-SA-4.0", "not stated"], "other"),
        (["CC-BY-ND-4.0"], "other"),
        (["other", "cc-by-4.0"], "other"),
        ([], "other"),
    ],
)
def test_the_licence_that_asks_most_holds(licenses: list[str], expected: str):
    assert demanding_license(licenses) == expected


def test_other_cases_than_those_of_the_record_are_noticed(data_folder: Path):
    cases = cases_of_split([data_folder], "train")
    record = {"data": describe_data(cases[:6], cases[6:])}
    assert not changed_since(record, cases[:6], cases[6:])
    assert changed_since(record, cases[:5], cases[5:]) == ["heads"]
    assert changed_since(record, [*cases[1:6], cases[6]], [cases[0], *cases[7:]]) == ["heads"]
    # So are those of the training before.
    later = {"data": describe_data(cases[:5], cases[5:]), "started_from": record}
    assert changed_since(later, cases[:5], cases[5:]) == ["heads"]
    for part in ("training", "validation"):
        del record["data"][0][part]["names"]  # as in older records
    assert not changed_since(record, cases[4:], cases[:4])


def test_the_record_holds_the_descriptions(data_folder: Path):
    cases = cases_of_split([data_folder], "train")
    record = {"data": describe_data(cases[:6], cases[6:])}
    counted = record["data"][0]["training"]
    assert (counted["cases"], counted["groups"]) == (6, 3)
    assert record["data"][0]["validation"]["cases"] == 4
    assert learned_from(record) == {"heads": DRAWN}
    for damaged in ([{"name": "a"}], ["a"], [{**record["data"][0], "modality": "ct"}]):
        with pytest.raises(InputError, match="training data in the config"):
            learned_from({"data": damaged})
