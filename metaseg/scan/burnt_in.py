"""Letters that are burnt into a picture: names and numbers in its corners and along its edges."""

import cv2
import numpy as np

BAND = 0.2
"""Share of the height and the width, from each side, in which letters are looked for."""
CONTRAST = 70
"""Grey levels by which the strokes of a letter stand out."""
SMALLEST, LARGEST = 6, 0.07
"""Height of a letter: in pixels, and as a share of the picture's height."""
FEWEST = 4
"""Letters in a row that make a word; a single R or L only names a side."""


def has_letters(grey: np.ndarray) -> bool:
    """Whether letters stand in a corner or along an edge of ``grey`` (H, W) uint8.

    Letters are thin, sharp strokes on an even ground, of one height, side by side on a line.
    """
    if np.median(_edge(grey)) > 127:
        grey = 255 - grey  # dark letters on a bright page
    largest = max(int(LARGEST * max(grey.shape)), 2 * SMALLEST)
    # What is narrower than the window stands out; a letter's strokes are, tissue mostly is not.
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
    """How many of ``boxes`` follow ``box`` to the right as letters of one word or line."""
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
