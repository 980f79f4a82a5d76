"""ZeroGPU: Spaces without a GPU of their own, where one is lent to a single call at a time."""

import os
from collections.abc import Callable

LENDS_GPU = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
SECONDS = 20
"""What one call may take. The shorter, the sooner its turn comes."""

if LENDS_GPU:
    # It must come before anything touches CUDA: it makes the device look present until it is.
    import spaces  # pyright: ignore[reportMissingImports]


def lend_gpu(function: Callable) -> Callable:
    """``function`` with a GPU for the time of each call on ZeroGPU, and unchanged elsewhere.

    There it runs in a forked process, to which its arguments are pickled: they must be small, and
    networks must stand on the device before the fork.
    """
    return spaces.GPU(duration=SECONDS)(function) if LENDS_GPU else function
