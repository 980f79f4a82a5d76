"""Measuring checkpoints on the cases of a data folder."""

from collections.abc import Callable, Iterable

from metaseg.data.case import Case, read_case
from metaseg.metrics import Counts, summarise
from metaseg.segmenter import Segmenter


def evaluate(
    segmenter: Segmenter,
    cases: list[Case],
    progress: Callable[[Iterable[Case]], Iterable[Case]] = lambda cases: cases,
) -> dict[str, dict]:
    """Per checkpoint of ``segmenter``, by name, what ``metrics.summarise`` makes of ``cases``.

    Every slice of a volume counts by itself and pools with the others of its group. The masks are
    those of each checkpoint's own threshold, in the scan's own grid.
    """
    slices: dict[str, list[tuple[str, Counts]]] = {name: [] for name in segmenter.checkpoints}
    for case in progress(cases):
        scan, truth = read_case(case)
        for name, checkpoint in segmenter.checkpoints.items():
            mask = segmenter.predict(scan, name).mask(checkpoint.config.threshold)
            slices[name] += [(case.group, Counts.of(m, t)) for m, t in zip(mask, truth)]
    return {
        name: {
            "revision": segmenter.checkpoints[name].revision,
            "threshold": segmenter.checkpoints[name].config.threshold,
            **summarise(counts),
        }
        for name, counts in slices.items()
    }
