"""The sheet of synthetic beside real lesions is written from a small data folder of phantoms."""

from pathlib import Path

import cv2
import numpy as np

from metaseg.data.dataset import write_dataset
from tests.conftest import DRAWN
from tests.phantom import head_slice
from tools.synthetic_sheet import main


def make_folder(folder: Path) -> Path:
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
    write_dataset(folder, DRAWN)
    (folder / "cases.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_synthetic_and_real_side_by_side(tmp_path: Path) -> None:
    folder, sheet = make_folder(tmp_path / "phantoms"), tmp_path / "sheet.png"
    options = ["--data", str(folder), "--real", str(folder), "--output", str(sheet)]
    assert main([*options, "--slices", "2"]) == 0
    assert cv2.imread(str(sheet)).shape == (2 * 256, 4 * 256, 3)


def test_a_folder_that_cannot_be_written_to_is_one_sentence(tmp_path: Path, capsys) -> None:
    folder = make_folder(tmp_path / "phantoms")
    options = ["--data", str(folder), "--output", str(tmp_path / "nowhere" / "sheet.png")]
    assert main([*options, "--slices", "1"]) == 2
    assert "cannot be written" in capsys.readouterr().err
