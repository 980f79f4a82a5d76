import json

import numpy as np
import pytest

from metaseg.__main__ import main
from metaseg.checkpoint import save_checkpoint
from metaseg.data.cases import read_cases
from metaseg.evaluation import evaluate
from metaseg.metrics import OVERLAP_NAMES
from metaseg.scan import read_mask, read_scan
from tests.conftest import small_checkpoint


@pytest.fixture
def checkpoint_folders(tmp_path):
    folders = []
    for name in ("attention_unet", "nested_unet"):
        checkpoint = small_checkpoint(name)
        save_checkpoint(tmp_path / name, checkpoint.config, checkpoint.network.state_dict())
        folders.append(str(tmp_path / name))
    return folders


class Oracle:
    """Stands where the Segmenter stands and answers with the truth, but for what it is told."""

    def __init__(self, cases, blind=()):
        self.checkpoints = {"oracle": small_checkpoint("unet")}
        self.truths = {case.image.stem: case.mask for case in cases}
        self.blind = blind

    def predict(self, scan, name):
        truth = read_mask(self.truths[scan.name], scan)

        class Answer:
            @staticmethod
            def mask(threshold):
                return np.zeros_like(truth) if scan.name in self.blind else truth

        return Answer


def test_perfect_masks_score_one_and_a_missed_lesion_zero(data_folder):
    cases = read_cases(data_folder)
    perfect = evaluate(Oracle(cases), cases)["oracle"]
    assert perfect["cases"] == 12 and perfect["groups"] == 6 and perfect["empty_cases"] == 4
    assert all(perfect[name] == {"mean": 1, "low": 1, "high": 1} for name in OVERLAP_NAMES)
    assert perfect["group_dice"] == perfect["pooled_dice"] == 1
    assert perfect["empty_false_positive_rate"] == 0
    missed = evaluate(Oracle(cases, blind={"0"}), cases)["oracle"]
    assert missed["dice"]["mean"] == pytest.approx(7 / 8)
    assert missed["recall"]["low"] < 7 / 8 and missed["pooled_dice"] < 1


def test_command_writes_metrics(data_folder, checkpoint_folders, tmp_path, capsys):
    options = [part for folder in checkpoint_folders for part in ("--model", folder)]
    output = tmp_path / "out"
    arguments = ["evaluate", str(data_folder), "--split", "test", *options, "--output", str(output)]
    assert main(arguments) == 0
    metrics = json.loads((output / "metrics.json").read_text())
    assert list(metrics) == ["attention_unet", "nested_unet"]
    for entry in metrics.values():
        assert entry["data"] == "heads" and entry["split"] == "test"
        assert (entry["cases"], entry["groups"], entry["empty_cases"]) == (2, 1, 1)
        assert set(entry["dice"]) == {"mean", "low", "high"} and entry["dice"]["low"] is None
        assert {"group_dice", "pooled_dice", "empty_false_positive_rate"} <= set(entry)
    assert "mean Dice" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["evaluate", "DATA", "--split", "nowhere", "--output", "OUT"], "split «nowhere»"),
        (["evaluate", "OUT", "--output", "OUT"], "no cases.csv"),
        (["evaluate", "DATA", "--model", "other", "--output", "OUT"], "no model «other»"),
    ],
)
def test_bad_arguments_are_a_sentence_and_two(data_folder, tmp_path, capsys, arguments, sentence):
    places = {"DATA": str(data_folder), "OUT": str(tmp_path / "out")}
    assert main([places.get(part, part) for part in arguments]) == 2
    printed = capsys.readouterr().err
    assert sentence in printed and "Traceback" not in printed


def test_volumes_count_slice_by_slice(tmp_path, small_segmenter):
    from metaseg.data.cases import Case
    from metaseg.scan.nifti import write_nifti
    from metaseg.scan.types import Scan
    from tests.conftest import draw_head

    heads = [draw_head(seed=number) for number in range(3)]
    volume = Scan(np.stack([grey for grey, _ in heads]).astype(np.float32), "v")
    mask = np.stack([mask for _, mask in heads])
    mask[1] = False
    write_nifti(tmp_path / "v.nii.gz", volume.voxels, volume)
    write_nifti(tmp_path / "m.nii.gz", mask.astype(np.uint8), volume)
    case = Case("v", "g", tmp_path / "v.nii.gz", tmp_path / "m.nii.gz", "test", "volumes")
    assert read_scan(case.image).voxels.shape == mask.shape
    result = evaluate(small_segmenter, [case])["unet"]
    assert (result["cases"], result["groups"], result["empty_cases"]) == (3, 1, 1)
