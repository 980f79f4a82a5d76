"""DICOM series, and the words that tell them apart."""

import re
from collections import defaultdict
from dataclasses import dataclass, replace

from metaseg.scan.dicom_frames import Frame, macro

SPLITTERS = (
    ("", "SeriesDescription"),
    ("", "EchoTime"),
    ("MREchoSequence", "EffectiveEchoTime"),
    ("", "TemporalPositionIdentifier"),
    ("FrameContentSequence", "TemporalPositionIndex"),
    ("", "AcquisitionNumber"),
    ("", "ImageType"),
    ("MRDiffusionSequence", "DiffusionBValue"),
    ("", "FlipAngle"),
    ("", "InversionTime"),
    ("", "TriggerTime"),
    ("", "ContrastBolusAgent"),
)
"""Attributes that separate images of one series at the same position, in the order tried, at last
all together, with the functional group that holds them in a multi-frame file."""


@dataclass(frozen=True)
class Series:
    """Frames that belong to one stack of slices."""

    description: str
    uid: str
    frames: list[Frame]


def describe(frames: list[Frame]) -> str:
    """The description in the headers, the number and size of the slices, and the echo time."""
    header = frames[0].header
    text = str(header.get("SeriesDescription") or header.get("ProtocolName") or "no description")
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:60]
    echo = header.get("EchoTime")
    timing = f", echo time {float(echo):g} ms" if isinstance(echo, float) and echo else ""
    slices = "1 slice" if len(frames) == 1 else f"{len(frames)} slices"
    return f"{words}, {slices} of {header.Columns} x {header.Rows}{timing}"


def told_apart(series: list[Series]) -> list[Series]:
    """``series``, those of one description with what separates them added to it."""
    alike: dict[str, list[Series]] = defaultdict(list)
    for one in series:
        alike[one.description].append(one)
    return [one for group in alike.values() for one in _with_difference(group)]


def _with_difference(group: list[Series]) -> list[Series]:
    for place, attribute in (*SPLITTERS, ("", "SeriesNumber")):
        firsts = [one.frames[0] for one in group]
        values = [str(macro(frame.header, frame.index, place, attribute)) for frame in firsts]
        if len(set(values)) == len(group) > 1:
            words = re.sub(r"(?<!^)(?=[A-Z])", " ", attribute).lower()
            return [
                replace(one, description=f"{one.description}, {words} {value}")
                for one, value in zip(group, values)
            ]
    return group
