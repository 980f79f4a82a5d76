"""How the page looks, and the words that stand still on it."""

from pathlib import Path

import gradio as gr

FOLDER = Path(__file__).parent

# Only fonts that every machine has: the page asks no other server for anything.
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

HEADER = """
<header class="masthead">
  <h1>MetaSeg</h1>
  <button type="button" class="theme" data-action="theme"><span
    class="when-dark">Light theme</span><span class="when-light">Dark theme</span></button>
  <p>Outlines brain tumours and metastases on one MRI slice. Two networks draw side by side, so that
  you can judge where they agree.</p>
  <p class="research">Research software, not a medical device: not for diagnosis or treatment. The
  networks were trained on meningioma, glioma and pituitary tumour; no real metastasis was among
  them.</p>
</header>
"""

CSS = (FOLDER / "page.css").read_text(encoding="utf-8")
SCRIPT = (FOLDER / "page.js").read_text(encoding="utf-8")
