"""The page's style and masthead."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import gradio as gr

from metaseg.checkpoint import Checkpoint
from metaseg.data.record import training_data

FOLDER = Path(__file__).parent

# System fonts only: the page loads nothing from other servers.
FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
THEME = gr.themes.Base(
    primary_hue="teal",
    secondary_hue="teal",
    neutral_hue="slate",
    radius_size="lg",
    font=FONTS,
    font_mono=["ui-monospace", "monospace"],
).set(
    # The defaults fall short of WCAG AA contrast on white.
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_300",
    block_label_text_color="*neutral_700",
    block_label_text_color_dark="*neutral_200",
    link_text_color="*primary_700",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_hover_dark="*primary_800",
)

MASTHEAD = """
<header class="masthead">
  <h1>MetaSeg</h1>
  <button type="button" class="theme" data-action="theme"><span
    class="when-dark">Light theme</span><span class="when-light">Dark theme</span></button>
  <p>Drop a brain MRI slice or volume. Each network outlines what may be a lesion, so you can
  compare them.</p>
  <p class="research">Research software, not a medical device: not for diagnosis or treatment.
  {statement}</p>
</header>
"""


def masthead(checkpoints: Sequence[Checkpoint]) -> str:
    """The page's masthead. It states the training data of the served networks and the first note of
    each network's record, which is the most important one."""
    records = [checkpoint.config.training for checkpoint in checkpoints]
    data = {name: entry for record in records for name, entry in training_data(record).items()}
    titles = "; ".join(entry.get("title", name) for name, entry in data.items())
    first = list(dict.fromkeys(record["notes"][0] for record in records if record.get("notes")))
    sentences = [f"Training data: {titles or 'not recorded'}.", *first]
    return MASTHEAD.format(statement=escape(" ".join(sentences)))


CSS = (FOLDER / "page.css").read_text(encoding="utf-8")
SCRIPT = (FOLDER / "page.js").read_text(encoding="utf-8")
