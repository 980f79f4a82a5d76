"""The long run: python -m tests.fuzz --count 20000, or --hours 8.

A run goes on where the last one with the same ``--state`` ended. Inputs that are a defect are kept
in ``--found``; mend it and move them to ``corpus``.
"""

import argparse
import sys
import time
from pathlib import Path

from tests.fuzz.campaign import load, run, save, table
from tests.fuzz.seeds import FORMATS
from tests.fuzz.worker import Worker

BLOCK = 100


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, help="inputs of each format; default: no end")
    parser.add_argument("--hours", type=float, help="time for all of it; default: no end")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS, metavar="FORMAT")
    parser.add_argument("--state", type=Path, default=Path("fuzz-state.json"))
    parser.add_argument("--found", type=Path, default=Path("fuzz-found"))
    options = parser.parse_args()
    if options.count is None and options.hours is None:
        parser.error("use --count, --hours or both")
    counts = load(options.state)
    end = time.monotonic() + (options.hours or float("inf")) * 3600
    found = 0
    with Worker() as worker:
        while time.monotonic() < end:
            done = {name: counts[name].total() for name in options.formats}
            name = min(done, key=done.get)
            block = range(done[name], min(done[name] + BLOCK, options.count or sys.maxsize))
            if not block:
                break
            more, defects = run(name, block, worker, options.found)
            counts[name] += more
            save(options.state, counts)
            found += len(defects)
            print(f"{name} {block.start} to {block.stop - 1}: {dict(more)}", flush=True)
            for line in defects:
                print(f"  {line}", flush=True)
    print(table(counts))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
