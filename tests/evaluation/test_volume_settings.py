"""The choice of the settings for volumes, on volumes whose best settings are known."""

from pathlib import Path

import numpy as np
import pytest

from metaseg.checkpoint import load_checkpoint, save_checkpoint
from metaseg.cli.calibrate import _parts
from metaseg.cli.main import main
from metaseg.data.cases import read_cases
from metaseg.data.dataset import write_dataset
from metaseg.errors import InputError
from metaseg.evaluation import volume_settings
from metaseg.evaluation.evaluate import evaluate
from metaseg.evaluation.volume_settings import GROWTHS, NONE, SMALLEST, choose_volume_settings
from metaseg.prediction import Prediction, VolumeSettings
from metaseg.scan import read_mask
from metaseg.segmenter import Segmenter
from tests.conftest import DRAWN, draw_head, small_checkpoint
from tests.volumes import affine_of, save


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three training patients, a volume of 30 slices of 1 mm each; the last has no lesion."""
    folder, rows = tmp_path / "volumes", ["case,group,image,mask,split"]
    for number in range(3):
        grey, mask = draw_head((48, 44), seed=number)
        voxels = np.stack([grey] * 30)
        truth = np.stack([mask & (10 <= index < 20) & (number < 2) for index in range(30)])
        for name, array in (("image", voxels), ("mask", truth.astype(np.uint8))):
            affine = affine_of(("L", "P", "S"), (1.0, 1.0, 1.0))
            save(folder / f"{name}{number}.nii.gz", array.transpose(2, 1, 0), affine)
        rows.append(f"v{number},p{number},image{number}.nii.gz,mask{number}.nii.gz,train")
    write_dataset(folder, DRAWN)
    (folder / "cases.csv").write_text("\n".join(rows) + "\n")
    return folder


class Timid:
    """Finds the middle of each lesion and doubts the rest; sees an alarm of 4 mm3 as well. In three
    planes it sees the same, at a higher price."""

    def __init__(self, cases, checkpoints):
        self.truths = {case.name: case.mask for case in cases}

    def predict(self, scan, name):
        truth = read_mask(self.truths[f"v{scan.name[-1]}"], scan)
        probability = np.where(truth, 0.3, 0.0).astype(np.float32)
        probability[13:16][truth[13:16]] = 0.9
        probability[2, 2, 2:6] = 0.9
        return Prediction(probability, name, name, "0", 1.5 if name == "True" else 1.0, (), NONE, 1)


def test_what_wins_is_chosen_and_nothing_that_does_not(folder, monkeypatch):
    cases = read_cases(folder)
    monkeypatch.setattr(volume_settings, "Segmenter", lambda made: Timid(cases, made))
    checkpoint = small_checkpoint("unet", threshold=0.5)
    best, tried = choose_volume_settings(checkpoint, [cases])
    assert best.settings == VolumeSettings(all_planes=False, growth=0.5, smallest_mm3=5.0)
    assert best.dice == best.lesion_dice == best.score == 1 and best.seconds == 1
    assert len(tried) == 2 * len(GROWTHS) * len(SMALLEST) and tried[0].settings == NONE
    assert tried[0].dice < 0.5 and tried[0].lesion_dice < 0.25
    with pytest.raises(InputError, match="volume with a lesion"):
        choose_volume_settings(checkpoint, [cases[2:]])


def test_parts_weigh_the_same(folder, monkeypatch):
    cases = read_cases(folder)
    monkeypatch.setattr(volume_settings, "Segmenter", lambda made: Timid(cases, made))
    checkpoint = small_checkpoint("unet", threshold=0.5)
    first, second = (choose_volume_settings(checkpoint, [[case]])[1][0] for case in cases[:2])
    assert first.dice != second.dice
    both = choose_volume_settings(checkpoint, [[cases[0]], [cases[1], cases[1]], []])[1][0]
    assert both.dice == pytest.approx((first.dice + second.dice) / 2)


def test_where_no_lesion_is_large_enough_for_the_challenge_the_volume_decides(folder, monkeypatch):
    cases = read_cases(folder)
    monkeypatch.setattr(volume_settings, "Segmenter", lambda made: Timid(cases, made))
    monkeypatch.setattr("metaseg.evaluation.challenge.LARGE_MM3", 1e9)
    best, tried = choose_volume_settings(small_checkpoint("unet", threshold=0.5), [cases])
    assert best.settings.growth < 1 and all(one.lesion_dice == one.dice for one in tried)


def test_patients_that_training_held_out_are_a_part_of_their_own(folder):
    cases = read_cases(folder)
    record = {"data": [{"name": "volumes"}], "config": {"validation_share": 0.34}}
    learned = small_checkpoint("unet", training=record)
    training, validation = _parts(learned, cases)
    assert len(training) == 2 and len(validation) == 1
    assert _parts(small_checkpoint("unet"), cases) == [cases]


@pytest.mark.slow
def test_the_command_stores_what_it_chose_and_an_evaluation_agrees(folder, tmp_path, capsys):
    """Of a network that marks everything or nothing, where no setting can win."""
    made = small_checkpoint("unet", threshold=0.5)
    home = tmp_path / "unet"
    save_checkpoint(home, made.config, made.network.state_dict())
    assert main(["calibrate", str(home), "--volumes", str(folder)]) == 0
    config = load_checkpoint(home).config
    record = config.training["volume_settings"]
    table = capsys.readouterr().out
    assert table.count("\n") == 2 + 30 and table.count("(chosen)") == 1
    assert record["with"]["dice"] >= record["without"]["dice"] - 0.02 and record["cases"] == 3
    cases = read_cases(folder)[:2]
    measured = evaluate(Segmenter([load_checkpoint(home)]), cases)["unet"]
    assert measured["group_dice"] == pytest.approx(record["with"]["dice"], abs=1e-6)
    assert measured["challenge"]["dice"]["mean"] == pytest.approx(record["with"]["lesion_dice"])
    assert (home / "README.md").is_file()


def test_nothing_to_calibrate_on_is_a_sentence(tmp_path, capsys):
    assert main(["calibrate", str(tmp_path)]) == 2
    assert "nothing to calibrate on" in capsys.readouterr().err
