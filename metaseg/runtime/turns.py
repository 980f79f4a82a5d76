"""Whose turn it is to use the processor: single slices go before whole volumes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """One forward pass at a time: two at once would take longer than one after the other."""

    def __init__(self):
        self._changed = threading.Condition()
        self._taken = False
        self._urgent = 0
        """How many urgent ones wait."""

    @contextmanager
    def take(self, urgent: bool) -> Iterator[None]:
        """A turn. One that is not ``urgent`` waits until none that is does."""
        with self._changed:
            self._urgent += urgent
            self._changed.wait_for(lambda: not self._taken and (urgent or not self._urgent))
            self._urgent -= urgent
            self._taken = True
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()
