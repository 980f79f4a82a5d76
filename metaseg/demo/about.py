"""The tab that says what this is: what the networks learned, how well they do, where they fail."""

from html import escape
from pathlib import Path

import gradio as gr

from metaseg.card import text
from metaseg.card.facts import data_title, join, show_score
from metaseg.checkpoint import Checkpoint
from metaseg.comparison import material
from metaseg.comparison.closing import describe_limits
from metaseg.comparison.markdown import code, table
from metaseg.comparison.page import section, to_html
from metaseg.data.known import KNOWN_DATA, list_tumours, trained_on
from metaseg.errors import InputError
from metaseg.segmenter import Segmenter
from metaseg.sources import SHIPPED

DOCS = SHIPPED.parent / "docs"

STYLE = """<style>
.about { max-width: 60rem; line-height: 1.55; }
.about :is(p, li) { max-width: 75ch; }
.about h2 { font-size: 1.15rem; font-weight: 600; margin: 1.6rem 0 .4rem; }
.about h3 { font-size: 1rem; font-weight: 600; margin: 1.1rem 0 .3rem; }
.about p, .about ul { margin: .4rem 0; }
.about ul { padding-left: 1.4rem; list-style: disc; }
.about .table { overflow-x: auto; margin: .6rem 0; }
.about table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
#about .about .table :is(th, td) { padding: .35rem .9rem .35rem 0; text-align: left;
  vertical-align: top;
  white-space: normal;
  border: 0; border-bottom: 1px solid var(--border-color-primary); }
.about summary { cursor: pointer; padding: .5rem 0; font-weight: 600; }
.about details { border-top: 1px solid var(--border-color-primary); }
.about figure { margin: .8rem 0; }
.about img { max-width: 100%; height: auto; background: #fff; border-radius: 6px; }
.about :is(figcaption, p > em:only-child) { display: block; font-style: normal; font-size: .88rem;
  color: var(--body-text-color-subdued); }
.about pre { overflow-x: auto; font-size: .82rem; }
.about a { color: var(--link-text-color); text-decoration: underline; }
</style>"""


def add_about_tab(segmenter: Segmenter) -> None:
    """Put what there is to know about the networks of ``segmenter`` on the page."""
    found = about(list(segmenter.checkpoints.values()))
    gr.HTML(found, elem_id="about", apply_default_css=False)


def about(checkpoints: list[Checkpoint], docs: Path = DOCS) -> str:
    """The tab as HTML: plain words first, details that fold out after.

    Plots come from the report in ``docs`` where it is there.
    """
    parts = [
        _prose(_introduce(checkpoints)),
        _prose("\n\n".join(_results(checkpoints))),
        _prose("\n\n".join(describe_limits())),
        _prose(_licences(checkpoints)),
        "<h2>More about it</h2>",
        *(_fold(checkpoint.config.title, _card(checkpoint)) for checkpoint in checkpoints),
        *_report(docs),
        _fold("Papers to cite", to_html(text.describe_papers(), docs, anchors=False)),
    ]
    return f"{STYLE}<article class='about'>{''.join(parts)}</article>"


def _prose(markdown: str) -> str:
    return to_html(markdown, DOCS, anchors=False)


def _fold(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _introduce(checkpoints: list[Checkpoint]) -> str:
    data = sorted({name for c in checkpoints for name in trained_on(c.config.training)})
    tumours = list_tumours(data)
    learned = f"They learned from slices with {join(tumours)}." if tumours else ""
    if tumours and "brain metastasis" not in tumours:
        learned += " **No real metastasis was among these.**"
        if any(c.config.training.get("config", {}).get("metastases") for c in checkpoints):
            learned += " Metastases were drawn into some of the slices instead."
    return f"""\
## What this is

MetaSeg marks the parts of a brain MRI slice that look like a tumour or a metastasis. Each network
looks at the slice by itself. Where their outlines agree, they have found the same signs; where they
differ, at least one is wrong.

It is research software. It is not a medical device, nobody has tested it on patients, and no
diagnosis or treatment may rest on it. Pictures that you drop here are read on the computer that
runs this page, and are deleted there within two hours.

## What the networks learned from

{learned} They see one slice at a time, in shades of grey, and know nothing of the patient."""


def _results(checkpoints: list[Checkpoint]) -> list[str]:
    names = [name for name in KNOWN_DATA if any(name in c.metrics for c in checkpoints)]
    blocks = ["## How well they do"]
    if not names:
        return [*blocks, "These weights have not been measured here; see their model cards."]
    learned = {name for c in checkpoints for name in trained_on(c.config.training)}
    rows = [
        [
            data_title(name),
            "yes" if name in learned else "no",
            *(show_score(c.metrics.get(name, {}).get("dice")) for c in checkpoints),
        ]
        for name in names
    ]
    head = ["slices of", "learned from this source", *(c.config.title for c in checkpoints)]
    return [
        *blocks,
        "The figure is the Dice score: 1 where an outline is exact, 0 where nothing of the lesion "
        "was found. None of these slices was learned from. The range in brackets says where the "
        "figure could lie with other patients of the same kind, 19 times out of 20.",
        table(head, rows, words=2),
        "Slices from other hospitals and of real metastases fare worse than those that resemble "
        "what was learned from. Expect that of your own slices as well.",
    ]


def _licences(checkpoints: list[Checkpoint]) -> str:
    licences = sorted({checkpoint.config.license.upper() for checkpoint in checkpoints})
    rows = [
        [data.title, ", ".join(data.tumours), data.source, data.license.upper()]
        for data in KNOWN_DATA.values()
    ]
    known = table(["data", "what they show", "source", "licence"], rows, words=4)
    return f"""\
## Licences and sources

The code is under Apache-2.0, the weights are under {join(licences)}. The examples keep the licence
of their source.

{known}"""


def _card(checkpoint: Checkpoint) -> str:
    """The substance of the model card, its headings one level lower."""
    config = checkpoint.config
    parts = [
        text.describe_use(config),
        text.describe_training(config, [], None),
        text.describe_results(checkpoint.metrics),
        text.describe_license(config),
        f"Weights: {code(checkpoint.revision)}",
    ]
    return to_html("\n".join(parts).replace("## ", "### "), DOCS, anchors=False)


def _report(docs: Path) -> list[str]:
    """The comparison and the curves of the report, each left out where it is not there."""
    try:
        report = (docs / "report.md").read_text(encoding="utf-8")
    except OSError:
        return []
    folds = []
    for title in (material.ARCHITECTURES, material.CURVES):
        found = section(report, title)
        try:
            if found:
                folds.append(_fold(title, to_html(found, docs, anchors=False)))
        except InputError:
            continue
    return folds
