"""Provenance of the weights, for a training's record."""

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from metaseg.data.case import Case
from metaseg.files import short_digest
from metaseg.preprocess import Preprocessing
from metaseg.version import __version__, git_commit, package_versions

PACKAGES = (
    "torch", "torchvision", "segmentation-models-pytorch", "timm", "accelerate", "albumentations",
    "numpy", "scipy", "opencv-python-headless", "nibabel", "pydicom", "imagecodecs",
)  # fmt: skip
"""Packages that the weights depend on."""
PUSH = "--push-to-hub"


def describe_provenance(
    recipe: str | None,
    training: Sequence[Case],
    validation: Sequence[Case],
    settings: Preprocessing,
) -> dict[str, Any]:
    """MetaSeg version, recipe, data, command and machine of a training.

    ``recipe`` is the file's name without its extension; None for no recipe.
    """
    return {
        "metaseg": __version__,
        "commit": git_commit(),
        "packages": package_versions(PACKAGES),
        "recipe": recipe,
        "data": fingerprint({"training": training, "validation": validation}),
        "preprocessing": asdict(settings),
        "command": _command(sys.argv),
        "machine": _machine(),
    }


def fingerprint(parts: dict[str, Sequence[Case]]) -> str:
    """Sixteen hexadecimal digits that change with any case, its group, its split, or the size of
    its files; the order of the cases and the location of the folder do not matter."""
    rows = sorted(
        [part, case.source, case.name, case.group]
        + [path.stat().st_size for path in (case.image, case.mask)]
        for part, cases in parts.items()
        for case in cases
    )
    return short_digest(rows)


def _command(arguments: Sequence[str]) -> str:
    """The command line without the machine's folders: a card is public."""
    words = []
    for before, word in zip(["", *arguments], arguments):
        option, equals, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
        if PUSH not in (before, option):  # a name on the Hub is no path
            value = Path(value).name if os.sep in value else value
        words.append(option + equals + value)
    return shlex.join(words)


def _machine() -> dict[str, Any]:
    return {
        "cpu": _processor(),
        # Linux only: the cores that this process may use.
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
