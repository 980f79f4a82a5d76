"""Place a slice on the network's grid, and map it back exactly."""

from dataclasses import dataclass

import cv2
import numpy as np

Box = tuple[int, int, int, int]
"""Top, bottom, left and right, in pixels."""


@dataclass(frozen=True)
class Geometry:
    """How one slice was cropped, resized and padded to ``size`` x ``size``, with the inverse.

    The crop is ``[top:bottom, left:right]`` of the slice; it is resized to
    ``height`` x ``width`` and placed with ``pad_top`` and ``pad_left`` empty pixels before it.
    """

    shape: tuple[int, int]
    top: int
    bottom: int
    left: int
    right: int
    height: int
    width: int
    pad_top: int
    pad_left: int
    size: int

    @classmethod
    def fit(
        cls,
        shape: tuple[int, int],
        box: Box,
        size: int,
        aspect: float = 1.0,
        view: Box | None = None,
    ) -> "Geometry":
        """The letterbox of ``box`` (top, bottom, left, right) of a slice of ``shape`` (H, W).

        ``aspect`` is the height of a pixel over its width; pixels on the grid are square. ``view``
        is a larger box around ``box`` to letterbox instead; it is empty outside ``box``.
        """
        top, bottom, left, right = box
        view = view or box
        scale = size / max((view[1] - view[0]) * aspect, view[3] - view[2])
        height, pad_top = _place(top, bottom, *view[:2], scale * aspect, size)
        width, pad_left = _place(left, right, *view[2:], scale, size)
        return cls(tuple(shape), *box, height, width, pad_top, pad_left, size)

    def forward(self, slice_: np.ndarray) -> np.ndarray:
        """``slice_`` (H, W), uint8 or float32, on the network's grid (size, size)."""
        return self.place(slice_[self.top : self.bottom, self.left : self.right])

    def place(self, crop: np.ndarray) -> np.ndarray:
        """``crop``, already cut from a slice, on the network's grid (size, size)."""
        canvas = np.zeros((self.size, self.size), crop.dtype)
        rows = slice(self.pad_top, self.pad_top + self.height)
        columns = slice(self.pad_left, self.pad_left + self.width)
        canvas[rows, columns] = resize(crop, self.height, self.width)
        return canvas

    def forward_mask(self, mask: np.ndarray) -> np.ndarray:
        """A boolean mask (H, W) on the network's grid: True where it covers half of a pixel."""
        return self.forward(mask.astype(np.float32)) >= 0.5

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """``values`` (size, size) float32 on the slice's grid (H, W); zero outside the crop."""
        rows = slice(self.pad_top, self.pad_top + self.height)
        columns = slice(self.pad_left, self.pad_left + self.width)
        out = np.zeros(self.shape, np.float32)
        crop = values[rows, columns].astype(np.float32)
        height, width = self.bottom - self.top, self.right - self.left
        out[self.top : self.bottom, self.left : self.right] = resize(crop, height, width)
        return out


def _place(
    low: int, high: int, view_low: int, view_high: int, scale: float, size: int
) -> tuple[int, int]:
    """Along one axis: the length of ``low`` to ``high`` on the grid, and the padding before it."""
    length = min(size, max(1, round((high - low) * scale)))
    off_centre = (low + high - view_low - view_high) / 2 * scale
    return length, int(np.clip(np.floor((size - length) / 2 + off_centre), 0, size - length))


def resize(array: np.ndarray, height: int, width: int) -> np.ndarray:
    """``array`` (H, W) as (height, width)."""
    # Area averaging when shrinking keeps small lesions; it is undefined for enlarging.
    shrinks = height * width < array.shape[0] * array.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(array, (width, height), interpolation=interpolation)
