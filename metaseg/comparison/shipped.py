"""Sections on the shipped pair: overlap on the sources trained on and on others."""

from itertools import combinations

from metaseg.comparison.markdown import code, percent, signed, table
from metaseg.comparison.material import RECORD, Material, figures_of, sources, titled
from metaseg.comparison.measured import Measured, data_sets, mean_difference
from metaseg.hub.card import join
from metaseg.metrics import show_score

SHIPPED_PAIR = "The shipped pair"
UNSEEN = "Sources that were never trained on"


def describe_pair(material: Material) -> list[str]:
    """The sources that were trained on, and how the networks differ."""
    networks = list(material.shipped.values())
    trained = {name for network in networks for name in network.trained_on}
    names = [name for name in data_sets(networks) if name in trained]
    return [
        f"## {SHIPPED_PAIR}",
        "Test groups of the sources that the networks were trained on. Dice is 1 where an outline "
        "is exact and 0 where nothing of the lesion was found; the mean is over slices with a "
        "lesion. Brackets hold 95 % bootstrap intervals over groups: the groups are the sample, "
        "because slices of one patient resemble each other.",
        *_scores(material, names),
    ]


def describe_unseen(material: Material) -> list[str]:
    """The sources of other hospitals, scanners and tumours."""
    networks = list(material.shipped.values())
    trained = {name for network in networks for name in network.trained_on}
    names = [name for name in data_sets(networks) if name not in trained]
    if not names:
        return [f"## {UNSEEN}", "No such source has been measured yet."]
    return [
        f"## {UNSEEN}",
        "Other hospitals, other scanners, and in part another sequence or another tumour: what "
        "to expect on your own slices is nearer to these figures than to those above.",
        *_scores(material, names),
    ]


def _scores(material: Material, names: list[str]) -> list[str]:
    networks = list(material.shipped.values())
    if not names:
        return ["None of them has been measured yet."]
    head = [
        "data", "network", "Dice of slices with a lesion", "Dice by group", "pooled Dice",
        "false positives on empty slices",
    ]  # fmt: skip
    rows = [
        [
            titled(name),
            network.title,
            show_score(found.get("dice")),
            show_score(found.get("group_dice")),
            show_score(found.get("pooled_dice")),
            _empty(found),
        ]
        for name, network, found in figures_of(networks, names)
    ]
    blocks = [table(head, rows, words=2), sources(networks, names, RECORD)]
    blocks += _other_measures(networks, names)
    for first, second in combinations(networks, 2):
        pair = f"{first.title} minus {second.title}"
        blocks += compare(pair, {n: mean_difference([first], [second], n) for n in names})
    return blocks


def compare(pair: str, differences: dict[str, dict | None]) -> list[str]:
    """A table of ``differences``, by data set, and what it says; ``pair`` is «this minus that»."""
    if not any(differences.values()):
        return [f"{pair}: the slices have not been recorded one by one, so no pair can be made."]
    rows = [[titled(name), signed(difference)] for name, difference in differences.items()]
    return [
        f"{pair}, slice by slice on the same slices, with the 95 % interval of the paired "
        "bootstrap over groups:",
        table(["data", "difference of the mean Dice"], rows),
        verdict(differences),
    ]


def _empty(found: dict) -> str:
    rate, count = found.get("empty_false_positive_rate"), found.get("empty_cases")
    return f"{percent(rate)} of {count}" if rate is not None else "none empty"


def _other_measures(networks: list[Measured], names: list[str]) -> list[str]:
    head = [
        "data", "network", "precision", "recall", "average precision", "surface Dice",
        "HD95, pixels",
    ]  # fmt: skip
    rows = [
        [
            titled(name),
            network.title,
            *(show_score(found.get(key)) for key in ("precision", "recall")),
            show_score(found.get("precision_recall", {}).get("average_precision")),
            show_score(found.get("surface_dice")),
            _one_digit(found.get("hd95")),
        ]
        for name, network, found in figures_of(networks, names)
    ]
    return [
        "The same slices by other measures. Average precision is the area under the curve of "
        "precision and recall of pixels; HD95 is the 95th percentile of the distance between "
        "the outlines; surface Dice is the share of the outlines that agree within 2 pixels. Where "
        "nothing was predicted, the one is the slice's diagonal and the other 0.",
        table(head, rows, words=2),
        sources(networks, names, RECORD),
    ]


def _one_digit(score: dict | None) -> str:
    return "–" if not score or score["mean"] is None else f"{score['mean']:.1f}"


def verdict(differences: dict[str, dict | None]) -> str:
    """Which of ``differences``, by data set, leave zero out of their interval."""
    known = {name: d for name, d in differences.items() if d and d["low"] is not None}
    clear = [name for name, d in known.items() if d["low"] > 0 or d["high"] < 0]
    if not known:
        return "No interval is known, so nothing can be said about chance."
    if not clear:
        return "Every interval holds zero: chance alone may explain the differences."
    where = join([code(name) for name in clear])
    rest = "" if len(clear) == len(known) else "; elsewhere chance alone may explain it"
    return f"The interval leaves zero out on {where}{rest}."
