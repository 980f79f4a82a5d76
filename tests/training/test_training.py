import json
import math
from dataclasses import replace

import cv2
import nibabel
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from metaseg.checkpoint import load_checkpoint, save_checkpoint
from metaseg.data.case import read_case
from metaseg.data.cases import cases_of_split, hold_out_validation
from metaseg.data.prepared import FOR_TRAINING, FOR_VALIDATION, PreparedSlices, prepare_cases
from metaseg.errors import InputError
from metaseg.models import ARCHITECTURES, build_network
from metaseg.preprocess import network_input, prepare, to_grey_levels
from metaseg.training import dataset, loop
from metaseg.training.augmentation import augment, build_augmentation
from metaseg.training.config import TrainingConfig
from metaseg.training.dataset import AugmentedDataset, SliceDataset
from metaseg.training.losses import LOSSES, build_loss
from metaseg.training.sampling import Sampling, draw_epoch
from metaseg.training.train import train
from tests.conftest import config_of, draw_head, write_data_folder
from tests.training.tiny import TINY


@pytest.mark.parametrize("model", ARCHITECTURES)
def test_training_leaves_a_checkpoint_that_loads(data_folder, tmp_path, model):
    train([model], [data_folder], tmp_path / "run", replace(TINY, epochs=1, rotations=True))
    folder = tmp_path / "run" / model
    checkpoint = load_checkpoint(folder)
    assert checkpoint.config.architecture == model
    assert checkpoint.config.preprocessing.size == 64 and checkpoint.config.rotations
    record = checkpoint.config.training
    assert record["config"]["loss"] == "bce+dice" and record["best"]["epoch"] == 1
    (data,) = record["data"]
    assert (data["name"], data["modality"], data["title"]) == ("heads", "t1ce", "Drawn heads")
    assert data["training"] == {"cases": 8, "groups": 4}
    assert data["validation"] == {"cases": 2, "groups": 1}
    assert checkpoint.config.license == "cc0-1.0"
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


def test_a_judge_is_measured_and_not_learned_from(data_folder, tmp_path):
    judge = write_data_folder(tmp_path / "unseen", groups=3)
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


SETTINGS = TrainingConfig(size=64, channels=("window", "clahe", "gamma")).preprocessing


def test_epochs_differ_and_repeat(data_folder, tmp_path):
    cases = cases_of_split([data_folder], "train")
    cache = tmp_path / "cache"
    slices = prepare_cases(cases, SETTINGS, cache, FOR_TRAINING)
    again = prepare_cases(cases, SETTINGS, cache, FOR_TRAINING)
    assert np.array_equal(slices.greys, again.greys) and len(list(cache.iterdir())) == 1

    def epoch(number, share=0.5):
        sampling = Sampling(empty_share=share)
        return AugmentedDataset(slices, SETTINGS, seed=0, epoch=number, sampling=sampling)

    first, same, other = epoch(0), epoch(0), epoch(1)
    assert first[0][0].shape == (3, 64, 64) and first[0][1].shape == (1, 64, 64)
    assert all(torch.equal(a, b) for x, y in zip(first, same) for a, b in zip(x, y))
    assert not all(torch.equal(x[0], y[0]) for x, y in zip(first, other))
    lesions = int(slices.has_lesion.sum())
    assert len(epoch(0, 0.0)) == lesions and len(epoch(0, 0.3)) == lesions + round(0.3 * lesions)


def test_training_sees_what_serving_sees(data_folder, tmp_path):
    cases = cases_of_split([data_folder], "train")
    slices = prepare_cases(cases, SETTINGS, tmp_path / "cache", FOR_VALIDATION)
    scan, _ = read_case(cases[0])
    grey, _ = prepare(to_grey_levels(scan.voxels[0], scan.eight_bit, SETTINGS), SETTINGS)
    seen, _ = SliceDataset(slices, SETTINGS, np.arange(len(slices.greys)))[0]
    assert np.array_equal(seen.numpy(), network_input(grey, SETTINGS))


def write_volume(folder, zooms):
    """A data folder of one volume (48, 40, 36) with a lesion of 8 voxels a side."""
    voxels, mask = np.zeros((48, 40, 36), np.int16), np.zeros((48, 40, 36), np.uint8)
    voxels[4:44, 4:36, 4:32] = np.random.default_rng(0).integers(300, 400, (40, 32, 28))
    voxels = np.int16(gaussian_filter(voxels.astype(float), 1.5))
    mask[20:28, 16:24, 12:20] = 1
    voxels[mask > 0] = 900
    (folder / "images").mkdir(parents=True)
    affine = np.diag([*zooms, 1.0])
    for name, array in (("image", voxels), ("mask", mask)):
        nibabel.save(nibabel.Nifti1Image(array, affine), folder / f"images/{name}.nii")
    (folder / "cases.csv").write_text(
        "case,group,image,mask,split\nv,p,images/image.nii,images/mask.nii,train\n"
    )
    (folder / "dataset.toml").write_text(
        'title = "t"\nmodality = "t1ce"\ntarget = "t"\nskull_stripped = true\ngroups = "patients"\n'
        'license = "CC0-1.0"\n'
    )
    return cases_of_split([folder], "train")


@pytest.mark.parametrize("zooms, planes", [((1, 1, 1), 3), ((1, 1, 5), 1)])
def test_isotropic_volumes_are_cut_in_three_planes(tmp_path, zooms, planes):
    cases = write_volume(tmp_path / "volume", zooms)
    slices = prepare_cases(cases, SETTINGS, tmp_path / "cache", FOR_TRAINING)
    assert len(set(slices.planes)) == planes and set(slices.cases) == {"v"}
    axial = slices.planes == "axial"
    # Every second slice of 1 mm, and every one of 5 mm, through a lesion of eight.
    assert slices.has_lesion[axial].sum() == (4 if zooms[2] == 1 else 8)
    assert np.allclose(slices.pixel_mm * 64, slices.pixel_mm[0] * 64, rtol=0.5)
    lesion = slices.masks[slices.has_lesion]
    assert slices.brains[slices.has_lesion][lesion].all()
    assert np.array_equal(slices.areas, slices.masks.sum(axis=(1, 2)))
    validation = prepare_cases(cases, SETTINGS, tmp_path / "cache", FOR_VALIDATION)
    assert set(validation.planes) == {"axial"}


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


def test_the_supervised_outputs_weigh_the_same():
    truth = torch.zeros(1, 1, 8, 8)
    truth[..., 2:5, 3:6] = 1
    parts = [torch.randn(1, 1, 8, 8) for _ in range(3)]
    single = [build_loss("bce")(part, truth) for part in parts]
    whole = build_loss("bce")(torch.cat(parts, dim=1), truth)
    torch.testing.assert_close(whole, sum(single) / 3)


def slices_of(areas: np.ndarray, sources: np.ndarray) -> PreparedSlices:
    """Slices of which nothing is known but lesion areas and sources."""
    others = dict.fromkeys(PreparedSlices.__dataclass_fields__, np.empty(0))
    return PreparedSlices(**{**others, "areas": areas, "sources": sources})


def test_balance_shows_small_lesions_more_often():
    slices = slices_of(np.array([900] * 90 + [3] * 10 + [0]), np.full(101, "one"))
    random = np.random.default_rng(0)
    drawn = draw_epoch(slices, Sampling(empty_share=0), random)
    assert np.array_equal(np.sort(drawn), np.arange(100))
    drawn = draw_epoch(slices, Sampling(empty_share=0, size_balance=1), random)
    counts = np.bincount(drawn, minlength=101)
    assert len(drawn) == 100 and counts[100] == 0
    assert counts[90:100].sum() in (49, 50, 51) and counts[90:100].min() >= 4


def test_every_enhancing_source_gives_tumours_to_copy(monkeypatch):
    grey, mask = draw_head((96, 96))
    count = 12
    repeated = {"greys": np.stack([grey] * count), "masks": np.stack([mask] * count)}
    slices = slices_of(np.full(count, mask.sum()), np.repeat(["one", "two", "flair"], 4))
    modalities = np.repeat(["t1ce", "t1ce", "flair"], 4)
    slices = replace(slices, **repeated, modalities=modalities)
    monkeypatch.setattr(dataset, "DONORS", 3)
    assert len(dataset.find_donors(slices)) == 6


def test_no_source_drowns_the_others():
    sources = np.repeat(["large", "small"], [1000, 60])
    slices = slices_of(np.where(np.arange(1060) % 2, 50, 0), sources)
    for balance, share in ((0.0, 30 / 530), (0.5, 30**0.5 / (30**0.5 + 500**0.5)), (1.0, 0.5)):
        sampling = Sampling(epoch_slices=200, empty_share=0.1, source_balance=balance)
        drawn = draw_epoch(slices, sampling, np.random.default_rng(0))
        lesion = drawn[slices.has_lesion[drawn]]
        assert abs(np.mean(slices.sources[lesion] == "small") - share) < 0.01
        assert len(lesion) == 200 and len(drawn) == pytest.approx(220, abs=1)


def test_training_stops_early(data_folder, tmp_path):
    config = replace(TINY, epochs=9, patience=1, learning_rate=1e-9)
    train(["unet"], [data_folder], tmp_path / "run", config)
    curve = json.loads((tmp_path / "run/unet/curves.json").read_text())
    assert len(curve) == 2 and list((tmp_path / "run/unet/tensorboard").iterdir())
    train(["unet"], [data_folder], tmp_path / "run", config, resume=True)
    assert len(json.loads((tmp_path / "run/unet/curves.json").read_text())) == 2


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


def test_resuming_on_other_terms_is_refused(data_folder, tmp_path):
    train(["unet"], [data_folder], tmp_path / "run", replace(TINY, epochs=1))
    with pytest.raises(InputError, match="--resume needs"):
        train(["unet"], [data_folder], tmp_path / "run", replace(TINY, epochs=2), resume=True)


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


def test_too_few_slices_for_a_batch(data_folder, tmp_path):
    with pytest.raises(InputError, match="fewer than one batch of 64"):
        train(["unet"], [data_folder], tmp_path / "run", replace(TINY, batch_size=64))
