"""Recipes: the file changes the defaults, the command line changes the file."""

from dataclasses import fields
from pathlib import Path

import pytest

from metaseg.errors import InputError
from metaseg.models import ARCHITECTURES
from metaseg.training.config import TrainingConfig
from metaseg.training.recipe import read_config

RECIPES = Path(__file__).parents[2] / "recipes"


def test_the_command_line_wins_over_the_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("epochs: 3\nlearning_rate: 1e-3\ndecoder_channels: [8, 8, 16, 16]\n")
    config = read_config(recipe, {"epochs": 5})
    assert config.epochs == 5 and config.learning_rate == 1e-3
    assert config.decoder_channels == (8, 8, 16, 16) and config.loss == TrainingConfig().loss
    assert read_config(None, {}) == TrainingConfig()


@pytest.mark.parametrize("recipe", sorted(RECIPES.iterdir()), ids=lambda recipe: recipe.stem)
def test_the_recipes_that_ship_are_valid(recipe: Path) -> None:
    assert read_config(recipe, {}).size >= 128


def test_the_three_networks_are_trained_alike() -> None:
    first, *others = (read_config(RECIPES / f"{name}.yaml", {}) for name in ARCHITECTURES)
    assert others == [first] * 2 and first.encoder_weights == "imagenet"


def test_all_faults_of_a_recipe_are_listed(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        "epoch: 3\nbatch_size: many\nsize: 160.5\nloss: bce+hinge\nmetastases: 2\n"
        "freeze_batch_norm: 1\nseed: true\nvalidation_by: patient\nearly_size: 256\n"
    )
    with pytest.raises(InputError, match=r"recipe mine\.yaml") as error:
        read_config(recipe, {})
    for part in (
        "epoch is not a recipe field",
        "batch_size cannot be 'many'",
        "size cannot be 160.5",
        "Unknown loss hinge",
        "metastases must be between 0 and 1",
        "freeze_batch_norm cannot be 1",
        "seed cannot be True",
        "validation_by must be one of group, slice",
        "early_size must be 0, or from 32 to size",
    ):
        assert part in str(error.value)


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "a: [1\n"])
def test_a_recipe_that_is_no_recipe(tmp_path: Path, text: str) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(text)
    with pytest.raises(InputError, match=r"mine\.yaml"):
        read_config(recipe, {})
    with pytest.raises(InputError, match=r"no recipe none\.yaml"):
        read_config(tmp_path / "none.yaml", {})


def test_every_field_is_explained() -> None:
    source = Path(__file__).parents[2] / "metaseg" / "training"
    text = "".join(
        (source / name).read_text() for name in ("config.py", "robustness.py", "sampling.py")
    )
    for field in fields(TrainingConfig):
        assert f"\n    {field.name}: " in text
        after = text.split(f"\n    {field.name}: ")[1].split("\n")[1]
        assert after.lstrip().startswith('"""'), field.name
