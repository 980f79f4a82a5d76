"""Networks and volumes inside one process, of the MetaSeg in the working folder. Prints JSON.

Runs on earlier versions too, whose modules had other names.
"""

import gc
import inspect
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from drawn import SLICE, write_volume
from tables import TITLES

sys.path.insert(0, str(Path.cwd()))

from metaseg.scan import read_scan
from metaseg.segmenter import Segmenter

try:
    from metaseg.hub.resolve import load_models
except ImportError:
    from metaseg.sources import load_models  # pyright: ignore[reportMissingImports]

REPEATS = 40
VOLUME = (155, 240, 240)
LARGE = (400, 512, 512)


def repeated(work, repeats: int = REPEATS) -> list[float]:
    """The seconds of each of ``repeats`` calls, after two that do not count."""
    seconds = []
    for _ in range(repeats + 2):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return seconds[2:]


def peak_mib() -> float:
    """Peak resident memory of this process since ``forget_peak``."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def forget_peak() -> float:
    """The memory held now, from which on the peak is kept."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mib()


def one_pass(segmenter: Segmenter, name: str):
    """What runs the network on noise (1, C, S, S) with all its views."""
    preprocessing = segmenter.find(name).config.preprocessing
    channels = len(getattr(preprocessing, "channels", "1"))
    shape = (1, channels, preprocessing.size, preprocessing.size)
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    if hasattr(segmenter, "runtime"):
        runtime = segmenter.runtime(name)
        if "mirrored" in inspect.signature(runtime.run).parameters:
            return lambda: runtime.run(image, segmenter.find(name).config.mirrored, set())
        return lambda: runtime.run(image, set())  # pyright: ignore
    return lambda: segmenter._forward(name, image[:, 0])  # pyright: ignore


def measure_volume(segmenter: Segmenter, shape: tuple[int, int, int], names: list[str]) -> dict:
    """Seconds of reading a volume of ``shape`` and of all ``names`` on it, and the peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_volume(Path(folder) / "volume.nii", shape)
        idle = forget_peak()
        started = time.perf_counter()
        scan = read_scan(path)
        read = time.perf_counter() - started
        if hasattr(segmenter, "predict_each"):
            segmenter.predict_each(scan, names)
        else:
            for name in names:
                segmenter.predict(scan, name)
        taken = time.perf_counter() - started
    return {"read": read, "all": taken, "mib_above_idle": peak_mib() - idle}


def main() -> None:
    """Measure what the first argument names: ``network``, ``volume`` or ``memory``."""
    segmenter = Segmenter(load_models(), "cpu")
    names = list(TITLES)
    passes = {name: one_pass(segmenter, name) for name in names}
    scan = read_scan(SLICE)
    for name, run in passes.items():
        run()
        segmenter.predict(scan, name)
    if sys.argv[1] == "network":
        result = {
            "network": {name: repeated(run) for name, run in passes.items()},
            "slice": {name: repeated(lambda n=name: segmenter.predict(scan, n)) for name in names},
        }
    elif sys.argv[1] == "volume":
        result = measure_volume(segmenter, VOLUME, names)
    else:
        result = measure_volume(segmenter, LARGE, names[:1])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
