"""Train the networks: python train.py --model nested_unet --data DIR --output DIR"""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from metaseg.errors import InputError
from metaseg.models import ARCHITECTURES
from metaseg.training import TrainingConfig, train


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Trains the named networks in turn on the training split of data folders."
    )
    parser.add_argument(
        "--model", action="append", required=True, choices=list(ARCHITECTURES), dest="models"
    )
    parser.add_argument(
        "--data", action="append", required=True, type=Path, metavar="DIR", help="a data folder"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument(
        "--start", type=Path, metavar="DIR", help="the output of a training to go on from"
    )
    parser.add_argument("--resume", action="store_true", help="go on after the last finished epoch")
    for field in fields(TrainingConfig):
        several = isinstance(field.default, tuple)
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            type=int if several else type(field.default),
            nargs="+" if several else None,
            default=field.default,
            help=f"default: {field.default}",
        )
    options = vars(parser.parse_args())
    config = TrainingConfig(**{field.name: options[field.name] for field in fields(TrainingConfig)})
    try:
        named = {key: options[key] for key in ("models", "data", "output", "resume", "start")}
        train(**named, config=config)
    except InputError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command with --resume goes on after the last finished epoch.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
