"""The model card says what the checkpoint records, to the Hub and to people."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from metaseg.checkpoint import CARD, CONFIG, read_config, read_metrics, write_config
from metaseg.errors import InputError
from metaseg.evaluation.record import record_metrics
from metaseg.hub.card import render_card, write_card
from tests.hub.tiny import RECORD, make_checkpoint, measured_on

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
        "calibration": {"ece_before": 0.01, "ece": 0.02},
    }
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "nested_unet")


def test_metadata_are_what_the_hub_reads(folder: Path):
    (folder / "metrics.json").write_text(json.dumps(measured_on(folder, MEASURED)))
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


def test_text_says_what_the_record_says(folder: Path):
    (folder / "metrics.json").write_text(json.dumps(measured_on(folder, MEASURED)))
    _change(folder, notes=["No metastasis was among them."], seconds=180, provenance={
        "version": "0.2.0", "packages": {"torch": "2.11.0"}, "commit": None,
        "machine": {"cores": 2, "gpu": None}, "preprocessing": {"channels": ["a", "b"]},
    })  # fmt: skip
    text = render_card(folder, "someone/brain")
    for words in (
        "not a medical device",
        "- No metastasis was among them.",
        'metaseg.segment("slice.png", model="someone/brain")',
        "- FLAIR slices: lower-grade glioma (`flair_slices`). Target: FLAIR abnormality. Training: "
        "90 cases from 9 patients; validation: 10 cases from 1 patient. Licence: "
        "CC-BY-NC-SA-4.0. Source: Buda M et al. 2019.",
        "0.712 (0.690 to 0.734)",
        "| slices / patients or groups | 540 / 11 |",
        "3 minutes",
        "- version: 0.2.0\n- packages: torch 2.11.0\n- commit: not recorded\n"
        "- machine: cores 2, gpu none\n- preprocessing: channels a b\n",
        "expected calibration error 0.0100 before, 0.0200 after (higher)",
        "The weights are under CC-BY-NC-SA-4.0",
        "Zhou Z. et al.",
        "Data, `flair_slices`: Buda M et al. 2019",
    ):
        assert words in text, words
    assert "null" not in text and "None" not in text and "Oktay" not in text


def test_a_record_that_says_nothing_is_a_card_that_says_so(tmp_path: Path):
    text = render_card(make_checkpoint(tmp_path / "unet", "unet", training={}, license="other"))
    for words in (
        "Further limits and test-set exposure: not recorded.",
        "## Training data\n\nNot recorded.",
        "Settings: not recorded.",
        "Provenance: not recorded.",
        "Not evaluated yet",
        "Effect on the expected calibration error of each test set: not recorded.",
        "the licences of their training data: not recorded.",
    ):
        assert words in text, words
    assert "None" not in text


def test_the_card_says_how_a_slice_is_seen(folder: Path):
    text = render_card(folder)
    assert "Test-time augmentation: none." in text and "not calibrated" in text
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | {"mirrored": True, "temperature": 1.625}))
    text = render_card(folder)
    assert "Test-time augmentation: the mirror image." in text
    assert "A temperature of 1.62, fitted on validation patients" in text
    assert "Whole volumes: each slice of a volume is judged alone." in text
    settings = {"all_planes": True, "growth": 0.5, "smallest_mm3": 0.0}
    (folder / CONFIG).write_text(json.dumps(config | {"volume": settings}))
    assert (
        "Whole volumes: the mean over three planes where voxels are isotropic; lesions grow to 0.5 "
        "of the threshold in three dimensions." in render_card(folder)
    )


def test_the_card_says_where_training_began(folder: Path):
    assert "Trained from scratch: 2 epochs, batch size 4" in render_card(folder)
    config = {
        **RECORD["config"],
        "encoder_weights": "imagenet",
        "early_size": 96,
        "cool_down": 0.5,
    }
    _change(folder, config=config)
    assert (
        "Trained from ImageNet weights of the encoder: 2 epochs, 1 of them at 96 x 96 pixels, "
        "batch size 4" in render_card(folder)
    )


def _change(folder: Path, **record: object) -> None:
    """Replace entries of the training record of the checkpoint in ``folder``."""
    config = json.loads((folder / CONFIG).read_text())
    config["training"] |= record
    (folder / CONFIG).write_text(json.dumps(config))


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
    assert "Not evaluated yet" in text
    assert ModelCard(text).data.eval_results is None


def test_figures_of_another_threshold_are_no_result_of_this_network(folder: Path):
    (folder / "metrics.json").write_text(json.dumps(measured_on(folder, MEASURED)))
    assert "| Pooled Dice | 0.750 |" in render_card(folder)
    write_config(folder, replace(read_config(folder), threshold=0.9))
    text = render_card(folder)
    assert "Pixels of 0.9 or more" in text and "Not evaluated yet" in text
    assert ModelCard(text).data.eval_results is None


def test_figures_of_several_data_sets_come_together(folder: Path):
    (figures,) = measured_on(folder, MEASURED).values()
    identity = {key: figures[key] for key in figures.keys() - MEASURED["t1ce_slices"].keys()}
    record_metrics(folder, "t1ce_slices", figures)
    record_metrics(folder, "flair_slices", {"cases": 9, "pooled_dice": 0.8, **identity})
    text = (folder / CARD).read_text()
    assert "| Pooled Dice | 0.750 | 0.800 |" in text
    assert "| Dice | 0.712 (0.690 to 0.734) | – |" in text
    assert {r.dataset_type for r in ModelCard(text).data.eval_results} == {
        "t1ce_slices",
        "flair_slices",
    }


def test_the_data_of_an_earlier_training_count(tmp_path: Path):
    before = {**RECORD, "best": {"epoch": 4, "dice": 0.7}, "started_from": {"best": {"epoch": 9}}}
    own = {"name": "ours", "title": "Slices of our hospital"}
    training = {**RECORD, "data": [own], "started_from": before}
    text = render_card(make_checkpoint(tmp_path / "unet", "unet", training=training))
    assert "2 epochs after 13 epochs of earlier training" in text
    assert ModelCard(text).data.datasets == ["flair_slices", "t1ce_slices", "ours"]
    assert (
        "- Slices of our hospital (`ours`). Target: not recorded. Training: not recorded;" in text
    )


def test_another_licence_is_told_in_the_words_of_its_data(tmp_path: Path):
    data = [{"name": "ours", "title": "Our slices", "license": "research use"}]
    text = render_card(
        make_checkpoint(tmp_path / "unet", "unet", training={"data": data}, license="other")
    )
    assert "the licences of their training data: Our slices: research use." in text
    found = ModelCard(text).data
    assert (found.license, found.license_name) == ("other", "as-the-training-data")


def test_damaged_files_are_input_errors(folder: Path):
    (folder / "metrics.json").write_text("{")
    with pytest.raises(InputError, match=r"metrics.json of the checkpoint nested_unet is damaged"):
        write_card(folder)
    assert not (folder / CARD).exists()
    (folder / CONFIG).unlink()
    with pytest.raises(InputError, match="name the folder of a checkpoint"):
        write_card(folder)
