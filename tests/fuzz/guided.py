"""Coverage-guided fuzzing of the readers: python -m tests.fuzz.guided FORMAT [libFuzzer's options]

Options such as -runs=100000 or -max_total_time=3600 are libFuzzer's. An input that raises anything
but a sentence ends the run and lies in crash-... beside it.
"""

import sys
import tempfile
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["metaseg.scan", "nibabel", "pydicom", "tifffile"]):
    from metaseg.scan import read_scan
    from tests.fuzz.handle import handle

from tests.fuzz.mutate import mutate
from tests.fuzz.seeds import FORMATS, SCAN_OF, seeds_of


def main() -> None:
    format_ = sys.argv.pop(1)
    if format_ not in FORMATS or format_ == "dicom_folder":
        sys.exit(f"Use one of {', '.join(FORMATS)}, but a folder.")
    scan = SCAN_OF.get(format_) and read_scan(SCAN_OF[format_])
    folder = Path(tempfile.mkdtemp())
    seeds = folder / "seeds"
    seeds.mkdir()
    for number, path in enumerate(seeds_of(format_)):
        (seeds / str(number)).write_bytes(path.read_bytes())

    def try_one(data: bytes) -> None:
        path = folder / "input"
        path.write_bytes(data)
        handle(path, scan)

    def change(data: bytes, size: int, seed: int) -> bytes:
        return mutate(data, Random(seed))[:size]

    options = [*sys.argv, "-max_len=65536", "-timeout=60", "-rss_limit_mb=4096", str(seeds)]
    atheris.Setup(options, try_one, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
