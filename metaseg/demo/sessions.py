"""Who is asking: the session of the current call, and whether anybody still waits for it."""

import time
from collections.abc import Iterable, Iterator

from gradio.context import LocalContext

from metaseg.errors import InputError
from metaseg.limits import MAX_MINUTES


def current_session() -> str | None:
    """The session of the current call. None for a call without one, and outside of calls."""
    request = LocalContext.request.get(None)
    session = None if request is None else request.session_hash
    # The queue gives a call without a session the name of its event.
    return None if session == LocalContext.event_id.get(None) else session


def _has_left() -> bool:
    """Whether nobody waits any more for the call that is being answered: its visitor cancelled it
    or closed the connection."""
    blocks, event = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if blocks is None or event is None:
        return False
    waiting = blocks._queue.pending_event_ids_session
    jobs = [job for jobs in blocks._queue.active_jobs for job in jobs or () if job._id == event]
    return any(not job.alive or event not in waiting.get(job.session_hash, ()) for job in jobs)


def while_wanted(steps: Iterable) -> Iterator:
    """``steps``. Raises InputError once nobody waits for them, or if they take too long."""
    end = time.monotonic() + MAX_MINUTES * 60
    for step in steps:
        if _has_left():
            raise InputError("Cancelled.")
        if time.monotonic() > end:
            raise InputError(
                f"The scan took longer than {MAX_MINUTES} minutes: use fewer slices, or use the "
                "command line."
            )
        yield step
