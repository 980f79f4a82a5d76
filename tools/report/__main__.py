"""python -m tools.report: write docs/report.md and its figures from recorded metrics."""

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from metaseg.errors import InputError
from metaseg.files import write_whole
from metaseg.hub.card import training_notes
from tools.report import plots, tables
from tools.report.networks import descriptions, read_networks
from tools.report.slices import draw_slices, rank_slices

HERE = Path(__file__).parent


def build_report(checkpoints: Path, data: Sequence[Path], output: Path) -> Path:
    """Write ``report.md`` and, in ``report``, its figures into ``output``; the path of the former.

    The ranked slices of the folders ``data`` are drawn again; other pictures stay. Raises
    InputError if there are no metrics."""
    networks = read_networks(checkpoints)
    if not networks:
        raise InputError("There is nothing to report: run metaseg evaluate DATA --record first.")
    figures = output / "report"
    figures.mkdir(parents=True, exist_ok=True)
    plots.plot_curves(figures / "curves.svg", networks)
    plots.plot_calibration(figures / "calibration.svg", networks)
    plots.plot_robustness(figures / "robustness.svg", networks)
    for folder in data:
        draw_slices(figures / f"slices_{folder.resolve().name}.jpg", networks, folder)
    environment = Environment(
        loader=FileSystemLoader(HERE), trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.globals |= vars(tables) | {"rank": rank_slices}
    text = environment.get_template("report.md.j2").render(
        networks=networks,
        data=descriptions(networks),
        notes=training_notes({n.title: n.record for n in networks}),
        drawn=[path.stem for path in sorted(figures.iterdir())],
        wanted=tomllib.loads((HERE / "targets.toml").read_text(encoding="utf-8"))["targets"],
    )
    path = output / "report.md"
    write_whole(path, text.encode())
    return path


def main(arguments: list[str] | None = None) -> int:
    """Read the options and write the report. Bad input gives one sentence and exit status 2."""
    parser = argparse.ArgumentParser(prog="python -m tools.report", description=__doc__)
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), metavar="DIR")
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR",
                        help="data folder to draw example slices from; repeatable")  # fmt: skip
    parser.add_argument("--output", type=Path, default=Path("docs"), metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        print(build_report(options.checkpoints, options.data, options.output))
    except InputError as error:
        print(f"tools.report: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
