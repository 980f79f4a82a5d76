"""The report: one Markdown text, its figures, and the same as one HTML page."""

from collections.abc import Sequence
from pathlib import Path

from metaseg.checkpoint import CONFIG, METRICS, load_checkpoint
from metaseg.comparison.ablations import describe_leakage, describe_metastases
from metaseg.comparison.aims import describe_aims
from metaseg.comparison.architectures import (
    describe_architectures,
    describe_cost,
    describe_training,
)
from metaseg.comparison.cases import describe_cases
from metaseg.comparison.changes import describe_changes
from metaseg.comparison.closing import describe_commands, describe_limits, describe_sources
from metaseg.comparison.details import describe_curves, describe_lesions
from metaseg.comparison.markdown import escape
from metaseg.comparison.material import FIGURES, Material
from metaseg.comparison.measured import (
    COMPARED,
    SLICE_SPLIT,
    WITHOUT_METASTASES,
    Measured,
    is_stale,
    read_models,
)
from metaseg.comparison.page import to_page
from metaseg.comparison.shipped import describe_pair, describe_unseen
from metaseg.errors import InputError
from metaseg.files import write_whole
from metaseg.segmenter import Segmenter

TITLE = "What MetaSeg's networks reach"


def build_report(
    checkpoints: Path, runs: Path, output: Path, data: Sequence[Path] = ()
) -> dict[str, Path]:
    """Write ``report.md``, ``report.html`` and the figures into ``output``; the paths by kind.

    ``checkpoints`` holds the shipped networks, ``runs`` the folders of the runs; the slices of the
    folders ``data`` are segmented again to be drawn. What is missing is said in the report.
    InputError where nothing has been measured, or files are damaged.
    """
    shipped = read_models(checkpoints)
    names = (*COMPARED, WITHOUT_METASTASES, SLICE_SPLIT)
    material = Material(shipped, {name: read_models(runs / name) for name in names}, output)
    if not shipped and not any(material.runs.values()):
        raise InputError(
            f"There is nothing to report: no checkpoint has both {CONFIG} and {METRICS}. Run "
            "python -m metaseg evaluate DATA --record --output OUT first."
        )
    (output / FIGURES).mkdir(parents=True, exist_ok=True)
    segmenter = None
    if data and shipped:
        segmenter = Segmenter([load_checkpoint(checkpoints / name) for name in shipped])
    blocks = [
        f"# {TITLE}",
        *_introduce(material),
        *describe_pair(material),
        *describe_unseen(material),
        *describe_lesions(material),
        *describe_curves(material),
        *describe_changes(material),
        *describe_aims(material),
        *describe_architectures(material),
        *describe_cost(material),
        *describe_training(material),
        *describe_metastases(material),
        *describe_leakage(material),
        *describe_cases(material, segmenter, data),
        *describe_limits(),
        *describe_sources(material),
        *describe_commands(),
    ]
    markdown = "\n\n".join(blocks) + "\n"
    page = to_page(markdown, output, f"MetaSeg: {TITLE}")
    written = {"markdown": output / "report.md", "html": output / "report.html"}
    write_whole(written["markdown"], markdown.encode())
    write_whole(written["html"], page.encode())
    return written


def _introduce(material: Material) -> list[str]:
    shipped = list(material.shipped.values())
    learned = {data.title for n in shipped for data in n.trained_on.values()}
    trained = f" They were trained on: {'; '.join(sorted(learned))}" if learned else ""
    blocks = [
        "MetaSeg outlines brain tumours and metastases on single MRI slices. It is research "
        "software, not a medical device, and no diagnosis or treatment may rest on it. This page "
        "says how well its networks do on slices that they were not trained on, how sure these "
        f"figures are, and where they fail.{trained + '.' if trained else ''} Read the limits at "
        "the end before you quote a figure.",
    ]
    if not shipped:
        blocks.append("The shipped networks have not been measured yet.")
    blocks += [_stale(network) for network in shipped if is_stale(network)]
    return blocks


def _stale(network: Measured) -> str:
    return (
        f"Some figures of {escape(network.title)} were measured on earlier weights than those that "
        "ship now."
    )
