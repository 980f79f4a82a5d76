"""python -m metaseg report: what was measured, as one page and its Markdown twin"""

import argparse
from pathlib import Path

from metaseg.cli.options import output_folder
from metaseg.comparison.build import build_report
from metaseg.sources import SHIPPED

DOCS = SHIPPED.parent / "docs"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", action="append", default=[], type=Path, metavar="DIR",
        help="a data folder whose best, median and worst slices are drawn",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoints", type=Path, default=SHIPPED, metavar="DIR", help="default: the shipped ones"
    )
    parser.add_argument(
        "--runs", type=Path, default=DOCS / "runs", metavar="DIR", help="default: docs/runs"
    )
    parser.add_argument("--output", type=Path, default=DOCS, metavar="DIR", help="default: docs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write ``report.html``, ``report.md`` and the figures of both."""
    folder = output_folder(options.output)
    written = build_report(options.checkpoints, options.runs, folder, options.data)
    print(f"Written to {written['html']} and {written['markdown']}.")
    return 0
