"""What joins the browser's own viewer and gradio's events: components that show nothing."""

import gradio as gr

# The viewer may load before or after its wires: it finds those there are, and hears of news.
ON_LOAD = """
const wires = (window.metaseg ??= {});
wires.%(name)s = { trigger, props };
const tell = () => document.dispatchEvent(
  new CustomEvent("metaseg:%(name)s", { detail: props.value }));
watch("value", tell);
tell();
/* %(events)s */
"""


def wire(name: str, *events: str) -> gr.HTML:
    """A wire of ``name``, whose value the viewer reads or writes, with the ``events`` that the
    viewer sends."""
    quoted = " ".join(f'"{event}"' for event in events)
    return gr.HTML(
        html_template="",
        apply_default_css=False,
        js_on_load=ON_LOAD % {"name": name, "events": quoted},
        elem_id=f"wire-{name}",
        elem_classes="wire",
    )
