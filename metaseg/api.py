"""One call from a scan to its lesions: ``metaseg.segment``."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from metaseg.checkpoint import CONFIG, WEIGHTS
from metaseg.errors import InputError, disk_errors, memory_errors
from metaseg.files import output_folder, path_of, shortened
from metaseg.findings.files import all_or_none, write_results
from metaseg.findings.lesions import Lesion
from metaseg.findings.report import Findings, find
from metaseg.hub.resolve import from_pretrained, local_folder
from metaseg.prediction import Prediction
from metaseg.scan import Scan, read_mask, read_scan
from metaseg.scan.arrays import mask_of_array, scan_of_array
from metaseg.segmenter import Segmenter

DEFAULT_MODEL = "attention_unet"


@dataclass(frozen=True, eq=False)
class Result:
    """The result of a network on a scan. Arrays are (D, H, W) in the scan's own grid; a single
    slice has D = 1.

    ``dataclasses.replace(result, threshold=0.3)`` applies another threshold without running the
    network again. Raises InputError unless that is from 0 to 1, or "sensitive".
    """

    scan: Scan = field(repr=False)
    prediction: Prediction = field(repr=False)
    threshold: float
    """Lowest probability that counts as lesion."""
    ground_truth: np.ndarray | None = field(repr=False)
    """(D, H, W) bool, or None."""
    segmenter: Segmenter = field(repr=False)

    def __post_init__(self) -> None:
        threshold = self.segmenter.threshold(self.prediction.model, self.threshold)
        object.__setattr__(self, "threshold", threshold)  # the way of frozen dataclasses

    @property
    def probability(self) -> np.ndarray:
        """(D, H, W) float32 in [0, 1]: how likely each pixel is lesion."""
        return self.prediction.probability

    @property
    def mask(self) -> np.ndarray:
        """(D, H, W) bool: where the probability reaches the threshold."""
        return self._found.mask

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        """Connected components, the largest first: 8-connected in a slice, 26-connected in a
        volume. What is in mm is None if the scan has no spacing."""
        return self._found.report.lesions

    @property
    def metrics(self) -> dict[str, float] | None:
        """``dice``, ``iou``, ``precision``, ``recall`` and ``f1`` over all voxels; NaN if the
        ground truth is empty. None without a ground truth."""
        return self._found.report.metrics

    @property
    def model(self) -> str:
        """The checkpoint's name."""
        return self.prediction.model

    @property
    def revision(self) -> str:
        """The commit on the Hub, or the SHA-256 of the weights."""
        return self.prediction.revision

    @property
    def notices(self) -> tuple[str, ...]:
        """Notices about the scan and the use of the result."""
        return self._found.report.notices

    @cached_property
    def _found(self) -> Findings:
        return find(self.scan, self.prediction, self.threshold, truth=self.ground_truth)

    def save(self, folder: str | PathLike, name: str | None = None) -> list[Path]:
        """Write mask, overlay, table of lesions and report into ``folder``; a volume gives NIfTI
        and a contact sheet as well, and what comes from DICOM a DICOM-SEG and, where there are
        lesions, a structured report.

        The files begin with ``name``, by default the scan's. Returns their paths. All are written
        or none. Raises InputError if ``name`` cannot begin the name of a file, or the folder cannot
        be made or written to.
        """
        name = shortened(name or self.scan.name)
        if "/" in name or "\0" in name:
            raise InputError(f"{name!r} cannot begin the name of a file: use letters and digits.")
        folder = output_folder(path_of(folder))
        with disk_errors(), all_or_none(folder, name) as partial_folder:
            _, files = write_results(
                partial_folder, name, self.segmenter, self.scan, self.prediction, self._found
            )
        return [folder / file for file in files]


def segment(
    scan: str | PathLike | ArrayLike | Scan,
    model: str = DEFAULT_MODEL,
    threshold: float | str | None = None,
    ground_truth: str | PathLike | ArrayLike | None = None,
) -> Result:
    """Find and outline the lesions of one slice or volume.

    Args:
        scan: A file, a folder or zip of a DICOM series, a Scan, or an array of grey values, (H, W)
            or (D, H, W).
        model: A shipped network by name or title, a checkpoint folder, or ``USER/NAME@REVISION`` on
            the Hub. Each is loaded once and kept.
        threshold: From 0 to 1; None is the checkpoint's own, "sensitive" the one that finds more
            lesions at the price of more false positives.
        ground_truth: A mask of the scan's size, a file or an array; it gives ``metrics``.

    Raises:
        InputError: With one sentence that says what is wrong and what to do.
    """
    if isinstance(scan, str | PathLike):
        scan = read_scan(scan)
    elif not isinstance(scan, Scan):
        scan = scan_of_array(_array(scan))
    if isinstance(ground_truth, str | PathLike):
        truth = read_mask(ground_truth, scan)
    else:
        truth = None if ground_truth is None else mask_of_array(_array(ground_truth), scan)
    segmenter = _load(model, _changed(model))
    (checkpoint,) = segmenter.checkpoints.values()
    reached = segmenter.threshold(checkpoint.name, threshold)
    with memory_errors(scan.name):
        prediction = segmenter.predict(scan, checkpoint.name)
    return Result(scan, prediction, reached, truth, segmenter)


def _array(values: ArrayLike) -> np.ndarray:
    """``values``, such as a list or a tensor, as an array; masked ones as they are."""
    try:
        return np.asanyarray(values) if np.ma.isMaskedArray(values) else np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"A {type(values).__name__} is no scan: use a path or an array of grey values."
        ) from error


@lru_cache(maxsize=4)
def _load(model: str, changed: tuple[int, ...]) -> Segmenter:
    """``model`` on its device; loaded again where its folder has ``changed``."""
    return Segmenter([from_pretrained(model)])


def _changed(model: str) -> tuple[int, ...]:
    """When weights and config in the folder of ``model`` were written; none for one on the Hub."""
    folder = local_folder(model)
    files = [folder / name for name in (WEIGHTS, CONFIG)] if folder else []
    return tuple(file.stat().st_mtime_ns for file in files if file.is_file())
