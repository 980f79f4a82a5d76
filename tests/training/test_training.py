import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from metaseg.checkpoint import load_checkpoint
from metaseg.data.cases import carve_validation, cases_of_split
from metaseg.data.prepared import prepare_cases
from metaseg.errors import InputError
from metaseg.models import ARCHITECTURES
from metaseg.preprocess import Preprocessing
from metaseg.training import TrainingConfig, loop, train
from metaseg.training.augmentation import augment, build_augmentation
from metaseg.training.dataset import AugmentedDataset
from metaseg.training.losses import LOSSES, build_loss
from tests.conftest import SMALL_ENCODER, SMALL_WIDTHS, draw_head

TINY = TrainingConfig(
    encoder=SMALL_ENCODER,
    decoder_channels=SMALL_WIDTHS,
    size=64,
    epochs=3,
    batch_size=4,
    ema_decay=0.5,
    validation_share=0.2,
)


@pytest.mark.parametrize("model", ARCHITECTURES)
def test_training_leaves_a_checkpoint_that_loads(data_folder, tmp_path, model):
    train([model], [data_folder], tmp_path / "run", replace(TINY, epochs=1))
    folder = tmp_path / "run" / model
    checkpoint = load_checkpoint(folder)
    assert checkpoint.config.architecture == model
    assert checkpoint.config.preprocessing.size == 64
    record = checkpoint.config.training
    assert record["config"]["loss"] == "bce+dice" and record["best"]["epoch"] == 1
    assert record["training"]["heads"] == {"cases": 8, "groups": 4}
    assert record["validation"]["heads"] == {"cases": 2, "groups": 1}
    assert (folder / "curves.png").stat().st_size > 5_000
    assert len(json.loads((folder / "curves.json").read_text())) == 1


def test_a_resumed_run_equals_an_unbroken_one(data_folder, tmp_path, monkeypatch):
    train(["unet"], [data_folder], tmp_path / "whole", TINY)

    def interrupted(*arguments):
        raise KeyboardInterrupt

    write_curves, calls = loop.write_curves, []

    def stop_after_two(*arguments):
        calls.append(1)
        # The third epoch is cut off before anything of it is kept.
        return interrupted() if len(calls) == 3 else write_curves(*arguments)

    monkeypatch.setattr(loop, "write_curves", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        train(["unet"], [data_folder], tmp_path / "broken", TINY)
    monkeypatch.undo()
    train(["unet"], [data_folder], tmp_path / "broken", TINY, resume=True)

    def curve(run):
        entries = json.loads((tmp_path / run / "unet/curves.json").read_text())
        return [{key: e[key] for key in e if key != "seconds"} for e in entries]

    assert curve("whole") == curve("broken") and len(curve("whole")) == 3
    states = [
        torch.load(tmp_path / run / "unet/last.pt", weights_only=True)
        for run in ("whole", "broken")
    ]
    for part in ("network", "averaged"):
        for name, tensor in states[0][part].items():
            assert torch.equal(tensor, states[1][part][name]), name


def test_training_learns(data_folder, tmp_path):
    config = replace(TINY, epochs=20, batch_size=2, learning_rate=1e-2, empty_share=0.0)
    train(["unet"], [data_folder], tmp_path / "run", config)
    curve = json.loads((tmp_path / "run/unet/curves.json").read_text())
    assert curve[-1]["loss"] < 0.75 * curve[0]["loss"]


def test_validation_groups_are_apart_and_the_same_every_time(data_folder):
    cases = cases_of_split([data_folder], "train")
    training, validation = carve_validation(cases, 0.2)
    assert {case.group for case in training}.isdisjoint({case.group for case in validation})
    assert carve_validation(cases[::-1], 0.2)[1][::-1] == validation
    assert all(case.split == "train" for case in training + validation)
    with pytest.raises(InputError, match="too few"):
        carve_validation([case for case in cases if case.group == "group0"], 0.2)


def test_epochs_differ_and_repeat(data_folder, tmp_path):
    cases = cases_of_split([data_folder], "train")
    settings = Preprocessing(size=64)
    cache = tmp_path / "cache"
    slices = prepare_cases(cases, settings, cache)
    again = prepare_cases(cases, settings, cache)
    assert np.array_equal(slices.levels, again.levels) and len(list(cache.iterdir())) == 1

    def epoch(number, share=0.5):
        return AugmentedDataset(slices, settings, share, seed=0, epoch=number)

    first, same, other = epoch(0), epoch(0), epoch(1)
    assert all(torch.equal(a, b) for x, y in zip(first, same) for a, b in zip(x, y))
    assert not all(torch.equal(x[0], y[0]) for x, y in zip(first, other))
    lesions = int(slices.has_lesion.sum())
    assert len(epoch(0, 0.0)) == lesions and len(epoch(0, 0.3)) == lesions + round(0.3 * lesions)


def test_augmentation_moves_slice_and_mask_together():
    grey, mask = draw_head((96, 96))
    pipeline = build_augmentation()
    agree = []
    for index in range(30):
        levels, moved = augment(pipeline, grey, mask, (0, 0, index))
        assert levels.dtype == np.uint8 and moved.dtype == bool and levels.shape == moved.shape
        if moved.sum() > 30:
            agree.append(levels[moved].mean() - levels[~moved].mean())
    # The drawn lesion is the brightest thing in the head, wherever it went.
    assert len(agree) > 20 and min(agree) > 30


@pytest.mark.parametrize("name", LOSSES)
def test_losses_reward_the_truth(name):
    truth = torch.zeros(2, 1, 8, 8)
    truth[..., 2:5, 3:6] = 1
    loss = build_loss(name)
    right, wrong = (truth * 2 - 1) * 9, (1 - truth * 2) * 9
    assert loss(right, truth) < 0.01 < 0.5 < loss(wrong, truth)
    halves = loss(torch.cat([right, wrong], dim=1), truth)
    torch.testing.assert_close(halves, (loss(right, truth) + loss(wrong, truth)) / 2)


def test_losses_add_up_by_name():
    logits, truth = torch.randn(2, 1, 8, 8), (torch.rand(2, 1, 8, 8) > 0.5).float()
    total = build_loss("bce")(logits, truth) + build_loss("dice")(logits, truth)
    torch.testing.assert_close(build_loss("bce+dice")(logits, truth), total)
    with pytest.raises(InputError, match="Unknown loss hinge"):
        build_loss("bce+hinge")
