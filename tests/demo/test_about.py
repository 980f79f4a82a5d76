"""The tab says what the networks learned and how well they do, of the weights that are served."""

from dataclasses import replace
from pathlib import Path

import pytest

from metaseg.checkpoint import Checkpoint
from metaseg.comparison.material import ARCHITECTURES
from metaseg.demo.about import about
from tests.cli.measured import figures
from tests.conftest import small_checkpoint
from tests.html_reader import Reader

RECORD = {
    "training": {"t1ce_slices": {"cases": 40, "groups": 8}},
    "validation": {"t1ce_slices": {"cases": 4, "groups": 1}},
    "config": {
        "epochs": 3, "batch_size": 4, "loss": "bce", "learning_rate": 1e-3, "seed": 0,
        "metastases": 0.5,
    },
}  # fmt: skip


@pytest.fixture
def checkpoint() -> Checkpoint:
    made = small_checkpoint("attention_unet")
    return replace(made, config=replace(made.config, training=RECORD))


def test_plain_words_come_first_and_figures_are_those_recorded(checkpoint, tmp_path):
    measured = {"t1ce_slices": figures(0.7), "metastasis_t2_slices": figures(0.3)}
    reader = Reader(about([replace(checkpoint, metrics=measured)], tmp_path))
    words = " ".join(reader.text.split())
    assert words.index("not a medical device") < words.index("Dice")
    for part in (
        "meningioma, glioma and pituitary tumour. No real metastasis was among these.",
        "Metastases were drawn into some of the slices instead.",
        "0.700 (0.600 to 0.800)",
        "0.300 (0.200 to 0.400)",
        "CC-BY-NC-SA-4.0",
        "Limits",
        "names no patients",
        "Oktay",
        checkpoint.revision,
        "3 epochs",
    ):
        assert part in words, part
    assert "##" not in words and "|" not in words.split("Papers to cite")[0]
    assert reader.seen.count("details") == 2 and not reader.ids
    assert all(address.startswith("data:") for address in reader.addresses)


def test_weights_without_figures_are_said_to_have_none(checkpoint, tmp_path):
    assert "have not been measured here" in about([checkpoint], tmp_path)


def test_the_report_is_quoted_where_it_is_there(checkpoint, tmp_path: Path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report/a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "report.md").write_text(
        f"# Title\n\n## {ARCHITECTURES}\n\nAll <b>equal</b>.\n\n![plot](report/a.svg)\n*said*\n\n"
        "## Cost\n\nnot this\n"
    )
    reader = Reader(about([checkpoint], tmp_path))
    assert "All <b>equal</b>." in reader.text and "not this" not in reader.text
    assert reader.addresses[0].startswith("data:image/svg+xml;base64,")
    assert reader.seen.count("figcaption") == 1
    (tmp_path / "report/a.svg").unlink()
    assert "equal" not in Reader(about([checkpoint], tmp_path)).text
