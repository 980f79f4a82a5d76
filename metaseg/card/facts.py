"""What metadata and text of a card both need."""

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


def data_title(name: str) -> str:
    """What people read for the data folder ``name``."""
    return KNOWN_DATA[name].title if name in KNOWN_DATA else name
