"""Detect burnt-in text: names and numbers in the corners and along the edges of an image."""

import cv2
import numpy as np

BAND = 0.2
"""Share of the height and width, from each side, that is searched for letters."""
CONTRAST = 70
"""Least contrast of a letter's strokes, in grey levels."""
SMALLEST, LARGEST = 6, 0.07
"""Height of a letter: at least so many pixels, at most this share of the image's longer side."""
FEWEST = 4
"""Fewest letters in a row that count as text; a single R or L is a side marker."""


def has_letters(grey: np.ndarray) -> bool:
    """Whether there is text in a corner or along an edge of ``grey`` (H, W) uint8.

    Text is a row of thin, high-contrast shapes of about the same height.
    """
    if np.median(_edge(grey)) > 127:
        grey = 255 - grey  # dark letters on a bright page
    largest = max(int(LARGEST * max(grey.shape)), 2 * SMALLEST)
    # The top-hat keeps what is narrower than the window: strokes of letters, but little tissue.
    window = cv2.getStructuringElement(cv2.MORPH_RECT, (largest // 3 | 1,) * 2)
    strokes = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, window) > CONTRAST
    _, _, boxes, centres = cv2.connectedComponentsWithStats(strokes.astype(np.uint8))
    width, height, area = boxes[1:, 2:].T
    fits = (height >= SMALLEST) & (height <= largest) & (width <= 1.6 * height)
    fits &= (area >= 0.12 * width * height) & (area < 0.85 * width * height) | (width < height / 3)
    fits &= _in_band(centres[1:], grey.shape)
    boxes = boxes[1:][fits]
    return any(_row_from(box, boxes) >= FEWEST for box in boxes)


def _in_band(centres: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    place = centres[:, ::-1] / shape
    return (np.minimum(place, 1 - place) < BAND).any(axis=1)  # pyright: ignore[reportReturnType]


def _row_from(box: np.ndarray, boxes: np.ndarray) -> int:
    """Number of letters in the row that starts with ``box`` and continues to the right."""
    count, right = 1, box[0] + box[2]
    height, bottom = box[3], box[1] + box[3]
    like = np.abs(boxes[:, 3] - height) <= 0.3 * height
    like &= np.abs(boxes[:, 1] + boxes[:, 3] - bottom) <= max(1, 0.15 * height)
    for other in boxes[like][np.argsort(boxes[like][:, 0])]:
        if right <= other[0] + 1 and other[0] - right <= 1.2 * height:
            count, right = count + 1, other[0] + other[2]
    return count


def _edge(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]])
