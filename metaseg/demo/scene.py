"""What the viewer needs of a scan: its grey levels, its ground truth and where it lies."""

from dataclasses import replace

import numpy as np

from metaseg.demo.pixels import write_parts
from metaseg.demo.workbench import OpenScan
from metaseg.preprocess import Preprocessing, find_tissue, grey_slices
from metaseg.scan import Scan
from metaseg.scan.planes import PLANES

LOOKED_AT = 24
"""Slices at most in which the tissue is looked for, at even distances."""


def scene_of(opened: OpenScan, settings: Preprocessing) -> dict:
    """The scan and its ground truth as the browser reads them; voxels are parts to fetch."""
    scan = opened.scan
    grey = grey_levels(scan, settings)
    affine = None if scan.spacing is None else scan.affine
    return {
        "name": scan.name,
        "shape": list(scan.voxels.shape),
        "spacing": scan.spacing and list(scan.spacing),
        "aspect": scan.aspect,
        "plane": scan.plane,
        "codes": None if affine is None else PLANES,
        "affine": None if affine is None else affine.tolist(),
        "box": tissue_box(grey, settings),
        "grey": write_parts(grey),
        "truth": truth_of(opened),
    }


def truth_of(opened: OpenScan) -> list[dict] | None:
    """The ground truth as parts to fetch."""
    return None if opened.truth is None else write_parts(opened.truth)


def grey_levels(scan: Scan, settings: Preprocessing) -> np.ndarray:
    """``scan`` as grey levels (D, H, W) uint8 to look at: one window for all slices of a volume, so
    that cuts across them are even."""
    window = "volume" if scan.is_volume else settings.window
    levels = np.empty(scan.voxels.shape, np.uint8)
    for index, slice_ in enumerate(grey_slices(scan, replace(settings, window=window))):
        levels[index] = slice_
    return levels


def tissue_box(grey: np.ndarray, settings: Preprocessing) -> list[int]:
    """Top, bottom, left and right of the tissue of ``grey`` (D, H, W) in all slices together."""
    step = -(-len(grey) // LOOKED_AT)
    found = find_tissue(grey[::step].max(axis=0), settings)
    return list(found or (0, grey.shape[1], 0, grey.shape[2]))
