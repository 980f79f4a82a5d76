"""The sheet of synthetic beside real lesions is written from a small data folder of phantoms."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from metaseg.data.dataset import write_dataset
from tests.conftest import DRAWN
from tests.phantom import head_slice
from tools.synthetic_sheet import RED, TILE, main


def make_folder(folder: Path, pixel_mm: float | None = 1.0) -> Path:
    """A data folder with four training slices and two test slices, each with a bright tumour."""
    folder.mkdir()
    rows = ["case,group,image,mask,split"]
    for number in range(6):
        grey, mask = head_slice(160, seed=number), np.zeros((160, 160), np.uint8)
        cv2.circle(mask, (95, 65 + 3 * number), 8, 255, cv2.FILLED)
        grey[mask > 0] = 215
        cv2.imwrite(str(folder / f"{number}.png"), grey)
        cv2.imwrite(str(folder / f"{number}_mask.png"), mask)
        split = "train" if number < 4 else "test"
        rows.append(f"{number},p{number},{number}.png,{number}_mask.png,{split}")
    write_dataset(folder, DRAWN.model_copy(update={"pixel_mm": pixel_mm}))
    (folder / "cases.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def few_sizes(monkeypatch):
    monkeypatch.setattr("tools.synthetic_sheet.SIZES", (6, 14))


def test_three_kinds_side_by_side(tmp_path: Path, capsys) -> None:
    folder, sheet = make_folder(tmp_path / "phantoms"), tmp_path / "sheet.png"
    options = ["--data", str(folder), "--real", str(folder), "--output", str(sheet)]
    assert main([*options, "--columns", "2"]) == 0
    plain = cv2.imread(str(sheet))
    head, gap = 24, 12
    assert plain.shape == (head + 2 * TILE, 3 * 2 * TILE + 2 * gap, 3)
    assert "drawn, donated, real" in capsys.readouterr().out
    # No real lesion measures 6 mm: the first row of its block stays empty.
    real = plain[head:, 2 * (2 * TILE + gap) :]
    assert not real[:TILE].any() and real[TILE:, :TILE].any()
    assert main([*options, "--columns", "2", "--outlines"]) == 0
    outlined = cv2.imread(str(sheet))
    red = (outlined == RED).all(axis=2) & ~(plain == RED).all(axis=2)
    for kind in range(3):
        left = kind * (2 * TILE + gap)
        tile = red[head + TILE : head + 2 * TILE, left : left + TILE]
        middle = tile[TILE // 4 : -TILE // 4, TILE // 4 : -TILE // 4]
        assert 20 < middle.sum() < 600 and not red[:head].any()


def test_bad_input_is_one_sentence(tmp_path: Path, capsys) -> None:
    folder = make_folder(tmp_path / "phantoms")
    options = ["--data", str(folder), "--real", str(folder), "--columns", "1"]
    assert main([*options, "--output", str(tmp_path / "nowhere" / "sheet.png")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    other = make_folder(tmp_path / "unknown", pixel_mm=None)
    options = ["--data", str(other), "--real", str(folder), "--output", str(tmp_path / "a.png")]
    assert main(options) == 2
    assert "known pixel size" in capsys.readouterr().err
