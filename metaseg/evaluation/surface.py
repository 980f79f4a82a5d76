"""Distances between the outlines of prediction and ground truth, by MONAI."""

import math
import warnings

import numpy as np

TOLERANCE = 2.0
"""Outlines at most this many pixels apart agree, for the surface Dice."""


def surface_measures(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """``hd95`` in pixels and ``surface_dice`` of two masks (H, W) bool.

    hd95 is the larger one of both directions' 95th percentiles (Taha and Hanbury 2015); surface
    Dice the share of both outlines within TOLERANCE (Nikolov et al. 2021). If the prediction is
    empty, hd95 is the slice's diagonal and surface Dice 0. If the ground truth is empty, both are
    NaN.
    """
    if not truth.any():
        return {"hd95": math.nan, "surface_dice": math.nan}
    if not prediction.any():
        return {"hd95": math.hypot(*truth.shape), "surface_dice": 0.0}
    # MONAI takes seconds to import, so other commands do not load it.
    import torch
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    # Crop to both masks: a small window is faster and gives the same result.
    rows, columns = (np.flatnonzero((prediction | truth).any(axis=axis)) for axis in (1, 0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    pair = [torch.from_numpy(np.pad(m[window], 1).astype(np.float32))[None, None]
            for m in (prediction, truth)]  # fmt: skip
    with warnings.catch_warnings():
        # MONAI warns of an argument that it passes itself, once a slice.
        warnings.simplefilter("ignore", FutureWarning)
        distance = compute_hausdorff_distance(*pair, include_background=True, percentile=95)
        dice = compute_surface_dice(*pair, class_thresholds=[TOLERANCE], include_background=True)
    return {"hd95": float(distance), "surface_dice": float(dice)}
