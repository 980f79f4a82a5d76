"""Scoring the synthetic lesion benchmark: metastases of known place and size on real slices."""

from collections.abc import Callable, Iterable

import numpy as np

from metaseg.evaluation.lesionwise import Matched, match_lesions, summarise_lesions
from metaseg.scan import Scan
from metaseg.segmenter import Segmenter
from metaseg.synthesis.benchmark import FROZEN, BenchmarkSlice, fingerprint


def evaluate_benchmark(
    segmenter: Segmenter,
    slices: list[BenchmarkSlice],
    progress: Callable[[Iterable], Iterable] = lambda slices: slices,
) -> dict[str, dict]:
    """By checkpoint: the result of ``summarise_lesions``, with diameters in mm, and
    ``fingerprint``.

    Predictions that touch the slice's own tumour and no metastasis are ignored. ``from_5_mm``
    repeats the sensitivity for all lesions of at least that diameter.
    """
    matched: dict[str, list[tuple[str, Matched]]] = {name: [] for name in segmenter.checkpoints}
    for item in progress(slices):
        scan = Scan(item.grey[None].astype(np.float32), item.name, eight_bit=True)
        for name, checkpoint in segmenter.checkpoints.items():
            mask = segmenter.predict(scan, name).mask(checkpoint.config.threshold)[0]
            found = match_lesions(mask, item.labels.astype(int), item.own_tumour)
            measured = Matched(found.found, np.array(item.diameters), found.false_positives)
            matched[name].append((item.group, measured))
    limits = (0.0, *sorted({limit for pair in FROZEN.bins for limit in pair}), np.inf)
    mark = fingerprint(slices)
    results = {}
    for name, of_slices in matched.items():
        large = summarise_lesions(of_slices, (5.0, np.inf))["sensitivity_by_size"]["5+"]
        results[name] = {
            "fingerprint": mark,
            "slices": len(of_slices),
            **summarise_lesions(of_slices, limits),
            "from_5_mm": large,
        }
    return results
