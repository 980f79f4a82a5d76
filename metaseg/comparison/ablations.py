"""Sections on what one change does: synthetic metastases, and slices of a patient on both sides."""

from metaseg.comparison.changes import stress_rows
from metaseg.comparison.markdown import code, plus, signed, table
from metaseg.comparison.material import STRESS, Material, missing, sources, titled
from metaseg.comparison.measured import (
    COMPARED,
    SLICE_SPLIT,
    WITHOUT_METASTASES,
    Measured,
    data_sets,
    dice_of,
    mean_difference,
)
from metaseg.comparison.shipped import verdict
from metaseg.metrics import show_score

METASTASES = "What the synthetic metastases change"
LEAKAGE = "How much a split by slices flatters"


def _pairs(material: Material, other: str) -> tuple[list[tuple[Measured, Measured]], list[str]]:
    """Networks of the first of COMPARED beside those of the run ``other``, and what is missing."""
    usual, changed = (material.runs.get(name, {}) for name in (COMPARED[0], other))
    lines = [] if changed else [missing(material.runs, other)]
    if changed and not set(changed) & set(usual):
        lines.append(f"The run {code(COMPARED[0])} to compare with is missing.")
    return [(usual[model], changed[model]) for model in changed if model in usual], lines


def describe_metastases(material: Material) -> list[str]:
    """With and without synthetic metastases, on every test set."""
    pairs, absent = _pairs(material, WITHOUT_METASTASES)
    blocks = [
        f"## {METASTASES}",
        "The training sources hold no metastasis, so some are drawn into training slices. The same "
        "short run with and without them, one seed, everything else equal:",
        *absent,
    ]
    for usual, without in pairs:
        names = [name for name in data_sets([usual]) if name in without.metrics]
        found = {name: mean_difference([usual], [without], name) for name in names}
        rows = [
            [
                titled(name),
                show_score(usual.metrics[name].get("dice")),
                show_score(without.metrics[name].get("dice")),
                _difference(usual, without, name, found[name]),
            ]
            for name in names
        ]
        command = "python train.py --recipe recipes/compare.yaml --seed 0 --metastases 0"
        blocks += [
            f"### {usual.title}",
            table(["data", "with", "without", "difference of the mean Dice"], rows),
            sources([usual], names, command),
            verdict(found),
        ]
        for name in names:
            stress = [network.metrics[name].get("stress") for network in (usual, without)]
            if all(stress):
                blocks += [
                    f"Found on the stress set of {code(name)}, drawn metastases by diameter:",
                    table(["", "with", "without"], stress_rows(stress)),
                    sources([usual], [name], STRESS),
                ]
    return blocks


def _difference(first: Measured, second: Measured, name: str, paired: dict | None) -> str:
    """``paired`` with its interval, or without slices to pair the plain difference."""
    if paired is not None:
        return signed(paired)
    both = dice_of(first, name), dice_of(second, name)
    return "–" if None in both else plus(both[0] - both[1])


def describe_leakage(material: Material) -> list[str]:
    """Validation and test Dice where validation takes slices instead of groups."""
    pairs, absent = _pairs(material, SLICE_SPLIT)
    blocks = [
        f"## {LEAKAGE}",
        "Neighbouring slices of one patient are nearly the same picture. Where single slices are "
        "drawn at random for validation, the network has seen their neighbours, and its validation "
        "figure may say more than it can do. The test groups were seen by neither run, so the gap "
        "between validation and test shows how much each split flatters.",
        *absent,
    ]
    networks = [network for pair in pairs for network in pair]
    names = [name for name in data_sets(networks) if any(name in n.trained_on for n in networks)]
    rows = [
        [network.title, split, *_validation_and_test(network, names)]
        for pair in pairs
        for network, split in zip(pair, ("whole groups", "single slices"))
    ]
    if rows:
        tests = [f"test Dice, {code(name)}" for name in names]
        head = ["network", "validation takes", "validation Dice", *tests, "validation minus test"]
        command = "python train.py --recipe recipes/compare.yaml --seed 0 --validation-by slice"
        blocks += [
            table(head, rows, words=2),
            sources(networks, names, command),
            "Both validation figures are means of the sources' own means, at the network's own "
            "size and a threshold of 0.5; the last column compares them with the mean of the test "
            "columns. One seed: a gap of a few hundredths may be chance.",
            *(line for pair in pairs for line in _flattery(*pair, names)),
        ]
    return blocks


def _flattery(groups: Measured, slices: Measured, names: list[str]) -> list[str]:
    """What the two gaps of one architecture say."""
    gaps = [_gap(network, names) for network in (groups, slices)]
    if None in gaps:
        return []
    if gaps[1] > gaps[0]:
        return [f"{groups.title}: single slices flatter by {plus(gaps[1] - gaps[0])} more."]
    return [
        f"{groups.title}: no flattery shows here. The gap is larger with whole groups, which are "
        "few: perhaps those set aside are easier than the test groups, and that outweighs what "
        "neighbouring slices give away in so short a training."
    ]


def _validation_and_test(network: Measured, names: list[str]) -> list[str]:
    """Validation Dice, test Dice by data set, and how far the first lies above their mean."""
    tests = [show_score(dice_of(network, name)) for name in names]
    return [show_score(network.validation_dice), *tests, plus(_gap(network, names))]


def _gap(network: Measured, names: list[str]) -> float | None:
    said, tests = network.validation_dice, [dice_of(network, name) for name in names]
    if said is None or not tests or None in tests:
        return None
    return said - sum(tests) / len(tests)
