"""What metadata and text of a card both need."""

from collections.abc import Sequence

from metaseg.data.known import KNOWN_DATA

SCORES = {
    "dice": "Dice",
    "iou": "IoU",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "group_dice": "Dice per group",
    "pooled_dice": "Pooled Dice",
    "empty_false_positive_rate": "False-positive rate on empty slices",
}
"""Keys of an object in ``metrics.json``, in the order of the card, and what people read."""


def is_measured(score: object) -> bool:
    """Whether a figure of ``metrics.json`` is defined: a number, or a mean with an interval."""
    return (score["mean"] if isinstance(score, dict) else score) is not None


def show_score(score: float | dict[str, float] | None) -> str:
    """A score as people read it, for example ``0.712 (0.690 to 0.734)``; a dash where it is not
    defined."""
    if not is_measured(score):
        return "–"
    if not isinstance(score, dict):
        text = f"{score:.3f}"
    elif score.get("low") is None or score.get("high") is None:
        text = f"{score['mean']:.3f}"
    else:
        text = f"{score['mean']:.3f} ({score['low']:.3f} to {score['high']:.3f})"
    return text.replace("-", "−")


def join(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def data_title(name: str) -> str:
    """What people read for the data folder ``name``."""
    return KNOWN_DATA[name].title if name in KNOWN_DATA else name
