"""The report says what the files say, and docs/report.md is what the committed files make."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from metaseg.checkpoint import load_checkpoint, read_config, save_checkpoint, write_config
from metaseg.cli.main import main as metaseg
from tests.conftest import small_checkpoint, write_data_folder
from tests.measured import write_network
from tools.report.__main__ import main
from tools.report.networks import mean_difference, read_networks
from tools.report.slices import rank_slices
from tools.report.tables import to_markdown

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    """Measured networks."""
    root = tmp_path_factory.mktemp("measured")
    for name, shift in (("attention_unet", 0.1), ("nested_unet", 0.05)):
        write_network(root / "checkpoints" / name, name, shift)
    return root


@pytest.fixture(scope="module")
def report(folders) -> Path:
    return make(folders / "checkpoints", folders / "docs")


def make(checkpoints: Path, output: Path, *more: str) -> Path:
    assert main(["--checkpoints", str(checkpoints), "--output", str(output), *more]) == 0
    return output / "report.md"


def section(report: Path, title: str) -> str:
    """The text under a heading, its tables without the spaces that align them."""
    text = report.read_text().split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    return re.sub(r" +", " ", text)


def test_tables_hold_the_recorded_metrics(report):
    overlap = section(report, "Overlap")
    row = "| `t1ce_slices` | Attention U-Net | 0.700 (0.600 to 0.800) | 0.700 | 0.700 | 0.250 |"
    assert row in overlap and "| Nested U-Net | 0.650 (0.550 to 0.750) |" in overlap
    assert "| 0.700 (0.600 to 0.800) | 12.5 |" in overlap
    # The slices of the two differ by 0.05 everywhere, so the interval has no width.
    pair = "| Attention U-Net minus Nested U-Net | `t1ce_slices` | +0.050 (+0.050 to +0.050) * |"
    assert pair in overlap
    lesions = section(report, "Lesions found and missed")
    assert "| Attention U-Net | 8 | 0.750 | 0.500 | 0.700 |" in lesions
    assert "| Attention U-Net | 0.500 | 0.750 | 0.250 | 0.200 | 0.800 | 0.500 |" in lesions
    volumes = section(report, "Whole volumes")
    interval = "0.700 (0.600 to 0.800)"
    assert f"| Attention U-Net | 0.321 | {interval} | {interval} | – |" in volumes
    assert "Nested U-Net: each slice of a volume is judged alone." in volumes
    assert "| `t1ce_slices` | 5-10 | 8 | 0.750 | 0.750 |" in lesions and "0-5" not in lesions
    assert "| Attention U-Net | 0.975 |" in section(report, "Input check")
    assert "| 1.50 | 0.0400 | 0.0200 |" in section(report, "Calibration")
    dark = "| `t1ce_slices` | dark | 0.700 (0.600 to 0.800) | 0.650 (0.550 to 0.750) |"
    assert dark in section(report, "Robustness")
    assert "| 5,000,000 | 2.500 |" in section(report, "Cost")


def test_the_settings_for_volumes_are_told_with_what_they_gave(tmp_path):
    folder = write_network(tmp_path / "models/unet", "unet")
    config = json.loads((folder / "config.json").read_text())
    config["volume"] = {"all_planes": True, "growth": 0.5, "smallest_mm3": 5.0}
    scores = {"dice": 0.5, "lesion_dice": 0.4, "seconds": 9.0}
    record = {"cases": 23, "without": scores, "with": scores | {"dice": 0.6, "seconds": 27.0}}
    config["training"]["volume_settings"] = record
    (folder / "config.json").write_text(json.dumps(config))
    told = section(make(tmp_path / "models", tmp_path / "docs"), "Whole volumes")
    assert (
        "U-Net (baseline): the mean over three planes where voxels are isotropic; lesions grow to "
        "0.5 of the threshold in three dimensions; lesions below 5 mm³ are left out. On 23 "
        "training volumes: Dice 0.500, lesion-wise Dice 0.400, 9.0 s a volume without settings; "
        "Dice 0.600, lesion-wise Dice 0.400, 27.0 s a volume with these."
    ) in told


def test_targets_stand_beside_what_was_reached(report):
    found = section(report, "Targets")
    assert "| Dice | at least 0.75 | 0.700, missed | 0.650, missed |" in found
    # The changed copies of these networks fall by as much as their Dice is.
    assert "| largest drop of Dice on altered copies | at most 0.03 | 0.700, missed |" in found
    assert "| at most 0.50 | 0.500, met | 0.500, met |" in found and "flair" not in found


def test_pictures_are_there_and_the_same_each_time(report, folders):
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", report.read_text())
    assert len(set(pictures)) == 3
    for picture in pictures:
        assert 1_000 < (report.parent / picture).stat().st_size < 300_000
    before = {path: path.read_bytes() for path in report.parent.rglob("*") if path.is_file()}
    make(folders / "checkpoints", report.parent)
    assert {p: p.read_bytes() for p in report.parent.rglob("*") if p.is_file()} == before


def test_figures_of_other_settings_are_said_to_be_so(tmp_path):
    checkpoint, folder = small_checkpoint("unet"), write_network(tmp_path / "models/unet", "unet")
    save_checkpoint(folder, checkpoint.config, checkpoint.network.state_dict())
    config, digest = read_config(folder), load_checkpoint(folder).revision
    metrics = {
        name: {**found, "revision": digest, **config.conditions}
        for name, found in json.loads((folder / "metrics.json").read_text()).items()
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    words = "Some results of U-Net (baseline) were measured with other weights"
    assert words not in make(tmp_path / "models", tmp_path / "docs").read_text()
    write_config(folder, replace(config, mirrored=not config.mirrored))
    assert words in make(tmp_path / "models", tmp_path / "docs").read_text()


def test_what_is_missing_is_left_out(tmp_path):
    folder = write_network(tmp_path / "models/nested_unet", "nested_unet", data=("mine",))
    metrics = json.loads((folder / "metrics.json").read_text())
    gone = ("cost", "stress", "perturbed", "froc", "calibration", "lesion_wise")
    for key in (*gone, "operating_points", "challenge", "input_check"):
        del metrics["mine"][key]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    report = make(tmp_path / "models", tmp_path / "docs")
    assert "![" not in report.read_text() and "None" not in report.read_text()
    assert section(report, "Robustness").strip().endswith("Not evaluated yet.")
    assert "Limits are not recorded." in section(report, "Limits")


def test_a_foreign_network_is_reported_without_a_word_about_ours(tmp_path):
    write_network(tmp_path / "models/unet", "unet", data=("sheep",))
    text = make(tmp_path / "models", tmp_path / "docs").read_text()
    ours = json.loads((ROOT / "checkpoints/nested_unet/config.json").read_text())["training"]
    words = [*ours["notes"], *(entry["title"] for entry in ours["data"]), "glioma"]
    assert "`sheep`" in text and not [word for word in words if word in text]


def test_the_committed_report_is_what_the_committed_files_make(tmp_path):
    """Run ``python -m tools.report`` where this fails."""
    shutil.copytree(ROOT / "docs/report", tmp_path / "report")
    made = make(ROOT / "checkpoints", tmp_path)
    assert made.read_text() == (ROOT / "docs/report.md").read_text()
    pictures = set(re.findall(r"\(report/([^)]+)\)", made.read_text()))
    assert pictures == {path.name for path in (ROOT / "docs/report").iterdir()}


def test_faults_are_one_sentence(tmp_path, capsys):
    options = ["--checkpoints", str(tmp_path / "a"), "--output", str(tmp_path / "out")]
    assert main(options) == 2
    assert "nothing to report" in capsys.readouterr().err
    folder = write_network(tmp_path / "a/unet", "unet")
    (folder / "metrics.json").write_text("{")
    assert main(options) == 2
    assert "a/unet/metrics.json is damaged" in capsys.readouterr().err


def test_cells_stay_in_their_column():
    assert "a\\|b" in to_markdown([{"x": "a|b"}])


def test_differences_need_the_same_slices(folders, tmp_path):
    attention, nested = read_networks(folders / "checkpoints")
    found = mean_difference(nested, attention, "t1ce_slices")
    assert found == pytest.approx(dict.fromkeys(("mean", "low", "high"), -0.05))
    rows = write_network(tmp_path / "unet", "unet") / "slice_dice.csv"
    rows.write_text(rows.read_text().replace("case3", "case4"))
    (other,) = read_networks(tmp_path)
    assert mean_difference(attention, other, "t1ce_slices") is None
    assert mean_difference(attention, attention, "unknown") is None


def test_slices_are_ranked(folders):
    ranked = rank_slices(read_networks(folders / "checkpoints"), "t1ce_slices")
    assert ranked == {"best": ("case3", 0), "median": ("case0", 0), "worst": ("case3", 1)}


def test_best_and_worst_slices_are_drawn(tmp_path, capsys):
    data = write_data_folder(tmp_path / "heads", groups=3, slices=4)
    models = []
    for name in ("attention_unet", "nested_unet"):
        checkpoint, folder = small_checkpoint(name), tmp_path / "a" / name
        save_checkpoint(folder, checkpoint.config, checkpoint.network.state_dict())
        models += ["--model", str(folder)]
    options = [*models, "--record", "--output", str(tmp_path / "out")]
    assert metaseg(["evaluate", str(data), *options]) == 0
    report = make(tmp_path / "a", tmp_path, "--data", str(data))
    assert "](report/slices_heads.jpg)" in section(report, "Best, median and worst slices")
    assert 10_000 < (tmp_path / "report/slices_heads.jpg").stat().st_size < 150_000
    assert "measured with other weights" not in report.read_text()
    ranked = rank_slices(read_networks(tmp_path / "a"), "heads")
    (data / "cases.csv").write_text(
        (data / "cases.csv").read_text().replace(ranked["best"][0] + ",", "gone,")
    )
    options = ["--checkpoints", str(tmp_path / "a"), "--output", str(tmp_path), "--data", str(data)]
    assert main(options) == 2
    assert f"heads lacks {ranked['best'][0]}" in capsys.readouterr().err
    assert main([*options[:-1], str(write_data_folder(tmp_path / "others"))]) == 2
    assert "others has no lesion that these networks were evaluated on" in capsys.readouterr().err
