"""What was found, in one or two plain sentences."""

from collections.abc import Sequence

from metaseg.findings.matching import EXTRA, FOUND, MISSED, Region, Regions
from metaseg.findings.report import Changes
from metaseg.findings.sizes import count_text, diameter_of, extent_of

OVERLAP = 0.1
"""Least intersection over union at which networks agree on a region: what counts as a detection in
nnDetection (Baumgartner et al. 2021)."""
CLOSE = 0.5
"""Least intersection over union at which they agree on its outline, too."""


def verdict(regions: Regions, review: Changes | None = None) -> str:
    """The regions of all networks in words, what a person changed, and what the ground truth says.

    For example "2 regions; both networks agree on 1; 1 seen by the Nested U-Net only, p 0.60,
    5.8 mm, on one slice: check it." A reviewed result asks for no check.
    """
    sentences = [] if review is None else [changes_text(review)]
    sentences.append(_networks(regions, review is not None))
    if regions.truth_count is not None:
        sentences.append(_against_truth(regions))
    return " ".join(sentences)


def changes_text(review: Changes) -> str:
    """What a person changed, in a sentence."""
    parts = []
    for lesions, done in ((review.rejected, "rejected"), (review.added, "added")):
        if lesions:
            parts.append(f"{count_text(len(lesions), 'region')} {done}")
    if review.edited_slices:
        parts.append(f"outlines changed on {count_text(len(review.edited_slices), 'slice')}")
    return f"Reviewed: {', '.join(parts) or 'nothing changed'}."


def _networks(regions: Regions, reviewed: bool) -> str:
    rows, titles = regions.outlined, regions.titles
    if not rows and reviewed:
        return "No region is left."
    if not rows:
        one = f"The {titles[0]} outlines no region"
        nothing = {1: one, 2: "Neither network outlines a region"}
        return f"{nothing.get(len(titles), 'No network outlines a region')} at this threshold."
    if len(titles) == 1 and not reviewed:
        return f"{count_text(len(rows), 'region')}, {_largest(rows, regions)}."
    parts = [count_text(len(rows), "region")]
    by_networks: dict[tuple[str, ...], list[Region]] = {}
    for row in rows:
        by_networks.setdefault(row.seen_by, []).append(row)
    by_all = by_networks.pop(titles, [])
    apart = [row for row in by_all if row.agreement is not None and row.agreement < OVERLAP]
    differing = [row for row in by_all if OVERLAP <= (row.agreement or 0) < CLOSE]
    agreed = [row for row in by_all if row.agreement is None or row.agreement >= CLOSE]
    everyone = "both networks" if len(titles) == 2 else f"all {len(titles)} networks"
    if agreed and len(titles) > 1:
        parts.append(f"{everyone} agree on {_which(agreed, rows)}")
    drawn = by_networks.pop((), [])
    doubts = [
        (f"{len(some)} seen by {_names(seen_by)} only, {_largest(some, regions)}", some)
        for seen_by, some in sorted(by_networks.items(), key=lambda pair: -len(pair[1]))
    ]
    for some, how in ((apart, "but hardly overlap"), (differing, "with different outlines")):
        if some:
            doubts.insert(0, (f"{everyone} outline {_which(some, rows)}, {how}", some))
    for words, some in doubts:
        check = "check it" if len(some) == 1 else "check them"
        parts.append(words if reviewed else f"{words}: {check}")
    if drawn:
        parts.append(f"{len(drawn)} drawn by the reviewer")
    return f"{'; '.join(parts)}."


def _which(some: Sequence[Region], rows: Sequence[Region]) -> str:
    everything = "it" if len(rows) == 1 else f"all {len(rows)}"
    return everything if len(some) == len(rows) else str(len(some))


def _names(titles: Sequence[str]) -> str:
    return " and ".join(f"the {title}" for title in titles)


def _largest(rows: Sequence[Region], regions: Regions) -> str:
    """Probability, diameter and slices of the one row, or of the largest."""
    row = rows[0]
    seen = [opinion.probability for opinion in row.opinions if opinion.outlines]
    words = [f"p {sum(seen) / len(seen):.2f}", diameter_of(row.lesion)]
    if regions.components.shape[0] > 1:
        words += [extent_of(row.lesion, True)] * (len(regions.titles) == 1)
        words.append(f"on {slices_text(row)}")
    return ("the largest " if len(rows) > 1 else "") + ", ".join(words)


def slices_text(row: Region) -> str:
    """How many slices ``row`` lies on, in words."""
    count = row.lesion.last_slice - row.lesion.first_slice + 1
    return "one slice" if count == 1 else f"{count} slices"


def _against_truth(regions: Regions) -> str:
    """How many lesions of the ground truth were found, and what is extra."""
    lesions = regions.truth_count or 0
    extra = sum(row.truth == EXTRA for row in regions.rows)
    missed = sum(row.truth == MISSED for row in regions.rows)
    others = f"{extra} extra" if extra else "nothing extra"
    if not lesions:
        return f"The ground truth holds no lesion: {others}."
    if lesions == 1:
        found = MISSED if missed else FOUND
        return f"The lesion of the ground truth is {found}; {others}."
    found = "all" if not missed else lesions - missed if missed < lesions else "none"
    return f"Of {lesions} lesions in the ground truth, {found} {FOUND}; {others}."
