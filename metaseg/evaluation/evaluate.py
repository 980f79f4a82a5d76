"""Evaluate checkpoints on the cases of a data folder."""

from collections.abc import Callable, Iterable

from metaseg.data.case import Case, read_case
from metaseg.evaluation.cost import network_cost
from metaseg.evaluation.tally import Tally
from metaseg.metrics import mean_with_interval
from metaseg.preprocess import brain_masks
from metaseg.segmenter import Segmenter


def evaluate(
    segmenter: Segmenter,
    cases: list[Case],
    progress: Callable[[Iterable[Case]], Iterable[Case]] = lambda cases: cases,
) -> dict[str, dict]:
    """Metrics of ``cases`` from ``Tally.summarise``, by the name of each checkpoint of
    ``segmenter``.

    Every slice of a volume counts separately and is pooled with the others of its patient. Masks
    use each checkpoint's own threshold and the scan's own grid. With several checkpoints,
    ``differences`` holds the mean of this one's Dice minus another's, slice by slice, with the
    interval of a paired bootstrap over patients. ``input_check`` is the share of the scans that
    pass it, None for a checkpoint without one.
    """
    tallies = {
        name: Tally(config.threshold, config.temperature, config.sensitive_threshold)
        for name, config in ((n, c.config) for n, c in segmenter.checkpoints.items())
    }
    for case in progress(cases):
        scan, truth = read_case(case)
        for name, tally in tallies.items():
            brains = brain_masks(scan, segmenter.checkpoints[name].config.preprocessing)
            tally.add(case, scan, truth, segmenter.predict(scan, name), brains)
    return {
        name: {
            "revision": checkpoint.revision,
            **checkpoint.config.conditions,
            **tallies[name].summarise(),
            "input_check": checkpoint.config.input_check and tallies[name].passed_input_check(),
            "case_rows": tallies[name].case_rows(),
            "slice_rows": tallies[name].slice_rows(),
            "cost": {**network_cost(checkpoint), **tallies[name].speed()},
            "differences": {
                other: mean_with_interval(_differences(tallies[name], tally))
                for other, tally in tallies.items()
                if other != name
            },
        }
        for name, checkpoint in segmenter.checkpoints.items()
    }


def _differences(first: Tally, second: Tally) -> dict[str, list[float]]:
    """Dice of ``first`` minus that of ``second`` on each slice with a lesion, by patient."""
    by_group: dict[str, list[float]] = {}
    for (group, one), (_, other) in zip(first.slices, second.slices):
        if not one.truth_is_empty:
            by_group.setdefault(group, []).append(one.dice - other.dice)
    return by_group
