"""A training that was interrupted, or goes on with more epochs."""

import json
import math
import shutil
from dataclasses import replace

import pytest
import torch

from metaseg.checkpoint import load_checkpoint
from metaseg.data.dataset import write_dataset
from metaseg.errors import InputError
from metaseg.training import loop
from metaseg.training.train import train
from tests.conftest import DRAWN, write_data_folder
from tests.training.tiny import TINY


@pytest.mark.slow
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


def test_resuming_on_other_terms_is_refused(data_folder, tmp_path):
    train(["unet"], [data_folder], tmp_path / "run", replace(TINY, epochs=2))
    with pytest.raises(InputError, match="trained for 2 of 2 epochs: --resume needs"):
        train(["unet"], [data_folder], tmp_path / "run", replace(TINY, epochs=1), resume=True)
    last = tmp_path / "run" / "unet" / "last.pt"
    before = last.read_bytes()
    with pytest.raises(InputError, match="unet in the output folder is a trained network already"):
        train(["unet"], [data_folder], tmp_path / "run", TINY)
    wider = replace(TINY, epochs=2, decoder_channels=(16, 16, 16, 16), learning_rate=0.5, seed=9)
    with pytest.raises(InputError, match=r"differ: decoder_channels, learning_rate, seed\.$"):
        train(["unet"], [data_folder], tmp_path / "run", wider, resume=True)
    shutil.copytree(data_folder, tmp_path / "other")
    with pytest.raises(InputError, match=r"differ: data\.$"):
        train(
            ["unet"], [tmp_path / "other"], tmp_path / "run", replace(TINY, epochs=3), resume=True
        )
    assert last.read_bytes() == before
    last.write_bytes(before[:1000])
    with pytest.raises(InputError, match=r"unet/last\.pt is damaged or of another version"):
        train(["unet"], [data_folder], tmp_path / "run", replace(TINY, epochs=2), resume=True)
    for path in last.parent.glob("*.pt"):
        path.unlink()
    weights = (last.parent / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match=r"network without the last\.pt that --resume needs"):
        train(["unet"], [data_folder], tmp_path / "run", replace(TINY, epochs=3), resume=True)
    assert (last.parent / "model.safetensors").read_bytes() == weights


def test_what_is_said_of_the_data_is_a_term_too(data_folder, tmp_path, monkeypatch):
    config = replace(TINY, epochs=2, cool_down=0.0)
    train(["unet"], [data_folder], tmp_path / "run", replace(config, epochs=1))
    write_dataset(data_folder, DRAWN.model_copy(update={"modality": "t1"}))
    with pytest.raises(InputError, match=r"differ: data\.$"):
        train(["unet"], [data_folder], tmp_path / "run", config, resume=True)
    write_dataset(data_folder, DRAWN)
    monkeypatch.setattr("metaseg.training.config.VERSION", 99)
    with pytest.raises(InputError, match=r"differ: preprocessing\.$"):
        train(["unet"], [data_folder], tmp_path / "run", config, resume=True)


def test_a_resumed_training_may_be_judged_on_another_folder(data_folder, tmp_path):
    config = replace(TINY, epochs=2, cool_down=0.0)
    train(["unet"], [data_folder], tmp_path / "run", replace(config, epochs=1))
    judge = [write_data_folder(tmp_path / "other", groups=3, of="other")]
    train(["unet"], [data_folder], tmp_path / "run", config, resume=True, judge=judge)
    curves = json.loads((tmp_path / "run/unet/curves.json").read_text())
    assert ["dice_other" in entry for entry in curves] == [False, True]


@pytest.mark.slow
def test_more_epochs_continue_from_before_the_cool_down(data_folder, tmp_path):
    longer = replace(TINY, epochs=6, cool_down=0.5)
    train(["unet"], [data_folder], tmp_path / "once", longer)
    once = load_checkpoint(tmp_path / "once/unet").network.state_dict()
    for done in (1, 2, 4):
        run = tmp_path / f"long{done}"
        train(["unet"], [data_folder], run, replace(longer, epochs=done))
        train(["unet"], [data_folder], run, longer, resume=True)
        extended = load_checkpoint(run / "unet").network.state_dict()
        assert all(torch.equal(extended[name], once[name]) for name in once), done


@pytest.mark.slow
def test_the_best_epoch_is_not_one_of_a_cool_down_that_more_epochs_replace(
    data_folder, tmp_path, monkeypatch
):
    longer = replace(TINY, epochs=4, cool_down=0.5)
    states = []
    for run, scores in (("long", (0.4, 0.9, 0.5, 0.3, 0.2)), ("once", (0.4, 0.5, 0.3, 0.2))):
        measured = iter([{"dice": dice, "empty_false_positive_rate": 0.0} for dice in scores])
        monkeypatch.setattr(loop, "validate", lambda *_, measured=measured: next(measured))
        if run == "long":
            train(["unet"], [data_folder], tmp_path / run, replace(TINY, epochs=2, cool_down=0.5))
        train(["unet"], [data_folder], tmp_path / run, longer, resume=True)
        made = load_checkpoint(tmp_path / run / "unet")
        assert made.config.training["best"]["epoch"] == 2
        assert made.config.training["best"]["dice"] == 0.5
        states.append(made.network.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


def test_a_training_that_diverges_says_so_and_keeps_what_there_was(
    data_folder, tmp_path, monkeypatch
):
    train(["unet"], [data_folder], tmp_path, replace(TINY, epochs=1, cool_down=0.0))
    monkeypatch.setattr(loop, "build_loss", lambda _: lambda logits, masks: logits.sum() * math.nan)
    with pytest.raises(InputError, match="learning_rate"):
        train(["unet"], [data_folder], tmp_path, replace(TINY, epochs=2, cool_down=0), resume=True)
    assert load_checkpoint(tmp_path / "unet").config.training["best"]["epoch"] == 1
