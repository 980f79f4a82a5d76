"""The Explain view: probability, uncertainty, attention maps and intermediate predictions."""

from collections.abc import Sequence
from html import escape

import cv2
import numpy as np

from metaseg.demo.figure import Frame, figure, heat_layer
from metaseg.demo.reading import Reading
from metaseg.segmenter import Explanation

COLOUR_MAP = cv2.COLORMAP_MAGMA
"""Perceptually uniform, and readable with red-green colour blindness."""

LONGEST_SIDE = 384
"""Maps are smoother than the slice: more pixels would show nothing more."""

CLEAR_BELOW = 0.12
"""Share of the scale over which a map fades in, so that low values leave the slice visible."""

LEAST_DIFFERENCE = 0.2
"""Smallest difference that is drawn brightest, so that negligible differences stay dark."""

GATED = 0.01
"""Lowest value of a stretched map inside the network's input."""

NO_TISSUE = "<p class='aside'>This slice contains no tissue, so there is nothing to explain.</p>"


def explain_view(
    frame: Frame, readings: Sequence[Reading], explanations: Sequence[Explanation | None]
) -> str:
    """HTML of the view, one section for each question."""
    pairs = [(r, e) for r, e in zip(readings, explanations) if e is not None]
    if not pairs:
        return NO_TISSUE
    between = ", or differ more between the two networks" if len(pairs) == 2 else ""
    sections = [
        _section(
            "How likely is a lesion?",
            "Brighter pixels have a higher probability of lesion.",
            [_panel(r.title, r.probability, frame) for r, _ in pairs],
            ("0", "1"),
        ),
        _section(
            "How sure is the network?",
            "Brighter pixels are less certain: the probability is closer to an even choice between "
            "lesion and no lesion (entropy, in bits).",
            [_panel(r.title, entropy(r.probability), frame) for r, _ in pairs],
            ("certain", "uncertain"),
        ),
        _section(
            "Where is the answer unstable?",
            f"Brighter pixels change more when the slice is mirrored{between}.",
            _instability(pairs, frame),
            ("stable", "unstable"),
        ),
    ]
    for reading, explanation in pairs:
        if explanation.attention:
            sections.append(_attention(reading.title, explanation, frame))
        if len(explanation.supervised) > 1:
            sections.append(_supervised(reading.title, explanation, frame))
    return "".join(sections)


def entropy(probability: np.ndarray) -> np.ndarray:
    """Entropy in bits of ``probability`` (H, W) in [0, 1], lesion or not (Shannon 1948)."""
    p = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return -(p * np.log2(p) + (1 - p) * np.log2(1 - p))


def combine(maps: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of ``maps`` (H, W), each stretched to its own range; uniform ones are left out."""
    varied = [values for values in maps if not _is_uniform(values)] or maps
    return np.mean([_stretch(values) for values in varied], axis=0)


def _instability(pairs: Sequence[tuple[Reading, Explanation]], frame: Frame) -> list[str]:
    maps = {f"{reading.title}, mirrored": found.mirror_difference for reading, found in pairs}
    if len(pairs) == 2:
        (first, _), (second, _) = pairs
        maps["Between the two networks"] = np.abs(first.probability - second.probability)
    return [
        _panel(title, values, frame, max(float(values.max()), LEAST_DIFFERENCE))
        for title, values in maps.items()
    ]


def _attention(title: str, explanation: Explanation, frame: Frame) -> str:
    maps = explanation.attention
    panels = [_attention_panel("All levels together", "their mean", combine(maps), frame)]
    panels += [
        _attention_panel(f"Level {level}, {words}", _range(values), _stretch(values), frame)
        for level, (values, words) in enumerate(
            zip(maps, ("finest detail", "fine detail", "coarse shapes", "coarsest shapes")), start=1
        )
    ]
    return _section(
        f"What does the {title} attend to?",
        "The attention gates pass on bright parts and suppress dark parts. Each map that varies "
        "is stretched to its own range.",
        panels,
        ("suppressed", "passed on"),
    )


def _supervised(title: str, explanation: Explanation, frame: Frame) -> str:
    last = len(explanation.supervised)
    panels = [
        _panel(f"Step {step} of {last}", values, frame)
        for step, values in enumerate(explanation.supervised, start=1)
    ]
    return _section(
        f"How does the {title} reach its answer?",
        "One prediction at each depth, from a coarse first estimate to the final outline (deep "
        "supervision).",
        panels,
        ("0", "1"),
    )


def _section(title: str, words: str, panels: list[str], ends: tuple[str, str]) -> str:
    low, high = ends
    return (
        f"<section class='why'><h3>{escape(title)}</h3><p class='aside'>{words}</p>"
        f"<div class='panels small'>{''.join(panels)}</div>"
        f"<p class='scale'><span>{low}</span><i aria-hidden='true'></i><span>{high}</span></p>"
        "</section>"
    )


def _panel(title: str, values: np.ndarray, frame: Frame, full: float = 1.0) -> str:
    """``full`` is the value that is drawn brightest."""
    caption = f"<b>{escape(title)}</b> up to {values.max():.2f}"
    layer = heat_layer(_colour(values / full, CLEAR_BELOW), frame)
    return figure(title, frame, layer, caption)


def _attention_panel(title: str, words: str, stretched: np.ndarray, frame: Frame) -> str:
    layer = heat_layer(_colour(stretched, GATED), frame)
    return figure(title, frame, layer, f"<b>{title}</b> {words}", words)


def _colour(values: np.ndarray, clear_below: float) -> np.ndarray:
    """``values`` (H, W) in [0, 1] as RGBA (h, w, 4) uint8, fading in up to ``clear_below``."""
    shrink = min(1.0, LONGEST_SIDE / max(values.shape))
    height, width = (max(1, round(side * shrink)) for side in values.shape)
    small = cv2.resize(values.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    levels = np.rint(small.clip(0, 1) * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, COLOUR_MAP), cv2.COLOR_BGR2RGB)
    opacity = (small / clear_below).clip(0, 1)
    return np.dstack([colours, np.rint(opacity * 255).astype(np.uint8)])


def _stretch(values: np.ndarray) -> np.ndarray:
    """``values`` (H, W) from GATED to 1; pixels outside its input stay 0."""
    # A nearly uniform map is not stretched: its noise would look like a finding.
    low, high = (0.0, 1.0) if _is_uniform(values) else _ends(values)
    stretched = GATED + (1 - GATED) * (values - low) / (high - low)
    return np.where(values > 0, stretched, 0).clip(0, 1)


def _is_uniform(values: np.ndarray) -> bool:
    low, high = _ends(values)
    return high - low < 0.05


def _range(values: np.ndarray) -> str:
    low, high = _ends(values)
    return f"{low:.2f} everywhere" if _is_uniform(values) else f"{low:.2f} to {high:.2f}"


def _ends(values: np.ndarray) -> tuple[float, float]:
    inside = values[values > 0]
    return (float(inside.min()), float(inside.max())) if inside.size else (0.0, 0.0)
