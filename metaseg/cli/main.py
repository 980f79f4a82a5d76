"""The entry point of the command line."""

import argparse
import logging
import sys
from importlib import import_module

from metaseg.errors import InputError, disk_errors
from metaseg.version import __version__

COMMANDS = {
    "predict": "segment slices, volumes or studies into files",
    "evaluate": "evaluate models on a data folder",
    "calibrate": "fit a checkpoint's thresholds, temperature, input check and settings for volumes",
    "data": "check data folders, or make them from public downloads",
    "demo": "serve the page, the API and the MCP tools on this machine",
    "publish": "publish a checkpoint or the demo on the Hub",
}
"""What each command does. The module of the same name implements it."""

EXTRAS = {"data": "train", "demo": "demo", "evaluate": "eval", "predict": "scale"}
"""The extra that a command needs, as in ``pip install ".[demo]"``."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Bad input gives one sentence on standard error and exit status 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        with disk_errors():
            return _run(arguments)
    except InputError as error:
        print(f"metaseg: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(arguments[0]) if arguments else None
        missing = (error.name or "").partition(".")[0]
        if extra is None or missing == "metaseg":
            raise
        print(
            f"metaseg: {arguments[0]} needs {missing}, which is not installed: "
            f'run pip install ".[{extra}]" in a clone of MetaSeg.',
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("\nmetaseg: stopped.", file=sys.stderr)
        return 130


def _run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="metaseg",
        description="Outline brain metastases on MR images. Research software, not for diagnosis.",
    )
    parser.add_argument("--version", action="version", version=f"metaseg {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, purpose in COMMANDS.items():
        command = subparsers.add_parser(name, help=purpose, description=purpose)
        # Import only the command that runs, so that --help does not load torch.
        if arguments[:1] == [name]:
            import_module(f"metaseg.cli.{name}").add_options(command)
    options = parser.parse_args(arguments)
    import cv2  # late, so that --help does not load it

    # OpenCV's threads compete with torch's for the same cores, and slices are small.
    cv2.setNumThreads(1)
    if arguments[:1] != ["demo"]:
        # The error sentence is enough here. Decoder logs are for operators of a server.
        logging.getLogger("metaseg").setLevel(logging.ERROR)
    return options.run(options)
