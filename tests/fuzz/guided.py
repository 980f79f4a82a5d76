"""Coverage-guided fuzzing of the readers: python -m tests.fuzz.guided FORMAT... [OPTIONS]

The options, such as -runs=100000 or -max_total_time=3600, are libFuzzer's. An input that raises
anything but a sentence ends the run and lies in crash-... beside it.
"""

import os
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
    formats = [word for word in sys.argv[1:] if not word.startswith("-")]
    if not formats or {*formats} - {*FORMATS} or "dicom_folder" in formats:
        sys.exit(f"Use some of {', '.join(FORMATS)}, but no folder.")
    options = [word for word in sys.argv if word not in formats]
    for format_ in formats:
        # atheris ends its process, and what it instruments takes long to import.
        child = os.fork()
        if not child:
            fuzz(format_, options)
        if os.waitpid(child, 0)[1]:
            sys.exit(f"{format_}: an input raised more than a sentence.")


def fuzz(format_: str, options: list[str]) -> None:
    """libFuzzer on one format, which ends the process."""
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

    options = [*options, "-max_len=65536", "-timeout=60", "-rss_limit_mb=4096", str(seeds)]
    atheris.Setup(options, try_one, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
