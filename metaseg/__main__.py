"""The command line: python -m metaseg predict / evaluate / calibrate / data / publish and more"""

import argparse
import sys

from metaseg.commands import calibrate, contact_sheet, data, evaluate, predict, publish, report
from metaseg.errors import InputError

COMMANDS = [predict, evaluate, calibrate, data, report, contact_sheet, publish]


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Bad input is one sentence on standard error and the exit status 2."""
    parser = argparse.ArgumentParser(
        prog="metaseg",
        description="Outlines brain metastases on MR images. Research software, not for diagnosis.",
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except InputError as error:
        print(f"metaseg: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nmetaseg: stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
