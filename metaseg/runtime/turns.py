"""Whose turn it is to use the processor: single slices go before whole volumes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_WAIT = 0.5
"""Seconds after which the next slice of a volume goes before single ones, however many come."""


class Turns:
    """One forward pass at a time: two at once would take longer than one after the other."""

    def __init__(self):
        self._changed = threading.Condition()
        self._taken = False
        self._urgent = 0
        """How many urgent ones there are."""

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """Others wait before their next turn until this ends, if they are not urgent themselves."""
        with self._changed:
            self._urgent += 1
        try:
            yield
        finally:
            with self._changed:
                self._urgent -= 1
                self._changed.notify_all()

    @contextmanager
    def take(self, urgent: bool) -> Iterator[None]:
        """A turn. One that is not ``urgent`` waits until there is none that is, or LONGEST_WAIT."""
        with self._changed:
            if urgent:
                with self.ahead():
                    self._changed.wait_for(lambda: not self._taken)
            else:
                self._changed.wait_for(lambda: not self._taken and not self._urgent, LONGEST_WAIT)
                self._changed.wait_for(lambda: not self._taken)
            self._taken = True
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()
