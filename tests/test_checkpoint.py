import hashlib
import json
import math
from dataclasses import fields

import pytest
import torch

from metaseg.checkpoint import (
    CONFIG,
    METRICS,
    WEIGHTS,
    Config,
    load_checkpoint,
    read_config,
    save_checkpoint,
)
from metaseg.errors import InputError
from metaseg.hub.resolve import load_models
from metaseg.models import ARCHITECTURES
from metaseg.preprocess import VERSION, Preprocessing
from tests.conftest import preprocessing, small_checkpoint


@pytest.fixture(params=ARCHITECTURES)
def folder(request, tmp_path):
    checkpoint = small_checkpoint(request.param)
    path = tmp_path / request.param
    save_checkpoint(path, checkpoint.config, checkpoint.network.state_dict())
    return path


def test_round_trip(folder):
    original, loaded = small_checkpoint(folder.name), load_checkpoint(folder)
    assert loaded.config == original.config and loaded.name == folder.name
    assert loaded.revision == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    for name, tensor in original.network.state_dict().items():
        exact = "running_" in name or not tensor.is_floating_point()
        expected = tensor if exact else tensor.half().float()
        assert torch.equal(loaded.network.state_dict()[name], expected), name
    assert not loaded.network.training


def change(folder, without=(), preprocessing=(), **values):
    """Replace values of the config and of its preprocessing, and leave out those of ``without``."""
    path = folder / CONFIG
    config = json.loads(path.read_text()) | values
    config["preprocessing"] |= dict(preprocessing)
    path.write_text(json.dumps({key: config[key] for key in config if key not in without}))


def seen(**values):
    return lambda folder: change(folder, preprocessing=values)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda f: change(f, format=3), "format 3 .* reads format 4: fetch it again, or train"),
        (lambda f: change(f, format=5), "format 5 .* reads format 4: update MetaSeg"),
        (lambda f: change(f, ["preprocessing"], format=5), "format 5 .* reads format 4"),
        (lambda f: change(f, format="2"), "damaged .format cannot be "),
        (seen(version=VERSION - 1), f"under version {VERSION - 1} .* fetch it again, or train"),
        (seen(version=VERSION + 1), f"under version {VERSION + 1} .* update MetaSeg"),
        (seen(version=VERSION - 1, gone=1), f"under version {VERSION - 1} .* fetch it again"),
        (lambda f: change(f, architecture="transformer"), "architecture transformer is unknown"),
        (lambda f: change(f, decoder_channels=[8, 8, 8, 8]), "another architecture"),
        (lambda f: (f / CONFIG).write_text("{"), "damaged .it is not JSON"),
        (lambda f: (f / CONFIG).write_text("[2]"), "damaged"),
        (lambda f: (f / CONFIG).write_bytes(b"\xff\xfe{}"), "damaged"),
        (lambda f: (f / CONFIG).unlink(), "name the folder of a checkpoint"),
        (lambda f: (f / WEIGHTS).unlink(), "has no model.safetensors"),
        (lambda f: (f / WEIGHTS).write_bytes(b"x" * 50), "damaged"),
        (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-100]), "damaged"),
        (lambda f: (f / METRICS).write_text('{"a": 1}'), "metrics.json .*a cannot be 1"),
        (lambda f: (f / METRICS).write_text("["), "metrics.json .*not JSON"),
    ],
)
def test_a_damaged_checkpoint_is_refused_in_a_sentence(folder, damage, sentence):
    damage(folder)
    with pytest.raises(InputError, match=sentence) as error:
        load_checkpoint(folder)
    assert str(folder.parent) not in str(error.value) and "\n" not in str(error.value)


FIELDS = [field.name for field in fields(Config)]


@pytest.mark.parametrize("name", [*FIELDS, *(field.name for field in fields(Preprocessing))])
def test_no_field_takes_a_default(tmp_path, name):
    save_checkpoint(tmp_path, small_checkpoint("unet").config, {})
    path = tmp_path / CONFIG
    config = json.loads(path.read_text())
    del (config if name in FIELDS else config["preprocessing"])[name]
    path.write_text(json.dumps(config))
    with pytest.raises(InputError, match=rf"\b{name} is missing"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *[("size", value) for value in (0, -5, "a", 100_000, 7, 64.5, None, True)],
        *[("clahe_tile_grid", value) for value in (0, -1, 10_000)],
        *[("minimum_deviation", value) for value in (0, -1, "x")],
        *[("clahe_clip_limit", value) for value in (0, 1e9)],
        *[("channels", value) for value in ([], ["colour"], "window", ["window"] * 2)],
        *[("window", "room"), ("low_percentile", 99.9), ("colour", 1)],
        *[("temperature", value) for value in (0, "x", -1, 1e9)],
        *[("threshold", value) for value in (7, "a", -0.1, None, math.nan)],
        *[("sensitive_threshold", 2), ("mirrored", 1), ("input_check", {}), ("training", [])],
        *[("training", {key: 5}) for key in ("notes", "config", "data", "started_from")],
        *[
            ("volume", value)
            for value in ({}, 1, {"all_planes": 1, "growth": 1, "smallest_mm3": 0})
        ],
        ("volume", {"all_planes": True, "growth": 0.0, "smallest_mm3": 0.0}),
        *[("decoder_channels", value) for value in ([8, 8, 8], [0, 8, 8, 8], 8)],
        *[("encoder", 3), ("license", None), ("mirror", False), ("enlarge", 1.0)],
    ],
)
def test_a_value_out_of_range_is_named(tmp_path, place, value):
    save_checkpoint(tmp_path, small_checkpoint("unet").config, {})
    seen = place in {field.name for field in fields(Preprocessing)} | {"colour"}
    change(tmp_path, **({"preprocessing": {place: value}} if seen else {place: value}))
    with pytest.raises(InputError, match=place):
        read_config(tmp_path)


def test_a_config_that_is_nested_too_deep_is_damaged(tmp_path):
    (tmp_path / CONFIG).write_text('{"training":' + "[" * 100_000)
    with pytest.raises(InputError, match="is damaged"):
        read_config(tmp_path)


def test_all_faults_are_told_at_once(tmp_path):
    save_checkpoint(tmp_path, small_checkpoint("unet").config, {})
    change(tmp_path, ["license"], {"size": 7, "colour": 1}, threshold=7)
    with pytest.raises(InputError) as error:
        read_config(tmp_path, "mine")
    for part in (
        "checkpoint mine", "license is missing", "preprocessing.size cannot be 7",
        "preprocessing.colour is unknown", "threshold cannot be 7", "fetch it again",
    ):  # fmt: skip
        assert part in str(error.value)


def test_the_channels_are_the_networks_inputs(tmp_path):
    settings = preprocessing(64, channels=("window", "clahe", "gamma"))
    made = small_checkpoint("attention_unet", preprocessing=settings)
    save_checkpoint(tmp_path, made.config, made.network.state_dict())
    loaded = load_checkpoint(tmp_path)
    assert loaded.config == made.config
    assert loaded.network(torch.zeros(1, 3, 64, 64)).shape == (1, 1, 64, 64)
    change(tmp_path, preprocessing={"channels": ["window"]})
    with pytest.raises(InputError, match="belong to another architecture"):
        load_checkpoint(tmp_path)


def test_figures_count_for_the_weights_and_settings_they_were_measured_with(folder):
    loaded = load_checkpoint(folder)
    conditions = json.loads(json.dumps(loaded.config.conditions))
    own = {"revision": loaded.revision, **conditions, "cases": 3}
    others = (
        {"revision": "0" * 64},
        {"threshold": 0.4},
        {"sensitive_threshold": 0.1},
        {"temperature": 2.0},
        {"view": own["view"] | {"mirrored": True}},
        {"view": own["view"] | {"preprocessing": {}}},
    )
    measured = {"own": own} | {f"other{n}": own | other for n, other in enumerate(others)}
    (folder / METRICS).write_text(json.dumps(measured))
    assert load_checkpoint(folder).metrics == {"own": own}
    assert load_checkpoint(folder, revision="of the Hub").metrics == {"own": own}


@pytest.mark.parametrize("number", [1e6, math.inf, math.nan])
def test_a_training_that_diverged_is_not_saved(tmp_path, number):
    with pytest.raises(InputError, match="w is not finite"):
        save_checkpoint(tmp_path, small_checkpoint("unet").config, {"w": torch.tensor([number])})
    assert not list(tmp_path.glob("*.safetensors"))


def test_variances_larger_than_float16_are_stored(tmp_path):
    made = small_checkpoint("nested_unet")
    state = made.network.state_dict()
    variance = next(name for name in state if name.endswith(".running_var"))
    state[variance] = torch.full_like(state[variance], 72284.17)
    save_checkpoint(tmp_path, made.config, state)
    assert torch.equal(load_checkpoint(tmp_path).network.state_dict()[variance], state[variance])
    with pytest.raises(InputError, match=f"{variance} is not finite"):
        save_checkpoint(tmp_path, made.config, state | {variance: state[variance] * math.inf})


def test_shipped_and_unknown_names():
    by_title, by_name = load_models(["Attention U-Net"]), load_models(["attention_unet"])
    assert by_title[0].revision == by_name[0].revision
    with pytest.raises(InputError, match='no model "resnet"'):
        load_models(["resnet"])
