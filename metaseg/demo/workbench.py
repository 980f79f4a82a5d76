"""Shared by page and API: read, segment once, and render from the stored prediction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
import numpy as np

from metaseg.demo.kept import arrays_of, file_key
from metaseg.demo.reading import Reading
from metaseg.demo.sessions import while_wanted
from metaseg.demo.store import SCAN, TRUTH
from metaseg.errors import InputError, memory_errors
from metaseg.findings.matching import Regions, match_regions
from metaseg.findings.outlines import Outline, outline_lesions
from metaseg.findings.overlay import PREDICTION_COLOURS, draw_overlay
from metaseg.findings.report import Findings, Report, find
from metaseg.limits import MAX_SERVED_SLICES
from metaseg.prediction import Prediction
from metaseg.runtime.threads import threads
from metaseg.scan import Scan, read_mask, read_scan, take_slice
from metaseg.scan.planes import PLANES, array_in_plane, in_plane
from metaseg.segmenter import Explanation, Segmenter

BOTH = "Both"
COMPARED = ("attention_unet", "nested_unet")
CACHE_MEMORY = "2gb"
SLICES = {"concurrency_id": "slices", "concurrency_limit": 2 * threads()}
"""The queue of single slices. Networks take turns; the rest of a slice has a second one beside
it on each processor."""
VOLUMES = {"concurrency_id": "volumes", "concurrency_limit": 2}
"""The queue of whole volumes: a long one must not hold up a short one, and each needs memory."""
EXPLANATIONS = {"concurrency_id": "explanations", "concurrency_limit": 1}


@dataclass(frozen=True)
class OpenScan:
    """An open scan, and its ground truth (D, H, W) bool or None."""

    scan: Scan
    truth: np.ndarray | None
    key: tuple
    """The scan's key in the cache."""
    truth_key: tuple | None = None
    """The ground truth's key in the cache."""

    def only(self, index: float | None) -> "OpenScan":
        """One slice; None is the middle one. Raises InputError if there is no such slice."""
        one, position = take_slice(self.scan, index)
        truth = None if self.truth is None else self.truth[position : position + 1]
        return OpenScan(one, truth, (*self.key, position), self.truth_key)


@dataclass(frozen=True)
class Segmentation:
    """One network's result on one slice, rendered at one threshold."""

    title: str
    overlay: np.ndarray
    """(h, w, 3) uint8 RGB."""
    mask: np.ndarray
    """(H, W) uint8, 0 and 255, the slice's own size."""
    report: Report


class Workbench:
    """Keeps each visitor's scans and predictions, separate from others' and bounded in memory.

    A network runs when its input changes, and only then: threshold, view and slice render from
    the stored probability.
    """

    def __init__(
        self, segmenter: Segmenter, claim: Callable[[str, str], None] = lambda path, use: None
    ):
        self.segmenter = segmenter
        self.claim = claim
        """Raises InputError if a path must not be read. Called before reading."""
        self.cache = gr.Cache(max_size=256, max_memory=CACHE_MEMORY, per_session=True)

    @property
    def compared(self) -> list[str]:
        """The networks that "Both" stands for; all of them if neither of the two is loaded."""
        both = [name for name in COMPARED if name in self.segmenter.checkpoints]
        return both or list(self.segmenter.checkpoints)

    def open(
        self,
        scan: str | None,
        truth: str | None,
        plane: str | None = None,
        series: str | None = None,
    ) -> OpenScan:
        """The scan at path ``scan`` with its ground truth, cut in ``plane`` or as acquired;
        ``series`` is as ``read_scan`` takes it."""
        if not scan:
            raise InputError("No scan was given: pass an MRI slice or volume as `scan`.")
        self.claim(scan, SCAN)
        key = (*file_key(scan), series)
        source = self._once(("scan", key), lambda: check_slices(read_scan(scan, series)))
        mask = mask_key = None
        if truth:
            self.claim(truth, TRUTH)
            mask_key = ("truth", file_key(truth), key)
            mask = self._once(mask_key, lambda: read_mask(truth, source))
        one_slice = plane in PLANES and not source.is_volume
        if plane is None or plane == source.plane or one_slice:
            return OpenScan(source, mask, key, mask_key)
        if mask is not None:
            mask = array_in_plane(mask, source, plane)
        return OpenScan(in_plane(source, plane), mask, (key, plane), mask_key)

    def predict(
        self, opened: OpenScan, model: str, progress: Callable = lambda batches: batches
    ) -> Prediction:
        """The prediction of ``model`` for ``opened``, computed once."""
        return self.predict_each(opened, [self._one_network(model)], progress)[0]

    def predict_each(
        self,
        opened: OpenScan,
        names: Sequence[str],
        progress: Callable = lambda batches: batches,
        begun: Callable = lambda passes: None,
    ) -> list[Prediction]:
        """The predictions of the networks ``names`` for ``opened``, each computed once; those that
        are missing share what they see of the scan. ``progress`` and ``begun`` are as
        ``Segmenter.predict_each`` takes them."""
        keys = {name: ("prediction", opened.key, name) for name in names}
        found = {name: self._known(key) for name, key in keys.items()}
        if missing := [name for name, prediction in found.items() if prediction is None]:
            with memory_errors("The scan"):
                made = self.run_each(opened.scan, missing, progress, begun)
            for name, prediction in zip(missing, made):
                self._keep(keys[name], prediction)
                found[name] = prediction
        return [found[name] for name in names]

    def knows(self, opened: OpenScan, names: Sequence[str]) -> bool:
        """Whether the predictions of all ``names`` for ``opened`` are computed already."""
        keys = [("prediction", opened.key, name) for name in names]
        return all(self._known(key) is not None for key in keys)

    def run_each(
        self,
        scan: Scan,
        names: Sequence[str],
        progress: Callable = lambda batches: batches,
        begun: Callable = lambda passes: None,
    ) -> list[Prediction]:
        """The predictions of ``names`` for ``scan``. Raises InputError if they take too long, or
        if nobody waits for them any more."""
        return self.segmenter.predict_each(
            scan, names, lambda steps: while_wanted(progress(steps)), begun
        )

    def segment(
        self, opened: OpenScan, model: str, threshold: float | str | None, index: int = 0
    ) -> Segmentation:
        """Slice ``index`` of ``opened`` as ``model`` outlines it; ``threshold`` is as
        ``Segmenter.threshold`` takes it."""
        threshold = self.segmenter.threshold(self._one_network(model), threshold)
        whole = self.predict(opened, model)
        one = opened.only(index)
        found = self._find_in_slice(opened, whole, threshold, index)
        colour = PREDICTION_COLOURS[self.segmenter.find(model).config.architecture]
        grey = self.segmenter.view(one.scan, 0)
        return Segmentation(
            title=whole.title,
            overlay=draw_overlay(grey, [(found.mask[0], colour)], one.scan.aspect),
            mask=found.mask[0].astype(np.uint8) * 255,
            report=found.report,
        )

    def find_in_volume(
        self, opened: OpenScan, model: str, threshold: float | str | None, minimum: float = 0.0
    ) -> Findings:
        """All lesions of at least ``minimum`` mm3 (voxels without a spacing) in ``opened``;
        ``threshold`` is as ``Segmenter.threshold`` takes it."""
        threshold = self.segmenter.threshold(self._one_network(model), threshold)
        if isinstance(minimum, bool) or not isinstance(minimum, int | float) or not minimum >= 0:
            raise InputError("The smallest lesion must be a number of mm3, 0 or more.")
        prediction = self.predict(opened, model)
        known = (opened.key, opened.truth_key, prediction.model, threshold, minimum)
        return self._once(
            ("findings", *known),
            lambda: find(opened.scan, prediction, threshold, minimum, opened.truth),
        )

    def match(
        self, opened: OpenScan, names: Sequence[str], threshold: float | str | None
    ) -> Regions:
        """The regions of the networks ``names`` in ``opened``, matched once."""
        findings = [self.find_in_volume(opened, name, threshold) for name in names]
        used = tuple((name, found.report.threshold) for name, found in zip(names, findings))
        return self._once(
            ("regions", opened.key, opened.truth_key, used),
            lambda: match_regions(
                opened.scan, self.predict_each(opened, names), findings, opened.truth
            ),
        )

    def read(self, opened: OpenScan, model: str, threshold: float | None, index: int) -> Reading:
        """Slice ``index`` of ``opened`` as ``model`` segments it, with outlines for drawing;
        ``threshold`` is as ``Segmenter.threshold`` takes it."""
        threshold = self.segmenter.threshold(model, threshold)
        whole = self.predict(opened, model)
        probability = whole.probability[index]
        checkpoint = self.segmenter.find(model)
        found = self._find_in_slice(opened, whole, threshold, index)
        outlines = outline_lesions(probability, whole.lowest(threshold), found.components)
        return Reading(
            name=checkpoint.name,
            title=whole.title,
            colour=PREDICTION_COLOURS[checkpoint.config.architecture],
            probability=probability,
            threshold=threshold,
            outlines=outlines,
            numbers=self._numbers(opened, whole.model, threshold, index, outlines),
            mask=found.mask[0],
            grows=whole.lowest(threshold) < threshold or whole.smallest > 0,
        )

    def _find_in_slice(
        self, opened: OpenScan, whole: Prediction, threshold: float, index: int
    ) -> Findings:
        """What ``whole`` has on slice ``index``: of a volume, what its lesions show there."""
        one, mask = opened.only(index), None
        if opened.scan.is_volume:
            volume = self.find_in_volume(opened, whole.model, threshold)
            mask = volume.mask[index : index + 1]
        probability = whole.probability[index : index + 1]
        prediction = replace(whole, probability=probability, volume=None)
        return find(one.scan, prediction, threshold, truth=one.truth, mask=mask)

    def _one_network(self, model: str) -> str:
        """The name of ``model``; InputError for "Both"."""
        if str(model).strip().lower() == BOTH.lower():
            raise InputError(
                '"Both" is not a model: call /compare to run each model, '
                f"or choose one of {', '.join(self.segmenter.titles.values())}."
            )
        return self.segmenter.find(model).name

    def explain(self, opened: OpenScan, model: str, index: int) -> Explanation | None:
        """The explanation of ``model`` for slice ``index``, computed once."""
        name = self.segmenter.find(model).name
        one = opened.only(index)
        return self._once(
            ("explanation", one.key, name), lambda: self.segmenter.explain(one.scan, name)
        )

    def _numbers(
        self,
        opened: OpenScan,
        model: str,
        threshold: float,
        index: int,
        outlines: list[Outline],
    ) -> list[int]:
        """The lesion that each outline of slice ``index`` belongs to."""
        if not opened.scan.is_volume:
            return [outline.number for outline in outlines]
        whole = self.find_in_volume(opened, model, threshold).components
        return [whole.at(index, *outline.pixel) for outline in outlines]

    def _once(self, key: tuple, make: Callable):
        """The value of ``make``, computed once for each visitor."""
        value = self._known(key)
        if value is None:
            with memory_errors("The scan"):
                value = make()
            self._keep(key, value)
        return value

    def _known(self, key: tuple) -> Any:
        """What is stored for this visitor under ``key``, or None."""
        stored = self.cache.get(key)
        return None if stored is None else stored["value"]

    def _keep(self, key: tuple, value: object) -> None:
        # Arrays are passed separately so that the cache can count their memory.
        self.cache.set(key, value=value, **arrays_of(value))


def check_slices(scan: Scan) -> Scan:
    """``scan``. Raises InputError if it has more slices than a server segments."""
    if len(scan.voxels) > MAX_SERVED_SLICES:
        raise InputError(
            f"{scan.name} has {len(scan.voxels)} slices, and this server segments at most "
            f"{MAX_SERVED_SLICES}: use a part of it, or use the command line."
        )
    return scan
