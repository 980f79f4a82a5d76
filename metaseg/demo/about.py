"""The About tab, written from the records of the served networks."""

from collections.abc import Sequence

import gradio as gr

from metaseg.checkpoint import Checkpoint
from metaseg.data.record import training_data
from metaseg.demo.store import KEPT_FOR
from metaseg.hub.card import card_text, data_title, training_notes
from metaseg.metrics import show_score
from metaseg.segmenter import Segmenter

INTRODUCTION = f"""\
## What this is

MetaSeg outlines the parts of a brain MRI slice that look like a lesion. Each network works on its
own. Agreement is not evidence of correctness: networks trained on the same data make the same
mistakes. Where they disagree, at least one is wrong.

MetaSeg is research software. It is not a medical device: do not base diagnosis or treatment on it.
The computer that runs this page reads the files you drop here and deletes them within
{KEPT_FOR}."""

RESULTS = """\
Dice is 1 for an exact outline and 0 if the lesion was missed. The mean covers slices with a lesion.
Brackets hold the 95 % interval over patients, or over groups of slices if the source names no
patients. Expect lower values on scanners and sequences that were not used in training."""


def add_about_tab(segmenter: Segmenter, tab: gr.Tab) -> None:
    """Show the records of the networks of ``segmenter``, sent when ``tab`` is opened."""
    checkpoints = list(segmenter.checkpoints.values())
    parts = [gr.Markdown(elem_id="about")]
    for checkpoint in checkpoints:
        with gr.Accordion(f"Model card: {checkpoint.config.title}", open=False):
            parts.append(gr.Markdown())

    def read() -> list[str]:
        return [about(checkpoints), *map(card, checkpoints)]

    tab.select(read, None, parts, api_visibility="private", show_progress="hidden")


def about(checkpoints: Sequence[Checkpoint]) -> str:
    """What the networks were trained on, how well they do, and their limits, as Markdown."""
    records = {checkpoint.config.title: checkpoint.config.training for checkpoint in checkpoints}
    trained = {n: entry for r in records.values() for n, entry in training_data(r).items()}
    titles = [f"- {entry.get('title', name)}" for name, entry in trained.items()]
    return "\n\n".join(
        [
            INTRODUCTION,
            "## Training data",
            "\n".join(titles) or "Not recorded.",
            "## Results",
            _results(checkpoints, list(trained)),
            "## Limits",
            "\n".join(f"- {note}" for note in training_notes(records)),
        ]
    )


def card(checkpoint: Checkpoint) -> str:
    """The model card as part of the page: headings one level lower, and the weights' revision."""
    text = card_text(checkpoint).replace("\n## ", "\n### ").removeprefix("## ")
    return f"### {text}\n\nWeights: `{checkpoint.revision}`"


def _results(checkpoints: Sequence[Checkpoint], trained: list[str]) -> str:
    """Dice of each network on each test set, with the sentence that explains it."""
    measured = {name: found for c in reversed(checkpoints) for name, found in c.metrics.items()}
    if not measured:
        return "Not measured."
    titles = [checkpoint.config.title for checkpoint in checkpoints]
    rows = [
        ["test set (mean Dice)", "source used in training", *titles],
        ["---"] * (2 + len(titles)),
    ]
    for name, found in measured.items():
        scores = (show_score(c.metrics.get(name, {}).get("dice")) for c in checkpoints)
        used = "yes" if name in trained else "no"
        rows.append([data_title(name, found).replace("|", r"\|"), used, *scores])
    return RESULTS + "\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)
