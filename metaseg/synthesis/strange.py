"""Pictures that are no slices of a head, by which the input check learns what to doubt.

Learned from pictures made like this, a check also doubts kinds that it has not seen (outlier
exposure, Hendrycks et al. 2019, ICLR). Overlapping shapes and noise whose amplitude falls with the
frequency have the statistics of photographs (Lee et al. 2001, Int J Comput Vis 41:35; Field 1987,
J Opt Soc Am A 4:2379).
"""

from collections.abc import Iterator

import cv2
import numpy as np

SIDE = 320
OF_A_KIND = 150
LETTERS = [*"abcdefghijklmnopqrstuvwxyz    "]


def strange_pictures() -> Iterator[np.ndarray]:
    """OF_A_KIND grey pictures (SIDE, SIDE) uint8 of each of KINDS, always the same, in turn."""
    random = np.random.default_rng(0)
    for _ in range(OF_A_KIND):
        for kind in KINDS:
            yield kind(random).clip(0, 255).astype(np.uint8)


def _occluding_shapes(random: np.random.Generator) -> np.ndarray:
    """Shapes of all sizes, one before the other, with texture: a photograph's edges."""
    canvas = np.full((SIDE, SIDE), random.uniform(0, 255), np.float32)
    for _ in range(random.integers(20, 400)):
        radius, grey = SIDE * random.uniform(0.02, 0.5) ** 2 + 2, random.uniform(0, 255)
        centre = random.uniform(0, SIDE, 2)
        if random.random() < 0.6:
            axes = (radius, max(1, radius * random.uniform(0.2, 1)))
            cv2.ellipse(canvas, (centre, axes, random.uniform(0, 180)), grey, -1)
        else:
            corners = centre + random.normal(0, radius, (random.integers(3, 7), 2))
            cv2.fillPoly(canvas, [corners.astype(np.int32)], grey)
    canvas += random.uniform(0, 0.4) * (_clouds(random) - 128)
    return cv2.GaussianBlur(canvas, (0, 0), random.uniform(0.3, 1.5))


def _close_up(random: np.random.Generator) -> np.ndarray:
    """A few large things, each with a light and a dark side, before a smooth ground."""
    canvas = _shade(random, random.uniform(40, 255))
    for _ in range(random.integers(1, 7)):
        axes = SIDE * random.uniform(0.05, 0.45, 2)
        shape = np.zeros((SIDE, SIDE), np.float32)
        if random.random() < 0.5:
            cv2.ellipse(
                shape, (random.uniform(0, SIDE, 2), axes * 2, random.uniform(0, 180)), 1, -1
            )
        else:
            corners = random.uniform(0, SIDE, 2) + random.normal(0, axes.mean(), (4, 2))
            cv2.fillPoly(shape, [corners.astype(np.int32)], 1)
        shape = cv2.GaussianBlur(shape, (0, 0), random.uniform(0.3, 3))
        canvas += shape * (_shade(random, random.uniform(0, 255)) - canvas)
    canvas += random.uniform(0, 0.15) * (_clouds(random) - 128)
    return canvas


def _shade(random: np.random.Generator, grey: float) -> np.ndarray:
    """``grey`` under light that falls from one side."""
    x, y = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2)
    angle = random.uniform(0, 2 * np.pi)
    light = x * np.cos(angle) + y * np.sin(angle)
    return (grey * (1 + random.uniform(0, 0.5) * light)).astype(np.float32)


def _clouds(random: np.random.Generator) -> np.ndarray:
    """Noise from white to that of clouds."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE))
    frequency[0, 0] = 1
    white = np.fft.rfft2(random.normal(size=(SIDE, SIDE)))
    noise = np.fft.irfft2(white / frequency ** random.uniform(0, 2.2), (SIDE, SIDE))
    return 128 + 60 * (noise - noise.mean()) / noise.std()


def _strokes(random: np.random.Generator) -> np.ndarray:
    """A diagram, on a dark or a light ground."""
    dark = random.random() < 0.5
    ground, inks = (
        (random.uniform(0, 40), (120, 255)) if dark else (random.uniform(200, 255), (0, 130))
    )
    canvas = np.full((SIDE, SIDE), ground, np.uint8)
    for _ in range(random.integers(1, 25)):
        ink, width = random.uniform(*inks), int(random.integers(1, 6))
        start, end = random.integers(0, SIDE, (2, 2)).tolist()
        filled = width if random.random() < 0.5 else -1
        match random.integers(5):
            case 0:
                cv2.line(canvas, start, end, ink, width)
            case 1:
                cv2.circle(canvas, start, int(random.uniform(5, 120)), ink, filled)
            case 2:
                cv2.rectangle(canvas, start, end, ink, filled)
            case 3:
                _write(canvas, random, start, 12, random.uniform(0.4, 1.5), ink, width)
            case _:
                x = np.linspace(0, SIDE, 50)
                wave = np.sin(np.linspace(0, random.uniform(3, 40), 50)) * random.uniform(5, 60)
                curve = np.stack([x, start[1] + wave], axis=1).astype(np.int32)
                cv2.polylines(canvas, [curve], False, ink, width)
    return canvas


def _page(random: np.random.Generator) -> np.ndarray:
    """Lines of letters, as on a screen or as a camera sees them."""
    canvas = np.full((SIDE, SIDE), 255, np.uint8)
    line = int(random.integers(10, 60))
    for y in range(line, SIDE, line):
        _write(canvas, random, (int(random.uniform(2, 20)), y), 60, line / 40, 0, 1 + line // 30)
    if random.random() < 0.5:
        return canvas
    ink = random.uniform(0.2, 0.7)
    seen = cv2.GaussianBlur(ink + (1 - ink) * canvas / 255, (0, 0), random.uniform(0.3, 2))
    return seen * _shade(random, random.uniform(120, 230))


def _object(random: np.random.Generator) -> np.ndarray:
    """One thing on a plain ground, as a head is."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    waves = np.sin(random.integers(1, 6) * angle + random.uniform(0, 6))
    radius = SIDE * random.uniform(0.2, 0.48) * (1 + random.uniform(0, 0.3) * waves)
    outline = SIDE / 2 + np.stack(
        [radius * np.cos(angle), radius * np.sin(angle) * random.uniform(0.6, 1.3)], axis=1
    )
    shape = cv2.fillPoly(np.zeros((SIDE, SIDE), np.uint8), [outline.astype(np.int32)], 1)
    inside = (_occluding_shapes, _clouds, _strokes)[random.integers(3)](random)
    ground = random.uniform(0, 30) if random.random() < 0.7 else random.uniform(0, 255)
    return np.where(shape, inside, ground)


def _vessels(random: np.random.Generator) -> np.ndarray:
    """Branches on a round or a full field, as in a retina, an angiogram or a leaf."""
    field = _shade(random, random.uniform(60, 200))
    ink = field.mean() * random.choice([random.uniform(0.3, 0.8), random.uniform(1.2, 1.8)])
    root = random.uniform(0.1, 0.9, 2) * SIDE
    ends = [
        (root, random.uniform(0, 2 * np.pi), random.uniform(2, 9))
        for _ in range(random.integers(4, 12))
    ]
    while ends:
        place, angle, width = ends.pop()
        while width > 0.7 and (0 <= place).all() and (place < SIDE).all():
            angle += random.normal(0, 0.25)
            further = place + 12 * np.array([np.cos(angle), np.sin(angle)])
            start, end = place.astype(int).tolist(), further.astype(int).tolist()
            cv2.line(field, start, end, float(ink), max(1, round(width)))
            place, width = further, width * 0.97
            if random.random() < 0.12:
                turned = angle + random.choice([-1, 1]) * random.uniform(0.4, 1)
                ends.append((place, turned, 0.7 * width))
    field = cv2.GaussianBlur(field, (0, 0), random.uniform(0.5, 2))
    if random.random() < 0.6:
        disc = np.zeros((SIDE, SIDE), np.float32)
        cv2.circle(disc, (SIDE // 2, SIDE // 2), int(SIDE * random.uniform(0.35, 0.5)), 1, -1)
        field *= cv2.GaussianBlur(disc, (0, 0), 1)
    return field


def _write(canvas, random, place, count, size, ink, width) -> None:
    text = "".join(random.choice(LETTERS, count))
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, ink, width, cv2.LINE_AA)


KINDS = _occluding_shapes, _close_up, _clouds, _strokes, _page, _object, _vessels
