"""The model card says what the checkpoint records, to the Hub and to people."""

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from metaseg.card import record_metrics, render_card, write_card
from metaseg.checkpoint import CARD, CONFIG, read_metrics
from metaseg.data.known import list_tumours, trained_on, weights_license
from metaseg.errors import InputError
from tests.hub.tiny import RECORD, make_checkpoint

MEASURED = {
    "t1ce_slices": {
        "cases": 540,
        "groups": 11,
        "dice": {"mean": 0.71234, "low": 0.69, "high": 0.734},
        "iou": {"mean": 0.6, "low": 0.58, "high": 0.62},
        "precision": {"mean": None, "low": None, "high": None},
        "group_dice": {"mean": 0.7, "low": 0.6, "high": 0.8},
        "pooled_dice": 0.75,
        "empty_cases": 0,
        "empty_false_positive_rate": None,
    }
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "nested_unet")


def test_metadata_are_what_the_hub_reads(folder: Path):
    (folder / "metrics.json").write_text(json.dumps(MEASURED))
    data = ModelCard(write_card(folder).read_text()).data
    assert data.library_name == "metaseg"
    assert data.pipeline_tag == "image-segmentation"
    assert data.license == "cc-by-nc-sa-4.0"
    assert data.datasets == ["flair_slices", "t1ce_slices"]
    assert data.metrics == ["dice", "iou", "group_dice", "pooled_dice"]
    dice = data.eval_results[0]
    assert (dice.dataset_type, dice.dataset_split) == ("t1ce_slices", "test")
    assert (dice.metric_type, dice.metric_value) == ("dice", 0.7123)
    assert dice.metric_args == {"interval_95_low": 0.69, "interval_95_high": 0.734}


def test_text_names_tumours_use_figures_and_papers(folder: Path):
    (folder / "metrics.json").write_text(json.dumps(MEASURED))
    (folder / "curves.json").write_text(json.dumps([{"epoch": 1, "seconds": 180.0}]))
    text = render_card(folder, "someone/brain")
    for words in (
        "glioma, meningioma and pituitary tumour; no real metastasis was among them",
        "not a medical device",
        'from_pretrained("someone/brain")',
        "0.712 (0.690 to 0.734)",
        "split test, 540 slices in 11 groups",
        "3 minutes",
        "Zhou et al. 2018",
        "Oktay et al. 2018",
        "CC-BY-NC-SA-4.0",
    ):
        assert words in text
    assert "null" not in text and "None" not in text


def test_the_card_says_how_a_slice_is_seen(folder: Path):
    assert "averages" not in render_card(folder) and "temperature" not in render_card(folder)
    config = json.loads((folder / CONFIG).read_text())
    config |= {"mirror": True, "turned": True, "enlarge": 1.2, "temperature": 1.625}
    (folder / CONFIG).write_text(json.dumps(config))
    text = render_card(folder)
    assert "looks at a slice mirrored, turned by 90, 180 and 270 degrees and enlarged 1.2" in text
    assert "a temperature of 1.62" in text


def test_figures_that_were_not_measured_again_stay_with_their_network(folder: Path):
    """``folder`` has figures of one network; changed copies belong to it alone."""
    identity = {"split": "test", "revision": "a", "threshold": 0.5, "temperature": 1.0}
    dice = {"dice": {"mean": 0.5, "low": None, "high": None}, "cases": 3, "groups": 1}
    record_metrics(folder, "mine", {**identity, **dice, "perturbed": {"dark": 1}, "stress": {}})
    record_metrics(folder, "mine", {**identity, **dice, "stress": {"lesions": 2}})
    kept = read_metrics(folder)["mine"]
    assert kept["perturbed"] == {"dark": 1} and kept["stress"] == {"lesions": 2}
    record_metrics(folder, "mine", {**identity, **dice, "threshold": 0.4})
    assert not {"perturbed", "stress"} & set(read_metrics(folder)["mine"])


def test_a_card_without_figures_says_so(folder: Path):
    text = render_card(folder)
    assert "Not measured yet" in text
    assert ModelCard(text).data.eval_results is None


def test_figures_of_several_data_sets_come_together(folder: Path):
    record_metrics(folder, "t1ce_slices", MEASURED["t1ce_slices"])
    record_metrics(folder, "flair_slices", {"cases": 9, "pooled_dice": 0.8})
    text = (folder / CARD).read_text()
    assert "| Pooled Dice | 0.750 | 0.800 |" in text
    assert "| Dice | 0.712 (0.690 to 0.734) | – |" in text
    assert {r.dataset_type for r in ModelCard(text).data.eval_results} == {
        "t1ce_slices",
        "flair_slices",
    }


def test_the_data_of_an_earlier_training_count(tmp_path: Path):
    before = {**RECORD, "best": {"epoch": 4, "dice": 0.7}, "started_from": {"best": {"epoch": 9}}}
    training = {"training": {"our_hospital": {"cases": 5, "groups": 5}}, "started_from": before}
    folder = make_checkpoint(tmp_path / "unet", "unet", training=training)
    text = render_card(folder)
    assert "13 epochs of earlier training on `flair_slices` and `t1ce_slices`" in text
    assert "glioma, meningioma and pituitary tumour" in text
    assert weights_license(trained_on(training)) == "cc-by-nc-sa-4.0"


def test_unknown_data_are_not_described(tmp_path: Path):
    training = {"training": {"our_hospital": {"cases": 5, "groups": 5}}, "validation": {}}
    folder = make_checkpoint(tmp_path / "unet", "unet", training=training, license="other")
    text = render_card(folder)
    assert "`our_hospital`: data of whoever trained it" in text
    assert "metastasis was among them" not in text
    data = ModelCard(text).data
    assert (data.license, data.license_name) == ("other", "as-the-training-data")


def test_damaged_files_are_input_errors(folder: Path):
    (folder / "metrics.json").write_text("{")
    with pytest.raises(InputError, match=r"metrics.json of the checkpoint nested_unet is damaged"):
        write_card(folder)
    assert not (folder / CARD).exists()
    (folder / CONFIG).unlink()
    with pytest.raises(InputError, match="no checkpoint"):
        write_card(folder)


def test_licence_is_the_one_that_asks_most():
    assert weights_license(["t1ce_slices", "flair_slices"]) == "cc-by-nc-sa-4.0"
    assert weights_license(["flair_slices", "our_hospital"]) == "cc-by-nc-sa-4.0"
    assert weights_license(["t1ce_slices"]) == "cc-by-4.0"
    assert weights_license(["t1ce_slices", "our_hospital"]) == "other"
    assert weights_license([]) == "other"


def test_tumours_are_named_once():
    assert list_tumours(["flair_slices", "t1ce_slices"]) == [
        "glioma",
        "meningioma",
        "pituitary tumour",
    ]
