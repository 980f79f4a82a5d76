"""Page and About say what is recorded of the weights that are served, and nothing else."""

import json
from dataclasses import replace

import pytest

from metaseg.checkpoint import CONFIG, Checkpoint
from metaseg.data.record import training_data
from metaseg.demo.about import about, card
from metaseg.demo.page import build_page
from metaseg.demo.shell import shell, statement
from metaseg.demo.workbench import Workbench
from metaseg.hub.card import render_card
from metaseg.hub.resolve import SHIPPED, shipped_models
from metaseg.segmenter import Segmenter
from tests.conftest import small_checkpoint
from tests.hub.tiny import make_checkpoint
from tests.measured import figures

RECORD = {
    "data": [{"name": "ours", "title": "T2 slices of <b>sheep</b>", "citation": "Shepherd 2026"}],
    "notes": ["Only sheep were scanned.", "One scanner."],
}


@pytest.fixture
def foreign() -> Checkpoint:
    """A network that somebody else trained and measured."""
    made = small_checkpoint("attention_unet")
    return replace(
        made,
        config=replace(made.config, training=RECORD, license="cc0-1.0"),
        metrics={"goats": {**figures(0.7), "dataset": {"title": "T2 slices of goats"}}},
    )


def test_about_says_what_is_recorded(foreign):
    text = about([foreign])
    assert text.index("not a medical device") < text.index("## Results")
    assert "Agreement is not evidence of correctness" in text
    assert "- T2 slices of <b>sheep</b>" in text and "- Only sheep were scanned." in text
    assert "| T2 slices of goats | no | 0.700 (0.600 to 0.800) |" in text
    assert "CC0-1.0" in card(foreign) and foreign.revision in card(foreign)
    assert "\n## " not in card(foreign) and "T2 slices of goats" in card(foreign)


def test_a_note_names_its_network_where_others_lack_it(foreign):
    silent = small_checkpoint("nested_unet")
    assert f"- {foreign.config.title}: One scanner." in about([foreign, silent])
    bare = about([silent])
    assert "Not recorded." in bare and "Not measured." in bare and "- Limits are not" in bare


def test_the_page_says_what_was_trained_on(foreign):
    text = statement([foreign])
    assert "T2 slices of <b>sheep</b>. Only sheep were scanned." in text
    assert "One scanner" not in text
    assert "Training data: not recorded." in statement([small_checkpoint("unet")])
    shown = shell(Workbench(Segmenter([foreign], device="cpu")))
    assert "<b>sheep" not in shown and "&lt;b&gt;sheep" in shown


def test_a_foreign_network_is_served_without_a_word_about_ours(foreign, tmp_path):
    folder = make_checkpoint(tmp_path / "attention_unet", "attention_unet", training=RECORD)
    records = [
        json.loads((SHIPPED / name / CONFIG).read_text())["training"] for name in shipped_models()
    ]
    ours = [note for record in records for note in record.get("notes", [])]
    for record in records:
        for name, entry in training_data(record).items():
            ours += [name, entry["title"], entry["citation"]]
    assert len(ours) > 5
    page = build_page(Segmenter([foreign], device="cpu"))
    for text in (json.dumps(page.get_config_file(), default=str), render_card(folder)):
        assert "sheep" in text
        assert not [words for words in [*ours, "glioma, pituitary"] if words in text]
