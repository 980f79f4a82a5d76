"""The best, median and worst slice of a data set, with the networks' outlines."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from metaseg.checkpoint import load_checkpoint
from metaseg.data.case import read_case
from metaseg.data.cases import read_cases
from metaseg.errors import InputError
from metaseg.findings.overlay import PREDICTION_COLOURS, TRUTH_COLOUR, draw_overlay
from metaseg.preprocess import find_tissue
from metaseg.scan import take_slice
from metaseg.segmenter import Segmenter
from tools.report.networks import Network
from tools.report.plots import colour, draw

RANKS = ("best", "median", "worst")


def rank_slices(networks: Sequence[Network], data: str) -> dict[str, tuple[str, int]]:
    """Case and slice by rank: the best, the median and the worst slice of ``data`` with a lesion
    by the mean Dice of ``networks``; of equals, the one with more lesion is the worse. Empty unless
    all were measured there slice by slice."""
    tables = [network.slices.get(data, {}) for network in networks]
    if not tables or any(set(table) != set(tables[0]) for table in tables):
        return {}
    rows = sorted(
        (sum(float(table[key]["dice"]) for table in tables), -int(row["lesion_pixels"]), *key)
        for key, row in tables[0].items()
        if int(row["lesion_pixels"])
    )
    places = (-1, len(rows) // 2, 0)
    return {rank: (rows[k][2], int(rows[k][3])) for rank, k in zip(RANKS, places)} if rows else {}


def draw_slices(path: Path, networks: Sequence[Network], folder: Path) -> None:
    """Segment the ranked slices of the data folder ``folder`` again and draw them: a column for
    each, with the slice alone on top, then a row for each network. Raises InputError if none was
    evaluated, or ``folder`` lacks a case that was."""
    ranked = rank_slices(networks, folder.resolve().name)
    if not ranked:
        raise InputError(
            f"{folder.name} has no lesion that these networks were evaluated on: run metaseg "
            "evaluate DATA --record first."
        )
    cases = {case.name: case for case in read_cases(folder)}
    absent = {case for case, _ in ranked.values()} - set(cases)
    if absent:
        raise InputError(
            f"{folder.name} lacks {', '.join(absent)}: use the data folder that was evaluated."
        )
    segmenter = Segmenter([load_checkpoint(network.folder) for network in networks])
    settings = {name: c.config for name, c in segmenter.checkpoints.items()}

    def plot(axes: np.ndarray) -> None:
        for column, (rank, (case, index)) in enumerate(ranked.items()):
            entire, truths = read_case(cases[case])
            scan, truth = take_slice(entire, index)[0], truths[index]
            grey = segmenter.view(scan, 0)
            whole = (0, grey.shape[0], 0, grey.shape[1])
            preprocessing = next(iter(settings.values())).preprocessing
            top, bottom, left, right = find_tissue(grey, preprocessing) or whole
            box = np.s_[top:bottom, left:right]
            for axis, network in zip(axes[:, column], (None, *networks)):
                masks, title = [], f"{rank}: {case}" + (f", slice {index}" if index else "")
                if network is not None:
                    name = network.folder.name
                    # Of a volume as a whole, which may be judged otherwise than a slice of it.
                    prediction = segmenter.predict(entire, name)
                    mask = prediction.mask(settings[name].threshold)[index]
                    tint = PREDICTION_COLOURS[network.architecture]
                    masks = [(truth[box], TRUTH_COLOUR), (mask[box], tint)]
                    row = network.slices[folder.resolve().name][case, str(index)]
                    title = f"Dice {float(row['dice']):.2f}"
                axis.imshow(draw_overlay(grey[box], masks, scan.aspect))
                axis.set(xticks=[], yticks=[], title=title)
                axis.set_ylabel(network.title if network and not column else "")
        tints = {"ground truth": "#" + bytes(TRUTH_COLOUR).hex()}
        tints |= {network.title: colour(network.architecture) for network in networks}
        for label, tint in tints.items():
            axes[0, 0].plot([], [], color=tint, linewidth=6, label=label)

    draw(path, (1 + len(networks), len(ranked)), (7.5, 2.7 * (1 + len(networks))), plot)
