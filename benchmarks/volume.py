"""Time and memory of whole volumes: python benchmarks/volume.py [--shape 155 240 240]

A head-like volume goes through each shipped model and out as files, as the command line would do
it. Memory is the peak above the idle process with the models loaded, from the kernel's own count.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from metaseg.findings.files import write_results
from metaseg.findings.report import find
from metaseg.hub.resolve import load_models
from metaseg.scan import read_scan
from metaseg.segmenter import Segmenter


def make_volume(path: Path, shape: tuple[int, int, int]) -> None:
    """An ellipsoid of noise with bright spots, (slices, rows, columns), as 16-bit NIfTI."""
    random = np.random.default_rng(0)
    grid = np.ogrid[tuple(slice(-1, 1, complex(0, size)) for size in shape)]
    volume = np.zeros(shape, np.int16)
    distance = grid[1] ** 2 / 0.8 + grid[2] ** 2 / 0.6
    for index in range(shape[0]):
        inside = distance[0] + grid[0][index] ** 2 < 0.9
        noise = random.normal(900, 60, shape[1:])
        volume[index] = np.where(inside, noise, random.integers(0, 20, shape[1:]))
    for centre in random.uniform(0.35, 0.65, (8, 3)):
        window = tuple(slice(int(c * s), int(c * s) + 8) for c, s in zip(centre, shape))
        volume[window] = 1900
    nibabel.save(nibabel.Nifti1Image(volume.transpose(2, 1, 0), np.diag([-1.0, -1, 1, 1])), path)


def peak_mib() -> float:
    """Peak resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure each shipped network on one drawn volume and print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", nargs=3, type=int, default=(155, 240, 240))
    parser.add_argument("--model", action="append", default=[], help="default: all shipped")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--input", type=Path, help="a file made by an earlier run")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    segmenter = Segmenter(load_models(options.model))
    with tempfile.TemporaryDirectory() as folder:
        path = options.input or Path(folder) / "volume.nii"
        if not options.input:
            make_volume(path, tuple(options.shape))
        idle = peak_mib()
        result = {"shape": list(options.shape), "device": str(segmenter.device), "models": {}}
        started = time.perf_counter()
        scan = read_scan(path)
        result["read_seconds"] = round(time.perf_counter() - started, 2)
        for name, checkpoint in segmenter.checkpoints.items():
            started = time.perf_counter()
            prediction = segmenter.predict(scan, name)
            found = find(scan, prediction, checkpoint.config.threshold)
            report, _ = write_results(Path(folder), name, segmenter, scan, prediction, found)
            result["models"][name] = {
                "network_seconds": round(prediction.seconds, 2),
                "files_seconds": round(time.perf_counter() - started - prediction.seconds, 2),
                "lesions": len(report.lesions),
            }
            del prediction, found, report
        result["peak_above_idle_mib"] = round(peak_mib() - idle)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
