"""What stands beside the picture: the verdict in words, doubts about the input, and the regions."""

import json
from collections.abc import Iterable, Sequence
from html import escape

from metaseg.demo.downloads import downloads_of, figure_panels
from metaseg.demo.figure import rgb
from metaseg.demo.render import Inputs, alert
from metaseg.demo.result import result_of
from metaseg.demo.tables import metrics_table, notice_list
from metaseg.demo.workbench import Workbench
from metaseg.errors import InputError
from metaseg.findings.lesions import Lesion
from metaseg.findings.matching import FOUND, MISSED, Region, Regions
from metaseg.findings.overlay import PREDICTION_COLOURS, TRUTH_COLOUR
from metaseg.findings.report import DOUBTFUL, RESEARCH_USE
from metaseg.findings.review import Review, Voxel
from metaseg.findings.sizes import count_text, diameter_of, extent_of
from metaseg.findings.verdict import verdict
from metaseg.input_check import UNLIKE
from metaseg.passes import NO_TISSUE, PANELS
from metaseg.scan.dicom_kind import BODY_PART, MODALITY
from metaseg.scan.pictures import COLOUR

DOUBTS = (MODALITY, BODY_PART, COLOUR, PANELS, UNLIKE)
"""Notices of an input that may be no slice of a brain MRI: its verdict waits behind a button."""
OF_LESIONS = DOUBTFUL.partition("{}")[0]
"""Begins a notice that names lesions by their numbers in one network's report."""
MOST_REGIONS = 60
"""Rows of the list. The files hold all."""


def findings_of(
    workbench: Workbench, inputs: Inputs, review: Review | None, fault: InputError | None
) -> dict:
    """Verdict, doubts, list of regions and notices as HTML, and where the viewer finds each region.

    ``fault`` is what is wrong with the ground truth, which is then left out.
    """
    result = result_of(workbench, inputs, review)
    regions, opened = result.regions, result.opened
    reports = [found.report for found in result.findings]
    notices = [notice for report in reports for notice in report.notices]
    # Rows say of regions what a notice says of lesions by their numbers.
    others = [
        notice
        for notice in notices
        if notice not in (*DOUBTS, RESEARCH_USE) and not notice.startswith(OF_LESIONS)
    ]
    changes = reports[0].review
    words = NO_TISSUE if NO_TISSUE in notices else verdict(regions, changes)
    return {
        "verdict": words,
        "doubts": doubts_in(notices),
        "notices": f"{alert(fault) if fault else ''}{notice_list(others)}",
        "list": region_list(workbench, regions, opened.scan.is_volume),
        "rejected": rejected_list(
            changes.rejected if changes else (), result.rejections, opened.scan.is_volume
        ),
        "metrics": metrics_table(reports),
        "regions": [_place(row) for row in regions.rows[:MOST_REGIONS]],
        "downloads": downloads_of(opened),
        "panels": {name: one.title for name, one in figure_panels(result, result.viewed).items()},
    }


def doubts_in(notices: Iterable[str]) -> list[str]:
    """Those of ``notices`` that an input raises which may be no slice of a brain MRI."""
    return [doubt for doubt in DOUBTS if doubt in set(notices)]


def region_list(workbench: Workbench, regions: Regions, in_volume: bool) -> str:
    """The regions as a list of buttons that show them."""
    colours = {
        name: rgb(PREDICTION_COLOURS[checkpoint.config.architecture])
        for name, checkpoint in workbench.segmenter.checkpoints.items()
    }
    rows = [_row(row, colours, in_volume) for row in regions.rows[:MOST_REGIONS]]
    rest = len(regions.rows) - MOST_REGIONS
    more = f"<p class='aside'>{count_text(rest, 'more region')} not listed.</p>" if rest > 0 else ""
    return f"<ol class='regions'>{''.join(rows)}</ol>{more}" if rows else ""


def rejected_list(
    rejected: Sequence[Lesion], rejections: Sequence[tuple[Voxel, ...]], in_volume: bool
) -> str:
    """What was rejected, each with a button that takes its ``rejections`` back."""
    rows = [
        f"<li><s>{escape(diameter_of(lesion))} · {escape(extent_of(lesion, in_volume))}"
        f"{f', slice {lesion.diameter_slice + 1}' if in_volume else ''}</s>"
        f"<button type='button' data-restore='{json.dumps(voxels)}' "
        f"aria-label='Take back the rejection of {escape(diameter_of(lesion))}'>Take back</button>"
        "</li>"
        for lesion, voxels in zip(rejected, rejections)
    ]
    return f"<h3>Rejected</h3><ul class='rejected'>{''.join(rows)}</ul>" if rows else ""


def _row(row: Region, colours: dict[str, str], in_volume: bool) -> str:
    lesion = row.lesion
    size = f"{diameter_of(lesion)} · {extent_of(lesion, in_volume)}"
    where = f"slices {lesion.first_slice + 1}–{lesion.last_slice + 1}"
    if lesion.first_slice == lesion.last_slice:
        where = f"slice {lesion.first_slice + 1}"
    chips, said = [], []
    for opinion in row.opinions:
        seen = opinion.outlines
        words = f"p {opinion.probability:.2f}"
        title = f"{opinion.title}: {'outlined' if seen else 'not outlined'}, {words}"
        said.append(title)
        chips.append(
            f"<span class='chip {'seen' if seen else 'unseen'}' title='{escape(title)}' "
            f"style='--colour:{colours[opinion.model]}'>{words}</span>"
        )
    if row.agreement is not None and all(opinion.outlines for opinion in row.opinions):
        overlap = f"overlap {_percent(row.agreement)}"
        said.append(overlap)
        chips.append(f"<span class='chip plain'>{overlap}</span>")
    if lesion.doubtful:
        said.append("doubtful: on one thin slice alone")
        chips.append("<span class='chip doubtful'>doubtful: one thin slice</span>")
    truth = ""
    if row.truth is not None:
        said.append(row.truth)
        colour = f" style='--colour:{rgb(TRUTH_COLOUR)}'" if row.truth != MISSED else ""
        truth = f"<span class='chip truth {row.truth}'{colour}>{_TRUTH_WORDS[row.truth]}</span>"
    reject = ""
    if row.truth != MISSED:
        words = f"Reject region {row.number}"
        reject = (
            f"<button type='button' class='reject' title='{words}' aria-label='{words}'>✕</button>"
        )
    label = f"Region {row.number}, {size}, {where if in_volume else ''} {'; '.join(said)}"
    return (
        f"<li data-region='{row.number}'><button type='button' class='show' aria-pressed='false' "
        f"aria-label='{escape(label)}'><canvas class='thumb' width='56' height='56'></canvas>"
        f"<span class='what'><b>{row.number}</b> {escape(size)}"
        f"{f'<small>{where}</small>' if in_volume else ''}</span>"
        f"<span class='chips'>{''.join(chips)}{truth}</span></button>{reject}</li>"
    )


_TRUTH_WORDS = {FOUND: "✓ found", MISSED: "missed", "extra": "extra"}


def _place(row: Region) -> dict:
    lesion = row.lesion
    return {
        "number": row.number,
        "slice": lesion.diameter_slice,
        "first": lesion.first_slice,
        "last": lesion.last_slice,
        "box": list(row.box),
        "peak": list(row.peak),
        "missed": row.truth == MISSED,
    }


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
