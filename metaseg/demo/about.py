"""The tab that says what this is, made from the records of the networks that are served."""

from collections.abc import Sequence

import gradio as gr

from metaseg.checkpoint import Checkpoint
from metaseg.data.record import training_data
from metaseg.hub.card import card_text, data_title, training_notes
from metaseg.metrics import show_score
from metaseg.segmenter import Segmenter

INTRODUCTION = """\
## What this is

MetaSeg outlines the parts of a brain MRI slice that look like a lesion. Each network works on its
own. Agreement is not evidence of correctness: networks that were trained alike make the same
mistakes. Where they disagree, at least one is wrong.

MetaSeg is research software. It is not a medical device, and no diagnosis or treatment may rest on
it. Files that you drop here are read on the computer that runs this page, and are deleted there
within two hours."""

RESULTS = """\
Dice is 1 where an outline is exact and 0 where nothing of the lesion was found; the mean is over
slices with a lesion. The 95 % interval in brackets is over groups, which are patients or stand for
them. Expect lower values on slices from scanners and sequences that were not in the training."""


def add_about_tab(segmenter: Segmenter) -> None:
    """Put what is recorded about the networks of ``segmenter`` on the page."""
    checkpoints = list(segmenter.checkpoints.values())
    gr.Markdown(about(checkpoints), elem_id="about")
    for checkpoint in checkpoints:
        with gr.Accordion(f"Model card: {checkpoint.config.title}", open=False):
            gr.Markdown(card(checkpoint))


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
    rows = [["mean Dice on", "source used in training", *titles], ["---"] * (2 + len(titles))]
    for name, found in measured.items():
        scores = (show_score(c.metrics.get(name, {}).get("dice")) for c in checkpoints)
        used = "yes" if name in trained else "no"
        rows.append([data_title(name, found).replace("|", r"\|"), used, *scores])
    return RESULTS + "\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)
