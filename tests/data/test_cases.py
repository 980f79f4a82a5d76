from pathlib import Path

import pytest

from metaseg.data.cases import cases_of_split, read_cases
from metaseg.errors import InputError
from tests.conftest import write_data_folder


def test_cases_are_read_in_order(data_folder):
    cases = read_cases(data_folder)
    assert [case.name for case in cases] == [f"case{number}" for number in range(12)]
    assert cases[0].group == "group0" and cases[0].source == "heads"
    assert {case.group for case in cases_of_split([data_folder], "test")} == {"group5"}


def test_a_folder_has_its_own_name_wherever_one_stands(data_folder, monkeypatch):
    monkeypatch.chdir(data_folder)
    assert {case.source for case in read_cases(Path("."))} == {data_folder.name}


def test_every_fault_is_listed_at_once(data_folder):
    table = data_folder / "cases.csv"
    rows = table.read_text().splitlines()
    rows[2] = rows[2].replace("images/1.png", "images/none.png")
    rows[3] = rows[3].replace("train", "test")
    rows += [rows[5], "case20,,images/1.png,,train"]
    rows[6] = rows[6].replace("train", "Train").replace("test", "Test")
    table.write_text("\n".join(rows))
    with pytest.raises(InputError) as error:
        read_cases(data_folder)
    for part in (
        "row 3: images/none.png is missing",
        "row 5: group group1 is in another split",
        "case case4 is listed 2 times, in rows 6, 14",
        "row 15: group and mask is empty",
        "row 7: the split T",
    ):
        assert part in str(error.value)


def test_a_folder_without_a_table_and_a_split_without_cases(tmp_path, data_folder):
    with pytest.raises(InputError, match=r"no cases\.csv"):
        read_cases(tmp_path)
    with pytest.raises(InputError, match='split "holdout" in heads'):
        cases_of_split([data_folder], "holdout")
    (data_folder / "cases.csv").write_text("case,image\n")
    with pytest.raises(InputError, match="lacks the columns group, mask, split"):
        read_cases(data_folder)


def test_a_table_without_a_row(data_folder):
    (data_folder / "cases.csv").write_text("case,group,image,mask,split\n")
    with pytest.raises(InputError, match="lists no case"):
        read_cases(data_folder)


def test_a_test_patient_of_one_folder_is_no_training_patient_of_another(data_folder, tmp_path):
    again = write_data_folder(tmp_path / "again")
    assert len(cases_of_split([data_folder, again], "train")) == 20
    table = again / "cases.csv"
    table.write_text(table.read_text().replace(",test", ",train"))
    for split, folders in (("train", [data_folder, again]), ("test", [again, data_folder])):
        with pytest.raises(InputError, match=r"example group5 in (test of heads|train of again)"):
            cases_of_split(folders, split)


def test_a_table_from_a_spreadsheet(data_folder):
    table = data_folder / "cases.csv"
    text = table.read_text()
    table.write_text(text, encoding="utf-8-sig")
    assert len(read_cases(data_folder)) == 12
    spaced = [line.replace(",", " , ") + " " for line in text.splitlines()]
    table.write_text("\n".join(spaced))
    assert [(case.group, case.split) for case in read_cases(data_folder)] == [
        (row.split(",")[1], row.split(",")[4]) for row in text.splitlines()[1:]
    ]
    table.write_text(text.replace("\n", ",,x\n").replace(",,x", ",note,", 1))
    assert len(read_cases(data_folder)) == 12
    table.write_bytes(text.replace("case0", "case\xe4").encode("latin-1"))
    with pytest.raises(InputError, match=r"cases\.csv cannot be read: save it as CSV in UTF-8"):
        read_cases(data_folder)


def test_a_missing_file_outside_the_folder(data_folder):
    table = data_folder / "cases.csv"
    table.write_text(table.read_text().replace("images/1.png", "/none/1.png"))
    with pytest.raises(InputError, match=r"row 3: /none/1\.png is missing"):
        read_cases(data_folder)
