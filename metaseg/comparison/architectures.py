"""Sections on the runs that compare: three architectures, two seeds, one budget."""

from collections.abc import Sequence

from metaseg.comparison.figures import plot_seeds, plot_training
from metaseg.comparison.markdown import code, figure, table
from metaseg.comparison.material import (
    ARCHITECTURES,
    RECORD,
    Material,
    missing,
    sources,
    titled,
    with_figures,
)
from metaseg.comparison.measured import COMPARED, Measured, data_sets, dice_of, mean_difference
from metaseg.comparison.shipped import compare
from metaseg.hub.card import join
from metaseg.metrics import show_score
from metaseg.models import TITLES
from metaseg.preprocess import VERSION

TRAIN = "python train.py --recipe recipes/compare.yaml --seed SEED"
BASELINE = "unet"


def describe_architectures(material: Material) -> list[str]:
    """Each seed, their mean, and the difference from the plain U-Net."""
    runs = _runs(material)
    blocks = [
        f"## {ARCHITECTURES}",
        "Short runs at 128 px under one schedule: ranks under this budget only. The encoder, the "
        "data, the schedule and the seeds are the same; the decoder is what differs. "
        f"{_time(runs)}None shows what its architecture could reach.{_preparation(runs)}",
        *(line for name in COMPARED if (line := missing(material.runs, name))),
    ]
    if not runs:
        return blocks
    networks = [network for run in runs.values() for network in run.values()]
    names = data_sets(networks)
    present = [model for model in TITLES if any(model in run for run in runs.values())]
    rows = [
        [titled(name), TITLES[model], *_seeds([run.get(model) for run in runs.values()], name)]
        for name in names
        for model in present
    ]
    head = ["data", "network", *(f"seed {_seed(run)}" for run in runs.values()), "mean"]
    blocks += [
        "Mean Dice of the slices with a lesion:",
        table(head, rows, words=2),
        sources(networks, names, TRAIN),
    ]
    path, address = material.figure("architectures.svg")
    plot_seeds(path, list(runs.values()), names)
    alt = "Mean Dice of the three architectures, a point for each seed"
    blocks.append(figure(address, alt, "A point for each seed, a bar for their mean."))
    return [*blocks, *_differences(runs, names)]


def _runs(material: Material) -> dict[str, dict[str, Measured]]:
    return {name: material.runs[name] for name in COMPARED if material.runs.get(name)}


def _preparation(runs: dict[str, dict[str, Measured]]) -> str:
    """A word where the runs saw slices otherwise than the networks of today."""
    seen = [n.config.preprocessing for run in runs.values() for n in run.values()]
    if all(settings.version == VERSION for settings in seen):
        return ""
    return (
        " Their slices were prepared as an earlier version did: CLAHE over the whole slice, noise "
        "as it came, no margin where a slice is cut at its edge."
    )


def _time(runs: dict[str, dict[str, Measured]]) -> str:
    spent = [n.training_seconds for run in runs.values() for n in run.values() if n.history]
    if not spent:
        return ""
    times = sorted({f"{seconds / 60:.0f}" for seconds in (min(spent), max(spent))}, key=int)
    return f"A run took {' to '.join(times)} minutes on one core, beside other work. "


def _seed(run: dict[str, Measured]) -> str:
    settings = next(iter(run.values())).config.training.get("config", {})
    return str(settings.get("seed", "?"))


def _seeds(networks: Sequence[Measured | None], name: str) -> list[str]:
    """The Dice of each seed, and their mean."""
    values = [None if network is None else dice_of(network, name) for network in networks]
    mean = None if None in values else sum(values) / len(values)
    return [*map(show_score, values), show_score(mean)]


def _differences(runs: dict[str, dict[str, Measured]], names: list[str]) -> list[str]:
    """Each architecture minus the baseline, over the seeds that both have."""
    blocks = []
    for model in TITLES:
        both = [run for run in runs.values() if model in run and BASELINE in run]
        if model == BASELINE or not both:
            continue
        found = {
            name: mean_difference(
                [run[model] for run in both], [run[BASELINE] for run in both], name
            )
            for name in names
        }
        seeds = join([_seed(run) for run in both])
        over = f"the mean of seeds {seeds}" if len(both) > 1 else f"seed {seeds}"
        blocks += compare(f"{TITLES[model]} minus {TITLES[BASELINE]}, {over}", found)
    return blocks


def describe_cost(material: Material) -> list[str]:
    """Parameters, arithmetic and time."""
    of_runs = [(code(name), run) for name, run in _runs(material).items()]
    networks = [
        (place, network)
        for place, models in [("shipped", material.shipped), *of_runs]
        for network in models.values()
    ]
    measured_on = with_figures([network for _, network in networks], "cost")
    if not measured_on:
        return ["## Cost", "No cost has been recorded yet."]
    data = measured_on[0]
    recorded = [(place, n) for place, n in networks if "cost" in n.metrics.get(data, {})]
    rows = [[place, n.title, *_cost(n, n.metrics[data]["cost"])] for place, n in recorded]
    head = [
        "", "network", "slice, pixels", "million parameters", "GFLOP a slice",
        "training, minutes", "seconds a slice",
    ]  # fmt: skip
    return [
        "## Cost",
        "Arithmetic is that of one slice of the network's own size, two operations for a "
        "multiplication with addition. Seconds are those of the evaluation, from scan to "
        "probabilities, on one core beside other work; every further look at a slice, mirrored, "
        "turned or enlarged, adds to them. The training time is that of the last phase.",
        table(head, rows, words=2),
        sources([n for _, n in recorded], [data], RECORD),
    ]


def _cost(network: Measured, cost: dict) -> list[str]:
    seconds = network.training_seconds
    return [
        str(network.config.preprocessing.size),
        f"{cost['parameters'] / 1e6:.2f}",
        f"{cost['gflop']:.2f}",
        "–" if seconds is None else f"{seconds / 60:.0f}",
        show_score(cost.get("seconds_per_slice")),
    ]


def describe_training(material: Material) -> list[str]:
    """The curves of the shipped networks and of the runs."""
    blocks = ["## Training curves"]
    shipped = [("last phase", network) for network in material.shipped.values() if network.history]
    if shipped:
        path, address = material.figure("training_shipped.svg")
        plot_training(path, shipped)
        alt = "Training loss and validation Dice by epoch of the shipped networks"
        blocks.append(figure(address, alt, "The shipped networks, the last phase of training."))
    runs = [
        (f"seed {_seed(run)}", network)
        for run in _runs(material).values()
        for network in run.values()
        if network.history
    ]
    if runs:
        path, address = material.figure("training_compared.svg")
        plot_training(path, runs)
        alt = "Training loss and validation Dice by epoch of the runs that compare"
        said = "The runs that compare: losses of networks with several outputs are means of these."
        blocks.append(figure(address, alt, said))
    if len(blocks) == 1:
        blocks.append("No training curve was kept.")
    return blocks
