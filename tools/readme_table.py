"""python -m tools.readme_table: write the README's table of results from the recorded metrics."""

import argparse
import sys
from pathlib import Path

from metaseg.errors import InputError
from metaseg.files import write_whole
from metaseg.metrics import show_score
from tools.report.networks import Network, descriptions, read_networks

HEAD = """\
| model | test set | slices / patients or groups | Dice, slices with a lesion \
| Dice by patient or group \
| pooled Dice | false positives on empty slices |
|---|---|---|---|---|---|---|
"""


def table_of(networks: list[Network]) -> str:
    """A row for each data set and network, in Markdown."""
    rows = [
        _row(network.title, name, network.metrics[name])
        for name in descriptions(networks)
        for network in networks
        if name in network.metrics
    ]
    return HEAD + "".join(rows)


def _row(title: str, name: str, found: dict) -> str:
    empty = "none empty"
    if found["empty_cases"]:
        share = 100 * found["empty_false_positive_rate"]
        empty = f"{share:.1f} % of {found['empty_cases']:,}"
    scores = (show_score(found[key]) for key in ("dice", "group_dice", "pooled_dice"))
    cells = title, f"`{name}`", f"{found['cases']:,} / {found['groups']}", *scores, empty
    return f"| {' | '.join(cells)} |\n"


def main(arguments: list[str] | None = None) -> int:
    """Replace the table; bad input gives one sentence and exit status 2."""
    parser = argparse.ArgumentParser(prog="python -m tools.readme_table", description=__doc__)
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), metavar="DIR")
    parser.add_argument("--readme", type=Path, default=Path("README.md"), metavar="FILE")
    options = parser.parse_args(arguments)
    text = options.readme.read_text(encoding="utf-8")
    try:
        if HEAD not in text:
            raise InputError(f"{options.readme.name} has no table of results to replace.")
        before, after = text.split(HEAD, 1)
        rest = after[after.index("\n\n") :].lstrip("\n") if "\n\n" in after else ""
        table = table_of(read_networks(options.checkpoints))
    except InputError as error:
        print(f"tools.readme_table: {error}", file=sys.stderr)
        return 2
    write_whole(options.readme, f"{before}{table}\n{rest}".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
