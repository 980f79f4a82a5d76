"""Run a function in a child process and end it with SIGKILL at a random moment.

The child is forked from a process that has imported everything and has run no network yet, so that
twenty trials cost twenty trials and not twenty imports.
"""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path


def run_and_kill(work: Callable[[], int], log: Path, within: float, draw: random.Random) -> bool:
    """Fork ``work``, its output into ``log``; True where it was killed within ``within`` seconds,
    False where it had ended well before. An exception or another exit status is a RuntimeError."""
    child = os.fork()
    if child == 0:
        with log.open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            try:
                status = work()
            except BaseException:
                import traceback

                traceback.print_exc()
                status = 1
        os._exit(status)
    end = time.monotonic() + draw.uniform(0, within)
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            break
        time.sleep(0.002)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return True
    if "Traceback" in log.read_text():
        raise RuntimeError(log.read_text()[-3000:])
    return False


def run(work: Callable[[], int], log: Path, limit: float = 300) -> float:
    """Seconds that ``work`` takes in a child that nobody kills."""
    started = time.monotonic()

    class Never(random.Random):
        def uniform(self, low: float, high: float) -> float:
            return high

    if run_and_kill(work, log, limit, Never()):
        raise RuntimeError(f"not done within {limit} s:\n{log.read_text()[-3000:]}")
    return time.monotonic() - started
