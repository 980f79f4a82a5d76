"""The page's theme, and what its head loads."""

import gradio as gr

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

HEAD = """
<link rel="stylesheet" href="viewer/page.css">
<link rel="stylesheet" href="viewer/figures.css">
<script type="module" src="viewer/main.js"></script>
"""
"""gradio rewrites the rules that it is given, so the page brings its own style sheets."""
