"""What the page and the API both do: read, segment once, and render from what is stored."""

from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np

from metaseg.errors import InputError
from metaseg.overlay import PREDICTION_COLOURS, TRUTH_COLOUR, draw_overlay
from metaseg.report import build_report
from metaseg.scan import Scan, read_mask, read_scan
from metaseg.segmenter import Prediction, Segmenter, check_threshold, take_slice

BOTH = "Both"
COMPARED = ("attention_unet", "nested_unet")
CACHE_MEMORY = "1gb"


@dataclass(frozen=True)
class Segmentation:
    """One slice as one network sees it, rendered at one threshold."""

    title: str
    overlay: np.ndarray
    """(h, w, 3) uint8 RGB."""
    mask: np.ndarray
    """(H, W) uint8, 0 and 255, the slice's own size."""
    report: dict


@dataclass(frozen=True)
class LoadedSlice:
    """The slice that is looked at: a Scan and a truth of one slice each."""

    scan: Scan
    truth: np.ndarray | None
    index: int
    depth: int
    key: tuple
    """What the scan's file is known by in the cache."""


class Workbench:
    """Keeps scans and predictions of each visitor, apart from others' and bounded in memory.

    A network runs when its input changes, and only then: threshold and view render from the
    stored probability.
    """

    def __init__(self, segmenter: Segmenter):
        self.segmenter = segmenter
        self.cache = gr.Cache(max_size=256, max_memory=CACHE_MEMORY, per_session=True)

    @property
    def compared(self) -> list[str]:
        """The networks that «Both» stands for."""
        return [name for name in COMPARED if name in self.segmenter.checkpoints]

    def load(self, scan: str | None, truth: str | None, index: float | None) -> LoadedSlice:
        """One slice of the scan at path ``scan``, with its truth; None is the middle slice."""
        if not scan:
            raise InputError("There is no MRI slice yet: give one as `scan`.")
        key = _file_key(scan)
        whole = self._once(("scan", key), lambda: read_scan(scan))
        one, position = take_slice(whole, index)
        mask = None
        if truth:
            truth_key = ("truth", _file_key(truth), key)
            mask = self._once(truth_key, lambda: read_mask(truth, whole))[position][None]
        return LoadedSlice(one, mask, position, len(whole.voxels), key)

    def segment(self, loaded: LoadedSlice, model: str, threshold: float) -> Segmentation:
        """``loaded`` through the network named ``model``, or from the cache, and rendered."""
        if str(model).strip().lower() == BOTH.lower():
            raise InputError(
                "«Both» is no network of its own: call /compare to run each network once, "
                f"or choose one of {', '.join(self.segmenter.titles.values())}."
            )
        checkpoint = self.segmenter.find(model)
        threshold = check_threshold(threshold)
        prediction = self._predict(loaded, checkpoint.name)
        mask = prediction.mask(threshold)
        colour = PREDICTION_COLOURS[checkpoint.config.architecture]
        grey = self.segmenter.view(loaded.scan, 0, enhanced=False)
        return Segmentation(
            title=prediction.title,
            overlay=draw_overlay(grey, [(mask[0], colour)]),
            mask=mask[0].astype(np.uint8) * 255,
            report=build_report(loaded.scan, prediction, threshold, loaded.truth),
        )

    def view(self, loaded: LoadedSlice, enhanced: bool, with_truth: bool = False) -> np.ndarray:
        """The slice as a picture (h, w, 3) uint8, with the truth drawn on it where asked."""
        grey = self.segmenter.view(loaded.scan, 0, enhanced)
        drawn = with_truth and loaded.truth is not None
        return draw_overlay(grey, [(loaded.truth[0], TRUTH_COLOUR)] if drawn else [])

    def _predict(self, loaded: LoadedSlice, name: str) -> Prediction:
        key = ("prediction", loaded.key, loaded.index, name)
        stored = self.cache.get(key)
        if stored is None:
            prediction = self.segmenter.predict(loaded.scan, name)
            self.cache.set(key, probability=prediction.probability, prediction=prediction)
            return prediction
        return stored["prediction"]

    def _once(self, key: tuple, read):
        stored = self.cache.get(key)
        if stored is None:
            value = read()
            array = value.voxels if isinstance(value, Scan) else value
            # The array stands apart so that the cache can count its memory.
            self.cache.set(key, array=array, value=value)
            return value
        return stored["value"]


def _file_key(path: str) -> tuple:
    """A file that was uploaded again under the same path counts as another one."""
    try:
        status = Path(path).stat()
    except OSError as error:
        raise InputError(f"{Path(path).name} cannot be opened: upload it again.") from error
    return path, status.st_mtime_ns, status.st_size
