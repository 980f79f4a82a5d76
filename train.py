"""Train the networks: python train.py --model nested_unet --data DIR --output DIR"""

import argparse
import sys
from dataclasses import fields
from functools import partial
from pathlib import Path

import cv2

from metaseg.cli.options import add_modality
from metaseg.data.cases import read_cases
from metaseg.errors import InputError, disk_errors, together
from metaseg.files import output_folder
from metaseg.hub.push import check_login, plain_repo_id, push_model
from metaseg.models import TITLES
from metaseg.training.config import TrainingConfig
from metaseg.training.recipe import add_options, read_config


def main() -> int:
    """Train as the options say. Bad input gives one sentence and exit status 2."""
    parser = argparse.ArgumentParser(
        description="Train one or more networks on the training split of data folders."
    )
    parser.add_argument(
        "--model", action="append", required=True, choices=list(TITLES), dest="models"
    )
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        type=Path,
        metavar="DIR",
        help='data folder, or "synthetic" for drawn heads; repeatable',
    )
    parser.add_argument(
        "--judge",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="data folder to evaluate every epoch on, never trained on; repeatable",
    )
    add_modality(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument(
        "--start", type=Path, metavar="DIR", help="output of an earlier training to fine-tune from"
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue after the last finished epoch"
    )
    parser.add_argument(
        "--push-to-hub",
        metavar="USER/PREFIX",
        help="publish each network on the Hub as USER/PREFIX-nested-unet and so on",
    )
    parser.add_argument("--private", action="store_true", help="create private repositories")
    recipe = parser.add_argument_group(
        "recipe", "These options override the recipe, and the recipe overrides the defaults."
    )
    recipe.add_argument(
        "--recipe", type=Path, metavar="YAML", help="recipe file, for example recipes/unet.yaml"
    )
    add_options(recipe)
    options = vars(parser.parse_args())
    given = {f.name: options[f.name] for f in fields(TrainingConfig) if f.name in options}
    prefix = options["push_to_hub"]
    # OpenCV's threads compete with torch's for the same cores, and slices are small.
    cv2.setNumThreads(1)
    try:
        options["models"] = list(dict.fromkeys(options["models"]))
        names = {
            model: plain_repo_id(f"{prefix}-{model.replace('_', '-')}")
            for model in options["models"]
            if prefix
        }
        if names:
            # Check the token before hours of training.
            check_login(names[options["models"][0]])
        try:  # late, so that --help and a refused login do not load torch
            from metaseg.training.train import is_main_process, train
        except ModuleNotFoundError:
            sys.exit("train.py needs more packages: run pip install -r requirements-train.txt.")
        # Read everything first, to report all problems at once.
        config, *_ = together(
            partial(read_config, options["recipe"], given),
            *(
                partial(read_cases, folder, modality=options["modality"])
                for folder in [*options["data"], *options["judge"]]
                if folder.is_dir()
            ),
        )
        keys = ("models", "data", "output", "resume", "start", "modality", "judge")
        named = {key: options[key] for key in keys}
        output_folder(options["output"])
        with disk_errors():
            recipe = options["recipe"] and options["recipe"].stem
            folders = train(**named, config=config, recipe=recipe)
        if names and is_main_process():
            for folder in folders:
                pushed = push_model(folder, names[folder.name], private=options["private"])
                print(f"{folder.name}: {pushed.page}, commit {pushed.commit}")
    except InputError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command with --resume continues after the last finished epoch.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
