import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from metaseg.checkpoint import load_checkpoint, save_checkpoint
from metaseg.data.cases import cases_of_split, hold_out_validation
from metaseg.errors import InputError
from metaseg.models import ARCHITECTURES, build_network
from metaseg.training import loop
from metaseg.training.schedule import rate
from metaseg.training.train import train
from tests.conftest import config_of, write_data_folder
from tests.training.tiny import TINY


@pytest.mark.parametrize("model", ARCHITECTURES)
def test_training_leaves_a_checkpoint_that_loads(data_folder, tmp_path, model):
    train([model], [data_folder], tmp_path / "run", replace(TINY, epochs=1, mirrored=True))
    folder = tmp_path / "run" / model
    checkpoint = load_checkpoint(folder)
    assert checkpoint.config.architecture == model
    assert checkpoint.config.preprocessing.size == 64 and checkpoint.config.mirrored
    record = checkpoint.config.training
    assert record["config"]["loss"] == "bce+dice" and record["best"]["epoch"] == 1
    (data,) = record["data"]
    assert (data["name"], data["modality"], data["title"]) == ("heads", "t1ce", "Drawn heads")
    assert (data["training"]["cases"], data["training"]["groups"]) == (8, 4)
    assert (data["validation"]["cases"], data["validation"]["groups"]) == (2, 1)
    assert checkpoint.config.license == "cc0-1.0"
    assert (folder / "curves.png").stat().st_size > 5_000
    assert len(json.loads((folder / "curves.json").read_text())) == 1
    assert list((folder / "tensorboard").iterdir())


def test_a_judge_is_measured_and_not_learned_from(data_folder, tmp_path):
    judge = write_data_folder(tmp_path / "unseen", groups=3, of="other")
    config = replace(TINY, epochs=1)
    train(["unet"], [data_folder], tmp_path / "run", config, judge=[judge])
    train(["unet"], [data_folder], tmp_path / "alone", config)
    judged, alone = (
        json.loads((tmp_path / run / "unet/curves.json").read_text())[0] for run in ("run", "alone")
    )
    assert 0 <= judged.pop("dice_unseen") <= 1
    assert {**judged, "seconds": 0} == {**alone, "seconds": 0}
    with pytest.raises(InputError, match="--judge names heads"):
        train(["unet"], [data_folder], tmp_path / "both", config, judge=[data_folder])
    same = write_data_folder(tmp_path / "again", groups=3)
    with pytest.raises(InputError, match="--judge names again"):
        train(["unet"], [data_folder], tmp_path / "both", config, judge=[same])


def test_a_judge_without_a_lesion_is_refused_before_training(data_folder, tmp_path):
    judge = write_data_folder(tmp_path / "healthy", groups=3, of="other")
    for mask in (judge / "masks").iterdir():
        cv2.imwrite(str(mask), np.zeros_like(cv2.imread(str(mask))))
    with pytest.raises(InputError, match="No judging slice has a lesion"):
        train(["unet"], [data_folder], tmp_path / "run", TINY, judge=[judge])


@pytest.mark.slow
def test_training_learns(data_folder, tmp_path):
    config = replace(TINY, epochs=20, batch_size=2, learning_rate=1e-2, empty_share=0.0)
    train(["unet"], [data_folder], tmp_path / "run", config)
    curve = json.loads((tmp_path / "run/unet/curves.json").read_text())
    assert curve[-1]["loss"] < 0.75 * curve[0]["loss"]


def test_validation_groups_are_apart_and_the_same_every_time(data_folder):
    cases = cases_of_split([data_folder], "train")
    training, validation = hold_out_validation(cases, 0.2)
    assert {case.group for case in training}.isdisjoint({case.group for case in validation})
    assert hold_out_validation(cases[::-1], 0.2)[1][::-1] == validation
    assert all(case.split == "train" for case in training + validation)
    with pytest.raises(InputError, match="too few"):
        hold_out_validation([case for case in cases if case.group == "group0"], 0.2)


def test_a_patient_in_two_folders_is_held_out_of_both(data_folder):
    cases = cases_of_split([data_folder], "train")
    again = [replace(case, source="again") for case in cases]
    _, validation = hold_out_validation(cases + again, 0.2)
    one, other = (
        {c.group for c in validation if c.source == s} for s in (cases[0].source, "again")
    )
    assert one == other
    _, most = hold_out_validation(cases, 0.5)
    assert len({case.group for case in most}) > 1
    named = [replace(case, source="again") for case in most]
    with pytest.raises(InputError, match="All patients of again are held out"):
        hold_out_validation(cases + named, 0.5)
    shifted = [replace(case, source="again") for case in cases if case.group != cases[0].group]
    training, validation = hold_out_validation(cases + shifted, 0.2)
    assert {case.group for case in training}.isdisjoint({case.group for case in validation})


def test_validation_of_single_slices_splits_groups(data_folder):
    cases = cases_of_split([data_folder], "train")
    training, validation = hold_out_validation(cases, 0.3, "slice")
    assert len(validation) == 3 and len(training) == 7
    assert sorted(training + validation, key=cases.index) == cases
    assert {case.group for case in training} & {case.group for case in validation}
    assert hold_out_validation(cases[::-1], 0.3, "slice")[1][::-1] == validation
    with pytest.raises(InputError, match="1 training cases, too few"):
        hold_out_validation(cases[:1], 0.3, "slice")


def test_a_training_with_single_slices_says_so(data_folder, tmp_path):
    config = replace(TINY, epochs=1, validation_share=0.4, validation_by="slice")
    train(["unet"], [data_folder], tmp_path / "run", config)
    record = load_checkpoint(tmp_path / "run/unet").config.training
    assert record["config"]["validation_by"] == "slice"
    assert record["data"][0]["validation"]["cases"] == 4
    assert "at random" in (tmp_path / "run/unet/README.md").read_text()


def test_bad_masks_are_all_listed_before_training(data_folder, tmp_path):
    cv2.imwrite(str(data_folder / "masks/0.png"), np.zeros((50, 50), np.uint8))
    cv2.imwrite(str(data_folder / "masks/4.png"), np.full((128, 120), 7, np.uint8))
    (data_folder / "images/9.png").write_bytes(b"no picture")
    with pytest.raises(InputError) as error:
        train(["unet"], [data_folder], tmp_path / "run", TINY)
    for part in ("row 2: The ground truth 0.png is 50 x 50", "row 6: The ground truth 4.png has"):
        assert part in str(error.value)
    assert "row 11: 9.png is not an image" in str(error.value)
    assert not (tmp_path / "run/unet").exists()


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"encoder": "resnet-of-nobody"}, 'the encoder "resnet-of-nobody"'),
        ({"encoder_weights": "imagenet"}, "no ImageNet weights for the encoder"),
        ({"decoder_channels": (8, 8, 8, 8)}, "earlier/unet has the encoder"),
    ],
)
def test_a_network_that_does_not_fit_is_told_before_training(
    data_folder, tmp_path, changes, sentence
):
    network = build_network("unet", TINY.encoder, TINY.decoder_channels)
    config = config_of("unet", encoder=TINY.encoder, decoder_channels=TINY.decoder_channels)
    save_checkpoint(tmp_path / "earlier/unet", config, network.state_dict())
    with pytest.raises(InputError, match=sentence):
        train(
            ["unet"], [data_folder], tmp_path / "run", replace(TINY, **changes),
            start=tmp_path / "earlier",
        )  # fmt: skip
    assert not (tmp_path / "run").exists()


def test_faults_of_weights_and_data_are_told_together(data_folder, tmp_path):
    (data_folder / "images/4.png").unlink()
    with pytest.raises(InputError) as error:
        train(["unet"], [data_folder], tmp_path / "run", replace(TINY, encoder_weights="imagenet"))
    assert "no ImageNet weights" in str(error.value) and "4.png is missing" in str(error.value)


def test_the_learning_rate_rises_stays_and_falls_to_zero():
    config = replace(TINY, epochs=10, warm_up=0.5, cool_down=0.2)
    rates = [rate(epoch, config) for epoch in (0, 0.25, 0.5, 1, 8, 9, 10)]
    assert rates == [0, 0.5, 1, 1, 1, 0.5, 0]


def test_the_last_epoch_is_kept_where_asked(data_folder, tmp_path, monkeypatch):
    scores = iter([0.9, 0.1] * 2)

    def score(*_):
        dice = next(scores)
        return {"dice": dice, "dice_heads": dice, "empty_false_positive_rate": math.nan}

    monkeypatch.setattr(loop, "validate", score)
    for keep_last, epoch in ((False, 1), (True, 2)):
        folder = tmp_path / str(keep_last)
        train(["unet"], [data_folder], folder, replace(TINY, epochs=2, keep_last=keep_last))
        best = load_checkpoint(folder / "unet").config.training["best"]
        # What is undefined is null: NaN is no JSON.
        assert best["epoch"] == epoch and best["empty_false_positive_rate"] is None
        assert "NaN" not in (folder / "unet/curves.json").read_text()


def test_slices_may_be_smaller_before_the_cool_down(data_folder, tmp_path, monkeypatch):
    seen = []
    build = loop.build_loss

    def watched(words):
        loss = build(words)

        def measure(logits, masks):
            assert logits.shape == masks.shape and 0 < masks.max() <= 1
            seen.append(tuple(masks.shape[2:]))
            return loss(logits, masks)

        return measure

    monkeypatch.setattr(loop, "build_loss", watched)
    train(["unet"], [data_folder], tmp_path, replace(TINY, epochs=2, cool_down=0.5, early_size=32))
    half = len(seen) // 2
    assert half and seen == [(32, 32)] * half + [(64, 64)] * half
    assert load_checkpoint(tmp_path / "unet").config.preprocessing.size == 64


def test_too_few_slices_for_a_batch(data_folder, tmp_path):
    with pytest.raises(InputError, match="fewer than one batch of 64"):
        train(["unet"], [data_folder], tmp_path / "run", replace(TINY, batch_size=64))
