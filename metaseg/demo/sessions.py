"""Who is asking: the session of the current call, and whether anybody still waits for it."""

from gradio.context import LocalContext


def current_session() -> str | None:
    """The session of the current call. None for a call without one, and outside of calls."""
    request = LocalContext.request.get(None)
    session = None if request is None else request.session_hash
    # The queue gives a call without a session the name of its event.
    return None if session == LocalContext.event_id.get(None) else session


def has_left() -> bool:
    """Whether nobody waits any more for the call that is being answered: its visitor cancelled it
    or closed the connection."""
    blocks, event = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if blocks is None or event is None:
        return False
    waiting = blocks._queue.pending_event_ids_session
    jobs = [job for jobs in blocks._queue.active_jobs for job in jobs or () if job._id == event]
    return any(not job.alive or event not in waiting.get(job.session_hash, ()) for job in jobs)
