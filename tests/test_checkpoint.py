import hashlib
import json

import pytest
import torch

from metaseg.checkpoint import CONFIG, METRICS, WEIGHTS, load_checkpoint, save_checkpoint
from metaseg.errors import InputError
from metaseg.models import ARCHITECTURES
from metaseg.sources import load_models
from tests.conftest import small_checkpoint


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
        expected = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(loaded.network.state_dict()[name], expected), name
    assert not loaded.network.training


def change(folder, **values):
    path = folder / CONFIG
    config = json.loads(path.read_text()) | values
    path.write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda f: change(f, format=2), "format 2"),
        (lambda f: change(f, architecture="transformer"), "unknown architecture, transformer"),
        (lambda f: change(f, preprocessing={"colour": 1}), "config.json .* damaged"),
        (lambda f: change(f, decoder_channels=[8, 8, 8, 8]), "another architecture"),
        (lambda f: (f / CONFIG).write_text("{"), "damaged"),
        (lambda f: (f / CONFIG).unlink(), "no checkpoint"),
        (lambda f: (f / WEIGHTS).unlink(), "has no model.safetensors"),
        (lambda f: (f / WEIGHTS).write_bytes(b"x" * 50), "damaged"),
        (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-100]), "damaged"),
    ],
)
def test_a_damaged_checkpoint_is_refused_in_a_sentence(folder, damage, sentence):
    damage(folder)
    with pytest.raises(InputError, match=sentence) as error:
        load_checkpoint(folder)
    assert str(folder.parent) not in str(error.value)


def test_figures_count_for_the_weights_and_settings_they_were_measured_with(folder):
    loaded = load_checkpoint(folder)
    own = {"revision": loaded.revision, "threshold": 0.5, "temperature": 1.0, "cases": 3}
    own["view"] = json.loads(json.dumps(loaded.config.conditions["view"]))
    others = (
        {"revision": "0" * 64},
        {"threshold": 0.4},
        {"temperature": 2.0},
        {"view": own["view"] | {"turned": True}},
        {"view": own["view"] | {"preprocessing": {}}},
    )
    measured = {"own": own} | {f"other{n}": own | other for n, other in enumerate(others)}
    (folder / METRICS).write_text(json.dumps(measured))
    assert load_checkpoint(folder).metrics == {"own": own}
    assert load_checkpoint(folder, revision="of the Hub").metrics == {"own": own}


def test_weights_that_float16_cannot_hold_are_not_saved(tmp_path):
    with pytest.raises(ValueError, match="float16"):
        save_checkpoint(tmp_path, small_checkpoint("unet").config, {"w": torch.tensor([1e6])})
    assert not list(tmp_path.glob("*.safetensors"))


def test_shipped_and_unknown_names():
    by_title, by_name = load_models(["Attention U-Net"]), load_models(["attention_unet"])
    assert by_title[0].revision == by_name[0].revision
    with pytest.raises(InputError, match="no model «resnet»"):
        load_models(["resnet"])
