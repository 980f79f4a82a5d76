"""The view «Explain»: what the networks looked at, how sure they are, and how they got there."""

from collections.abc import Sequence
from html import escape

import cv2
import numpy as np

from metaseg.demo.figure import Frame, figure, heat_layer
from metaseg.demo.reading import Reading
from metaseg.segmenter import Explanation

COLOUR_MAP = cv2.COLORMAP_MAGMA
"""Even to the eye, and readable without telling red from green."""

LONGEST_SIDE = 384
"""Maps are softer than the slice: more pixels would show nothing more."""

CLEAR_BELOW = 0.12
"""Share of the scale over which a map fades in, so that the slice shows where nothing is."""

LEAST_WAVERING = 0.2
"""A difference that is drawn brightest at the least, so that trifles stay dark."""

SEEN = 0.01
"""The least of a stretched map where the network looked at all."""

WAITING = "<p class='aside' role='status'>Looking inside the networks …</p>"
NO_TISSUE = "<p class='aside'>There is no tissue in this slice, so no network looked at it.</p>"


def explain_view(
    frame: Frame, readings: Sequence[Reading], explanations: Sequence[Explanation | None]
) -> str:
    """HTML of the view, a section for each question that a reader may have."""
    pairs = [(r, e) for r, e in zip(readings, explanations) if e is not None]
    if not pairs:
        return NO_TISSUE
    sections = [
        _section(
            "How likely is a lesion?",
            "The brighter a pixel, the more the network believes that it belongs to a lesion.",
            [_panel(r.title, r.probability, frame) for r, _ in pairs],
            ("0", "1"),
        ),
        _section(
            "How sure is the network?",
            "The brighter a pixel, the closer the network is to a coin toss between lesion and no "
            "lesion (entropy of the probability, in bits).",
            [_panel(r.title, entropy(r.probability), frame) for r, _ in pairs],
            ("sure", "undecided"),
        ),
        _section(
            "Where does the answer waver?",
            "The brighter a pixel, the more a single look changes when the slice is mirrored left "
            "for right, or the more the two networks differ.",
            _wavering(pairs, frame),
            ("same answer", "most different"),
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
    """The mean of ``maps`` (H, W), each stretched to its own range, without those that are even."""
    telling = [values for values in maps if not _is_even(values)] or maps
    return np.mean([_stretch(values) for values in telling], axis=0)


def _wavering(pairs: Sequence[tuple[Reading, Explanation]], frame: Frame) -> list[str]:
    maps = {f"{reading.title}, mirrored": found.mirror_difference for reading, found in pairs}
    if len(pairs) == 2:
        (first, _), (second, _) = pairs
        maps["Between the two networks"] = np.abs(first.probability - second.probability)
    return [
        _panel(title, values, frame, max(float(values.max()), LEAST_WAVERING))
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
        "Bright parts are passed on to the outline, dark parts are held back; every map that "
        "varies is stretched to its own range.",
        panels,
        ("held back", "passed on"),
    )


def _supervised(title: str, explanation: Explanation, frame: Frame) -> str:
    last = len(explanation.supervised)
    panels = [
        _panel(f"Step {step} of {last}", values, frame)
        for step, values in enumerate(explanation.supervised, start=1)
    ]
    return _section(
        f"How does the {title} get there?",
        "The same question answered four times, from a coarse first guess to the answer that is "
        "outlined (deep supervision).",
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
    layer = heat_layer(_colour(stretched, SEEN), frame)
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
    """``values`` (H, W) from SEEN to 1; what the network did not see stays 0."""
    # A map that hardly varies is left as it is: its noise would look like a finding.
    low, high = (0.0, 1.0) if _is_even(values) else _ends(values)
    stretched = SEEN + (1 - SEEN) * (values - low) / (high - low)
    return np.where(values > 0, stretched, 0).clip(0, 1)


def _is_even(values: np.ndarray) -> bool:
    low, high = _ends(values)
    return high - low < 0.05


def _range(values: np.ndarray) -> str:
    low, high = _ends(values)
    return f"{low:.2f} everywhere" if _is_even(values) else f"{low:.2f} to {high:.2f}"


def _ends(values: np.ndarray) -> tuple[float, float]:
    seen = values[values > 0]
    return (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
