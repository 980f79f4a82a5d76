"""Where the time of one slice goes in the demo, of the MetaSeg in the working folder. Prints JSON.

Runs on earlier versions too, whose modules had other names.
"""

import cProfile
import json
import pstats
import sys
import tempfile
from itertools import islice
from pathlib import Path

from drawn import new_slices

sys.path.insert(0, str(Path.cwd()))

from metaseg.demo.workbench import Workbench
from metaseg.segmenter import Segmenter

try:
    from metaseg.demo.files import write_segmentation
    from metaseg.hub.resolve import load_models
except ImportError:  # gradio wrote the pictures
    write_segmentation = None
    from metaseg.sources import load_models  # pyright: ignore[reportMissingImports]

REQUESTS = 12
MODEL = "nested_unet"
STAGES = {
    "read the file": ("/scan/", "read_scan"),
    "prepare it for the network": (("/passes.py", "next"), ("/preprocess.py", "prepare")),
    "network, all views": (("/runtime/openvino.py", "run"), ("/segmenter.py", "_forward")),
    "lesions and their measures": (("/findings/report.py", "find"), ("/report.py", "build_report")),
    "draw the outlines": ("/overlay.py", "draw_overlay"),
    "write the PNG files": ("/files.py", "write_segmentation"),
}
"""File and name of the function of each stage; of two, the first that there is."""


def main() -> None:
    """Profile requests of new slices after two that do not count."""
    bench = Workbench(Segmenter(load_models(), "cpu"))
    profile = cProfile.Profile()
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(islice(new_slices(Path(folder)), REQUESTS + 2)):
            if number >= 2:
                profile.enable()
            opened = bench.open(str(path), None, None).only(None)
            result = bench.segment(opened, MODEL, 0.5)
            if write_segmentation:
                write_segmentation(result)
            profile.disable()
    stats = pstats.Stats(profile)
    # Of each function: calls twice, own seconds, seconds with all that it calls, callers.
    spent = {(file, name): values[3] for (file, _, name), values in stats.stats.items()}  # pyright: ignore

    def seconds(stage: tuple) -> float | None:
        for part, function in [stage] if isinstance(stage[0], str) else stage:
            for (file, name), total in spent.items():
                if name == function and part in file and "metaseg" in file:
                    return total / REQUESTS
        return None

    result = {words: seconds(stage) for words, stage in STAGES.items()}
    result["all"] = stats.total_tt / REQUESTS  # pyright: ignore[reportAttributeAccessIssue]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
