"""How many threads may run at once."""

import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")


def threads() -> int:
    """What OMP_NUM_THREADS says, or the processors that this process may use: those it is bound to,
    and no more than its container has time for."""
    if (wanted := os.environ.get("OMP_NUM_THREADS", "")).isdecimal() and int(wanted):
        return int(wanted)
    bound = getattr(os, "sched_getaffinity", None)
    count = len(bound(0)) if bound else os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return max(1, min(count, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return count
