"""How the page looks, and the words that stand still on it."""

from collections.abc import Iterable

import gradio as gr

from metaseg.models import TITLES
from metaseg.overlay import PREDICTION_COLOURS, TRUTH_COLOUR

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
)

HEADER = """
<header class="masthead">
  <h1>MetaSeg</h1>
  <p>Outlines brain tumours and metastases on one MRI slice. Two networks draw side by side, so that
  you can judge where they agree.</p>
  <p class="research">Research software, not a medical device: not for diagnosis or treatment. The
  networks were trained on meningioma, glioma and pituitary tumour; no real metastasis was among
  them.</p>
</header>
"""

CSS = """
.gradio-container { max-width: 1500px !important; margin: 0 auto !important; }
.gradio-container, .gradio-container .main { width: 100%; box-sizing: border-box; }
.gradio-container :is(main, .main, .wrap, .contain, .row) { min-width: 0 !important;
  max-width: 100%; }
.section h2 { margin: 0; font-size: 1.02rem; font-weight: 600; }
.masthead h1 { font-size: 1.7rem; font-weight: 650; margin: 0 0 .2rem; }
.masthead p { margin: 0 0 .25rem; max-width: 75ch; line-height: 1.45; }
.masthead .research, .legend { color: var(--body-text-color-subdued); font-size: .92rem; }
.hint { padding: 2.5rem 1rem; text-align: center; border: 1px dashed var(--border-color-primary);
  border-radius: 10px; }
#status p { margin: .15rem 0; color: var(--body-text-color-subdued); }
#status .alert { padding: .7rem 1rem; border-left: 4px solid #b45309; border-radius: 6px;
  background: var(--background-fill-secondary); color: var(--body-text-color); }
#pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
#pictures > * { min-width: 0 !important; }
#pictures img { background: #000; }
#examples .grid-wrap { min-height: 0; height: auto; padding: 0; }
#examples .grid-container { grid-auto-rows: auto;
  grid-template-columns: repeat(8, minmax(0, 1fr)); }
#examples .thumbnail-item { aspect-ratio: auto; background: none; box-shadow: none;
  border: 2px solid transparent; overflow: hidden; height: auto; }
#examples .thumbnail-item img { aspect-ratio: 1; height: auto; border-radius: 8px; }
#examples .thumbnail-item:is(:hover, :focus-visible, .selected) {
  border-color: var(--color-accent); }
#examples .caption-label { position: static; display: block; max-width: none; padding: .3rem 0 0;
  border: 0; background: none; box-shadow: none; text-align: center; white-space: normal;
  line-height: 1.25; font-size: .8rem; color: var(--body-text-color); }
#marks p { margin: .2rem 0 0; font-size: .85rem; color: var(--body-text-color-subdued); }
#marks svg { width: 100%; height: 12px; border-radius: 3px; display: block;
  background: var(--border-color-primary); }
#marks .lesion { fill: var(--color-accent); }
#marks .present { fill: none; stroke: var(--body-text-color); stroke-width: 2px;
  vector-effect: non-scaling-stroke; }
#figures h3 { margin: 1rem 0 .35rem; font-size: 1.02rem; font-weight: 600; }
#figures .table { overflow-x: auto; }
#figures table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
#figures th, #figures td { padding: .35rem .7rem; text-align: right; white-space: nowrap;
  border: 0; border-bottom: 1px solid var(--border-color-primary); }
#figures th:first-child, #figures td:first-child { text-align: left; }
.legend span { display: inline-block; margin-right: 1.1rem; }
.legend i { display: inline-block; width: .8em; height: .8em; margin-right: .4em;
  border-radius: 2px; }
@media (max-width: 640px) {
  .gradio-container .column { min-width: 100% !important; max-width: 100%; }
  #examples .grid-container { grid-template-columns: repeat(4, minmax(0, 1fr)) !important; }
}
"""


def legend(architectures: Iterable[str]) -> str:
    """The colours of the ground truth and of the networks that are served."""
    colours = {"Ground truth": TRUTH_COLOUR}
    colours |= {TITLES[name]: PREDICTION_COLOURS[name] for name in architectures}
    entries = "".join(
        f"<span><i style='background: rgb{colour}'></i>{title}</span>"
        for title, colour in colours.items()
    )
    return f"<p class='legend'>{entries}</p>"
