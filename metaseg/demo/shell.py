"""The page's own elements: the bar, the viewer, the panel beside it and the examples."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from string import Template

from metaseg.checkpoint import Checkpoint
from metaseg.data.record import training_data
from metaseg.demo.figure import rgb
from metaseg.demo.gallery import Example, read_examples
from metaseg.demo.render import EXAMPLE, sensitive_point
from metaseg.demo.store import KEPT_FOR, NOT_YOURS
from metaseg.demo.workbench import BOTH, Workbench
from metaseg.findings.overlay import PREDICTION_COLOURS, TRUTH_COLOUR
from metaseg.scan.types import ENDINGS

TEMPLATE = Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
DASHES = ([], [6, 3], [2, 3])
"""Lines of the networks on the canvas: they differ without colour as well."""
BAR = """
<header class="masthead">
  <h1>MetaSeg</h1>
  <span class="research">Research only, not for diagnosis</span>
  <button type="button" class="theme" data-action="theme"><span class="when-dark">Light</span><span
    class="when-light">Dark</span><span class="sr"> theme</span></button>
</header>
"""


def shell(workbench: Workbench) -> str:
    """The viewer with all that stands around it."""
    checkpoints = list(workbench.segmenter.checkpoints.values())
    examples = read_examples()
    titles = {BOTH: BOTH, **workbench.segmenter.titles}
    return TEMPLATE.substitute(
        config=escape(json.dumps(_config(workbench, examples))),
        endings=escape(",".join(ENDINGS)),
        networks="".join(_choice(name, title, name == BOTH) for name, title in titles.items()),
        examples="".join(_example(number, one) for number, one in enumerate(examples)),
        statement=escape(statement(checkpoints)),
    )


def statement(checkpoints: Sequence[Checkpoint]) -> str:
    """What the page is, the training data of the served networks and the first note of each
    network's record, which is the most important one."""
    records = [checkpoint.config.training for checkpoint in checkpoints]
    data = {name: entry for record in records for name, entry in training_data(record).items()}
    titles = "; ".join(entry.get("title", name) for name, entry in data.items())
    first = list(dict.fromkeys(n for record in records for n in record.get("notes", [])[:1]))
    sentences = [
        "Research software, not a medical device: not for diagnosis or treatment.",
        f"Other visitors cannot see your images. They are deleted within {KEPT_FOR}.",
        f"Training data: {titles or 'not recorded'}.",
        *first,
    ]
    return " ".join(sentences)


def _config(workbench: Workbench, examples: Sequence[Example]) -> dict:
    """What the browser knows of networks and examples before it asks anything."""
    networks = [
        {
            "name": name,
            "title": checkpoint.config.title,
            "colour": rgb(PREDICTION_COLOURS[checkpoint.config.architecture]),
            "dash": DASHES[number % len(DASHES)],
            "threshold": checkpoint.config.threshold,
            "volume": checkpoint.config.volume and asdict(checkpoint.config.volume),
        }
        for number, (name, checkpoint) in enumerate(workbench.segmenter.checkpoints.items())
    ]
    display = workbench.segmenter.display
    return {
        "both": BOTH,
        "gone": NOT_YOURS,
        "compared": workbench.compared,
        "sensitive": {
            model: sensitive_point(workbench, model)
            for model in (BOTH, *workbench.segmenter.checkpoints)
        },
        "networks": networks,
        "truth": rgb(TRUTH_COLOUR),
        "clahe": {"tiles": display.clahe_tile_grid, "limit": display.clahe_clip_limit},
        "examples": [
            {
                "title": example.title,
                "scan": EXAMPLE + Path(example.scan).name,
                "truth": EXAMPLE + Path(example.truth).name,
            }
            for example in examples
        ],
    }


def _choice(name: str, title: str, checked: bool) -> str:
    return (
        f"<label data-network='{escape(name)}'><input type='radio' name='network' "
        f"value='{escape(name)}'{' checked' if checked else ''}>"
        f"<i class='line' aria-hidden='true'></i>{escape(title)}</label>"
    )


def _example(number: int, example: Example) -> str:
    picture = f"thumbnails/{Path(example.thumbnail).name}"
    return (
        f"<button type='button' data-example='{number}' title='{escape(example.source)}'>"
        f"<img src='{escape(picture)}' alt='' width='72' height='72'>"
        f"<span>{escape(example.title)}</span></button>"
    )
