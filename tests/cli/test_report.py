"""The report says what the files say, misses nothing in silence, and needs no other file."""

import json
import re
from pathlib import Path

import pytest

from metaseg.cli.main import main
from metaseg.comparison.cases import rank_slices
from metaseg.comparison.markdown import escape, table
from metaseg.comparison.measured import mean_difference, read_measured, read_models
from metaseg.comparison.page import to_html, to_page
from metaseg.errors import InputError
from metaseg.models import TITLES
from metaseg.preprocess import VERSION
from tests.cli.measured import write_network
from tests.conftest import small_checkpoint, write_data_folder
from tests.html_reader import Reader


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Shipped networks and every run but the one that takes slices for validation."""
    root = tmp_path_factory.mktemp("measured")
    for name, shift in (("attention_unet", 0.1), ("nested_unet", 0.05)):
        write_network(root / "checkpoints" / name, name, shift)
    for seed in (0, 1):
        for number, name in enumerate(TITLES):
            shift = 0.01 * number + 0.02 * seed
            write_network(root / f"runs/compare-seed{seed}" / name, name, shift, seed)
    write_network(root / "runs/no-metastases-seed0/unet", "unet", -0.1)
    return {"checkpoints": root / "checkpoints", "runs": root / "runs", "root": root}


@pytest.fixture(scope="module")
def report(folders) -> Path:
    output = folders["root"] / "docs"
    assert _make(folders["checkpoints"], folders["runs"], output) == 0
    return output


def _make(checkpoints: Path, runs: Path, output: Path, *more: str) -> int:
    places = ["--checkpoints", str(checkpoints), "--runs", str(runs), "--output", str(output)]
    return main(["report", *places, *more])


def _section(report: Path, title: str) -> str:
    text = (report / "report.md").read_text()
    return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_tables_hold_the_recorded_figures(report):
    pair = _section(report, "The shipped pair")
    assert (
        "| `t1ce_slices` | Attention U-Net | 0.700 (0.600 to 0.800) | 0.700 | 0.700 | 25.0 % of 4 |"
    ) in pair
    assert "| Nested U-Net | 0.650 (0.550 to 0.750) |" in pair
    assert "`t1ce_slices`, split test: 12 slices of 4 groups, 4 without a lesion" in pair
    assert "python -m metaseg evaluate DATA --record" in pair and "12.5" in pair
    # The slices of the two differ by 0.05 everywhere, so the interval has no width.
    assert "+0.050 (+0.050 to +0.050)" in pair and "leaves zero out on `t1ce_slices`" in pair
    unseen = _section(report, "Sources that were never trained on")
    assert "0.500 (0.400 to 0.600)" in unseen and "`t1ce_slices`" not in unseen
    lesions = _section(report, "Lesions found and missed")
    assert "75.0 % of 8 | 75 % of 8" in lesions and "| Attention U-Net | 0.321 |" in lesions
    curves = _section(report, "Curves and calibration")
    assert "| 1.50 | 0.0400 | 0.0200 |" in curves
    changed = _section(report, "Slices that look different")
    assert "| dark | 0.700 (0.600 to 0.800) | 0.650 (0.550 to 0.750) |" in changed
    assert "| 5-10 mm | 75 % of 8 | 75 % of 8 |" in changed


def test_architectures_are_compared_seed_by_seed(report):
    found = _section(report, "Three architectures under equal terms")
    assert "ranks under this budget only" in found and "missing" not in found
    assert "| data | network | seed 0 | seed 1 | mean |" in found
    assert "`t1ce_slices` | Attention U-Net | 0.600 | 0.620 | 0.610 |" in found
    assert "| U-Net (baseline) | 0.620 | 0.640 | 0.630 |" in found
    assert "−0.020 (−0.020 to −0.020)" in found and "the mean of seeds 0 and 1" in found
    cost = _section(report, "Cost")
    assert "| 64 | 5.00 | 2.50 | 2 | 0.060 |" in cost and "`compare-seed1`" in cost


def test_aims_stand_beside_what_was_reached(report):
    found = _section(report, "What was aimed at")
    assert (
        "| Dice of slices with a lesion | at least 0.75 | 0.700, missed | 0.650, missed |" in found
    )
    # The changed copies of these figures fall by as much as Dice is.
    assert "| largest fall of Dice on changed copies | at most 0.03 | 0.700, missed |" in found
    assert "| at most 0.50 | 0.500, met | 0.500, met |" in found and "flair" not in found
    assert "U-Net (baseline)" not in found


def test_what_one_change_does(report, folders):
    found = _section(report, "What the synthetic metastases change")
    assert "0.620 (0.520 to 0.720) | 0.500 (0.400 to 0.600) | +0.120 (+0.120 to +0.120)" in found
    assert "--metastases 0" in found and "| 5-10 mm | 75 % of 8 | 75 % of 8 |" in found
    flattering = _section(report, "How much a split by slices flatters")
    assert "The run `slice-split-seed0` is missing" in flattering


def test_leakage_is_the_gap_between_validation_and_test(folders, tmp_path):
    runs = tmp_path / "runs"
    write_network(runs / "compare-seed0/unet", "unet")
    folder = write_network(runs / "slice-split-seed0/unet", "unet")
    config = json.loads((folder / "config.json").read_text())
    config["training"]["best"]["dice"] = 0.95
    (folder / "config.json").write_text(json.dumps(config))
    assert _make(tmp_path / "none", runs, tmp_path / "docs") == 0
    flattering = _section(tmp_path / "docs", "How much a split by slices flatters")
    assert "| whole groups | 0.800 | 0.600 | +0.200 |" in flattering
    assert "| single slices | 0.950 | 0.600 | +0.350 |" in flattering
    assert "single slices flatter by +0.150 more" in flattering
    config["training"]["best"]["dice"] = 0.75
    (folder / "config.json").write_text(json.dumps(config))
    assert _make(tmp_path / "none", runs, tmp_path / "other") == 0
    flattering = _section(tmp_path / "other", "How much a split by slices flatters")
    assert "no flattery shows here" in flattering
    compared = _section(tmp_path / "docs", "Three architectures under equal terms")
    assert "Of the run `compare-seed0`, Attention U-Net and Nested U-Net are missing" in compared
    assert "The run `compare-seed1` is missing" in compared
    assert "have not been measured yet" in (tmp_path / "docs/report.md").read_text()


def test_runs_on_slices_of_an_earlier_preparation_say_so(tmp_path):
    said = "prepared as an earlier version did"
    for version, expected in ((VERSION, False), (0, True)):
        runs = tmp_path / str(version)
        folder = write_network(runs / "compare-seed0/unet", "unet")
        config = json.loads((folder / "config.json").read_text())
        config["preprocessing"]["version"] = version
        (folder / "config.json").write_text(json.dumps(config))
        assert _make(tmp_path / "none", runs, tmp_path / f"docs{version}") == 0
        title = "Three architectures under equal terms"
        assert (said in _section(tmp_path / f"docs{version}", title)) == expected


def test_a_set_that_one_network_was_measured_on_is_shown_for_that_one(tmp_path):
    for place, name in enumerate(("attention_unet", "nested_unet")):
        write_network(tmp_path / "models" / name, name, data=("t1ce_slices", "mine")[: 2 - place])
    metrics = tmp_path / "models/nested_unet/metrics.json"
    found = json.loads(metrics.read_text())
    del found["t1ce_slices"]["cost"], found["t1ce_slices"]["stress"]
    metrics.write_text(json.dumps(found))
    assert _make(tmp_path / "models", tmp_path / "none", tmp_path / "docs") == 0
    changed = _section(tmp_path / "docs", "Slices that look different")
    assert changed.count("|  | Attention U-Net |\n") == 3  # both on «mine», and the stress set
    cost = _section(tmp_path / "docs", "Cost")
    assert "Nested" not in cost and "`t1ce_slices`, split test" in cost


def test_the_page_is_whole_by_itself(report):
    page = (report / "report.html").read_text()
    reader = Reader(page)
    for address in reader.addresses:
        assert address.startswith(("data:image/", "#", "https://arxiv.org/abs/")), address[:60]
        assert not address.startswith("#") or address[1:] in reader.ids
    assert not {"script", "link", "iframe", "object"} & set(reader.seen)
    assert "url(" not in page.split("</style>")[0] and "@import" not in page
    assert reader.seen.count("figure") == reader.seen.count("img") == 7
    assert "prefers-color-scheme" in page and "@media print" in page


def test_the_twins_say_the_same(report):
    text = (report / "report.md").read_text()
    shown = " ".join(Reader((report / "report.html").read_text()).text.split())
    for cell in re.findall(r"\d\.\d{3} \(\d\.\d{3} to \d\.\d{3}\)", text):
        assert cell in shown
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert len(pictures) == len(set(pictures)) == 7
    for picture in pictures:
        assert 1_000 < (report / picture).stat().st_size < 150_000


def test_making_it_again_changes_nothing(report, folders):
    before = {path: path.read_bytes() for path in report.rglob("*") if path.is_file()}
    assert _make(folders["checkpoints"], folders["runs"], report) == 0
    assert {path: path.read_bytes() for path in report.rglob("*") if path.is_file()} == before


def test_without_figures_there_is_a_sentence(tmp_path, capsys):
    assert _make(tmp_path / "a", tmp_path / "b", tmp_path / "out") == 2
    assert "nothing to report" in capsys.readouterr().err
    folder = write_network(tmp_path / "a/unet", "unet")
    (folder / "metrics.json").write_text("{")
    assert _make(tmp_path / "a", tmp_path / "b", tmp_path / "out") == 2
    printed = capsys.readouterr().err
    assert "metrics.json of the checkpoint unet is damaged" in printed and "Trace" not in printed


def test_names_from_files_are_shown_and_not_obeyed(tmp_path):
    name = "<script>x</script> | *b* `c`"
    write_network(tmp_path / "a/unet", "unet", data=(name,))
    assert _make(tmp_path / "a", tmp_path / "b", tmp_path / "out") == 0
    page = (tmp_path / "out/report.html").read_text()
    reader = Reader(page)
    assert "script" not in reader.seen and "<script>x</script>" in reader.text
    text = to_html(table(["a", "b"], [[escape(name), "1"]]), tmp_path)
    assert f"<td>{name.replace('<', '&lt;').replace('>', '&gt;')}</td>" in text
    with pytest.raises(InputError, match=r"none\.svg is missing"):
        to_page("![a](none.svg)\n*b*", tmp_path, "t")


def test_differences_need_the_same_slices(folders, tmp_path):
    run = read_models(folders["runs"] / "compare-seed0")
    seeds = [read_models(folders["runs"] / f"compare-seed{seed}")["unet"] for seed in (0, 1)]
    found = mean_difference(seeds, [run["attention_unet"]], "t1ce_slices")
    assert found == pytest.approx(dict.fromkeys(("mean", "low", "high"), 0.03))
    other = write_network(tmp_path / "unet", "unet")
    table_of = other / "slice_dice.csv"
    table_of.write_text(table_of.read_text().replace("case3", "case4"))
    assert mean_difference(seeds, [read_measured(other)], "t1ce_slices") is None
    assert mean_difference(seeds, seeds, "unknown") is None


def test_slices_are_ranked(folders):
    ranked = rank_slices(list(read_models(folders["checkpoints"]).values()), "t1ce_slices")
    assert [(one.case, one.index) for one in ranked] == [("case3", 0), ("case0", 0), ("case3", 1)]
    assert ranked[0].dice == (0.78, 0.73)


def test_best_and_worst_slices_are_drawn(tmp_path, capsys):
    from metaseg.checkpoint import save_checkpoint

    data = write_data_folder(tmp_path / "heads", groups=3, slices=4)
    models = []
    for name in ("attention_unet", "nested_unet"):
        checkpoint, folder = small_checkpoint(name), tmp_path / "a" / name
        save_checkpoint(folder, checkpoint.config, checkpoint.network.state_dict())
        models += ["--model", str(folder)]
    options = [*models, "--record", "--output", str(tmp_path / "out")]
    assert main(["evaluate", str(data), *options]) == 0
    assert _make(tmp_path / "a", tmp_path / "b", tmp_path, "--data", str(data)) == 0
    cases = _section(tmp_path, "Best, median and worst slices")
    assert "![Three slices of heads" in cases and "worst case" in cases
    picture = tmp_path / "report/cases_heads.jpg"
    assert 10_000 < picture.stat().st_size < 150_000
    assert "earlier weights" not in (tmp_path / "report.md").read_text()
    (data / "cases.csv").write_text((data / "cases.csv").read_text().replace("case10", "case99"))
    ranked = {one.case for one in rank_slices(list(read_models(tmp_path / "a").values()), "heads")}
    assert (_make(tmp_path / "a", tmp_path / "b", tmp_path, "--data", str(data)) == 2) == (
        "case10" in ranked
    )
