import csv
import json
from pathlib import Path

import numpy as np
import pytest

from metaseg.checkpoint import save_checkpoint
from metaseg.cli.main import main
from metaseg.data.cases import read_cases
from metaseg.evaluation.benchmark import evaluate_benchmark
from metaseg.evaluation.evaluate import evaluate
from metaseg.evaluation.perturbations import evaluate_perturbed, perturbations
from metaseg.evaluation.record import read_slice_dice
from metaseg.files import write_json
from metaseg.input_check import UNLIKE, InputCheck
from metaseg.metrics import OVERLAP_NAMES
from metaseg.prediction import Prediction
from metaseg.scan import read_mask, read_scan
from metaseg.synthesis.benchmark import BenchmarkSlice, place_for_test
from tests.conftest import DRAWN, preprocessing, small_checkpoint


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
        self.notices = ()

    def predict(self, scan, name):
        truth = read_mask(self.truths[scan.name], scan)

        said = np.zeros_like(truth) if scan.name in self.blind else truth
        return Prediction(said.astype(np.float32), name, name, "0", 0.5, self.notices)


def test_perfect_masks_score_one_and_a_missed_lesion_zero(data_folder):
    cases = read_cases(data_folder)
    perfect = evaluate(Oracle(cases), cases)["oracle"]
    assert perfect["cases"] == 12 and perfect["groups"] == 6 and perfect["empty_cases"] == 4
    assert all(perfect[name] == {"mean": 1, "low": 1, "high": 1} for name in OVERLAP_NAMES)
    assert perfect["group_dice"] == perfect["pooled_dice"] == 1
    assert perfect["empty_false_positive_rate"] == 0
    assert perfect["lesion_wise"]["sensitivity"] == perfect["lesion_wise"]["f1"] == 1
    assert perfect["hd95"]["mean"] == 0 and perfect["surface_dice"]["mean"] == 1
    assert perfect["precision_recall"]["average_precision"] == 1
    assert all(point["sensitivity"] == 1 for point in perfect["froc"])
    assert perfect["cost"]["seconds_per_slice"] == 0.5 and perfect["cost"]["gflop"] > 0
    missed = evaluate(Oracle(cases, blind={"0"}), cases)["oracle"]
    assert missed["dice"]["mean"] == pytest.approx(7 / 8)
    assert missed["recall"]["low"] < 7 / 8 and missed["pooled_dice"] < 1


def test_command_writes_metrics(data_folder, checkpoint_folders, tmp_path, capsys):
    options = [part for folder in checkpoint_folders for part in ("--model", folder)]
    output = tmp_path / "out"
    arguments = ["evaluate", str(data_folder), "--split", "test", *options, "--output", str(output)]
    assert main(arguments) == 0
    metrics = json.loads((output / "metrics.json").read_text())
    with (output / "case_dice.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["case"] for row in rows] == ["case10", "case11"] * 2
    assert rows[0]["model"] == "attention_unet" and rows[0]["slices"] == "1"
    assert list(metrics) == ["attention_unet", "nested_unet"]
    for entry in metrics.values():
        assert entry["data"] == "heads" and entry["split"] == "test"
        assert (entry["cases"], entry["groups"], entry["empty_cases"]) == (2, 1, 1)
        assert set(entry["dice"]) == {"mean", "low", "high"} and entry["dice"]["low"] is None
        assert entry["brats_lesion_dice"]["mean"] is None and entry["lesion_wise"]["lesions"] == 1
        assert entry["challenge"]["dice"]["mean"] is None  # of volumes alone
        assert len(entry["differences"]) == 1 and entry["cost"]["parameters"] > 1000
        assert {"slices", "ece_before", "ece"} < set(entry["calibration"])
        assert {"group_dice", "pooled_dice", "empty_false_positive_rate"} <= set(entry)
    assert "mean Dice" in capsys.readouterr().out


def test_figures_are_recorded_in_the_folder_of_each_model(
    data_folder, checkpoint_folders, tmp_path, capsys
):
    models = [part for folder in checkpoint_folders for part in ("--model", folder)]
    options = [*models, "--record", "--output", str(tmp_path / "out")]
    assert main(["evaluate", str(data_folder), *options]) == 0
    other = data_folder.rename(tmp_path / "others")
    assert main(["evaluate", str(other), *options]) == 0
    for folder in map(Path, checkpoint_folders):
        metrics = json.loads((folder / "metrics.json").read_text())
        assert set(metrics) == {"heads", "others"} and metrics["heads"]["cases"] == 2
        rows = read_slice_dice(folder)
        assert [(row["data"], row["case"]) for row in rows] == [
            ("heads", "case10"), ("heads", "case11"), ("others", "case10"), ("others", "case11"),
        ]  # fmt: skip
        assert (
            rows[0]["group"] == "group5"
            and rows[0]["slice"] == "0"
            and int(rows[0]["lesion_pixels"]) > 50
        )
        assert rows[1]["lesion_pixels"] == "0" and "others" in (folder / "README.md").read_text()
    # Results of other slices are no results of these.
    metrics["others"] |= {"cases": 3, "stress": {}}
    write_json(folder / "metrics.json", metrics)
    assert main(["evaluate", str(other), *options]) == 0
    assert "stress" not in json.loads((folder / "metrics.json").read_text())["others"]
    capsys.readouterr()
    twice = [*models[:2], *models[:2], "--output", str(tmp_path / "out")]
    assert main(["evaluate", str(other), *twice]) == 2
    assert "same name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["evaluate", "DATA", "--split", "nowhere", "--output", "OUT"], 'split "nowhere"'),
        (
            ["evaluate", "DATA", "--split", "train", "--record", "--output", "OUT"],
            "metrics of the test split",
        ),
        (["evaluate", "OUT", "--output", "OUT"], "There is no data folder out"),
        (["evaluate", "DATA", "--model", "other", "--output", "OUT"], 'no model "other"'),
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
    case = Case("v", "g", tmp_path / "v.nii.gz", tmp_path / "m.nii.gz", "test", "volumes", DRAWN)
    assert read_scan(case.image).voxels.shape == mask.shape
    result = evaluate(small_segmenter, [case])["unet"]
    assert (result["cases"], result["groups"], result["empty_cases"]) == (3, 1, 1)
    assert 0 <= result["brats_lesion_dice"]["mean"] <= 1
    rows = result["slice_rows"]
    assert [(row["case"], row["slice"]) for row in rows] == [("v", 0), ("v", 1), ("v", 2)]
    assert [row["lesion_pixels"] for row in rows] == mask.sum(axis=(1, 2)).tolist()


def test_perturbed_copies_and_the_benchmark_slices(small_segmenter, data_folder):
    from tests.phantom import head_slice

    cases = read_cases(data_folder)[:2]
    measured = evaluate_perturbed(small_segmenter, cases)["nested_unet"]
    assert set(measured) == set(perturbations(preprocessing()))
    assert measured["dark"]["slices"] == 2 and measured["quarter_turn"]["slices"] == 2
    for kind in measured.values():
        if kind["slices"]:
            drop = kind["unperturbed"] - kind["dice"]
            assert kind["drop"]["mean"] == pytest.approx(drop)
    grey = head_slice(200)
    own = np.zeros(grey.shape, bool)
    made = place_for_test(grey, own, False, [6.0, 12.0], np.random.default_rng(0), 0.49)
    item = BenchmarkSlice("1", "a", made[0], made[1], own, made[2])
    result = evaluate_benchmark(small_segmenter, [item, item])["unet"]
    assert result["slices"] == 2 and result["lesions"] == 2 * len(made[2])
    sizes = result["sensitivity_by_size"]
    assert sum(entry["lesions"] for entry in sizes.values()) == result["lesions"]
    assert len(result["fingerprint"]) == 12


def test_the_benchmark_needs_enhancing_slices_of_known_size(data_folder, tmp_path, capsys):
    options = ["--stress", "--output", str(tmp_path / "out")]
    assert main(["evaluate", str(data_folder), *options]) == 2
    assert "add pixel_mm to the dataset.toml of heads" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_perturbations_keep_slice_and_mask_together():
    from tests.conftest import draw_head

    grey, mask = draw_head((200, 180))
    for kind, change in perturbations(preprocessing()).items():
        changed = change(grey, mask)
        if changed is None:
            assert kind in ("skull_removed", "tight_view")
            continue
        levels, moved = changed
        assert levels.dtype == np.uint8 and moved.dtype == bool and levels.shape == moved.shape
        assert moved.sum() == pytest.approx(mask.sum(), rel=0.1)
        # The drawn lesion is the brightest thing in the head, wherever it went.
        assert levels[moved].mean() > np.percentile(levels[~moved & (levels < 230)], 75), kind


def test_an_evaluation_counts_the_scans_that_pass_the_input_check(data_folder):
    cases = read_cases(data_folder)
    oracle = Oracle(cases)
    assert evaluate(oracle, cases)["oracle"]["input_check"] is None
    check = InputCheck((1.0,), 1.0)
    oracle.checkpoints = {"oracle": small_checkpoint("unet", input_check=check)}
    assert evaluate(oracle, cases)["oracle"]["input_check"] == 1
    oracle.notices = (UNLIKE,)
    assert evaluate(oracle, cases)["oracle"]["input_check"] == 0


def test_an_evaluation_has_both_operating_points(data_folder):
    cases = read_cases(data_folder)
    oracle = Oracle(cases)
    assert list(evaluate(oracle, cases)["oracle"]["operating_points"]) == ["threshold"]
    oracle.checkpoints = {"oracle": small_checkpoint("unet", sensitive_threshold=0.2)}
    points = evaluate(oracle, cases)["oracle"]["operating_points"]
    perfect = {"sensitivity": 1.0, "false_positives_per_slice": 0.0}
    assert points == {
        "threshold": {"threshold": 0.5, **perfect},
        "sensitive_threshold": {"threshold": 0.2, **perfect},
    }
