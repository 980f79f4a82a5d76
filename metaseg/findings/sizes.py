"""Sizes for people: two digits, which is what an outline of pixels can carry."""

import math

from metaseg.findings.lesions import Lesion

UNDEFINED = "–"
"""Stands where nothing is defined."""


def two_digits(value: float) -> str:
    """``value`` (0 or more) rounded to two digits, for example 5.8, 35, 0.43 or 1200."""
    if not value > 0:
        return "0"
    rounded = float(f"{value:.1e}")
    return f"{rounded:.{max(0, 1 - math.floor(math.log10(rounded)))}f}"


def length_text(mm: float | None, pixels: float) -> str:
    """A length in mm, or in pixels where ``mm`` is None."""
    return f"{pixels:.0f} px" if mm is None else f"{two_digits(mm)} mm"


def area_text(mm2: float | None, pixels: int) -> str:
    """An area in mm² or cm², or in pixels where ``mm2`` is None."""
    if mm2 is None:
        return f"{pixels} pixel{'s' if pixels != 1 else ''}"
    return f"{two_digits(mm2)} mm²" if mm2 < 1000 else f"{two_digits(mm2 / 100)} cm²"


def volume_text(mm3: float | None, voxels: int) -> str:
    """A volume in mm³ or cm³, or in voxels where ``mm3`` is None."""
    if mm3 is None:
        return f"{voxels} voxel{'s' if voxels != 1 else ''}"
    return f"{two_digits(mm3)} mm³" if mm3 < 1000 else f"{two_digits(mm3 / 1000)} cm³"


def diameter_of(lesion: Lesion) -> str:
    """The longest diameter of ``lesion`` in words."""
    return length_text(lesion.diameter_mm, lesion.diameter_px)


def extent_of(lesion: Lesion, in_volume: bool) -> str:
    """The volume of ``lesion`` in words, or its area in a single slice."""
    if in_volume:
        return volume_text(lesion.volume_mm3, lesion.volume_voxels)
    return area_text(lesion.area_mm2, lesion.area_px)


def count_text(count: int, one: str = "lesion") -> str:
    """A number of things in words: "no lesion", "1 lesion", "2 lesions"."""
    return f"no {one}" if count == 0 else f"{count} {one}{'s' if count > 1 else ''}"
