"""A place among the hosts that work."""

from __future__ import annotations

import time

from gevent.event import Event as Flag
from gevent.lock import BoundedSemaphore


class Slot:
    """One host's place among those that work: held while it works, never while it waits."""

    def __init__(self, slots: BoundedSemaphore) -> None:
        self._slots = slots
        self._held = False
        # Time that the host did not work, because others did or because its turn had not come.
        self.waited_s = 0.0

    def take(self) -> None:
        """Wait for a place."""
        began = time.monotonic()
        self._slots.acquire()
        self._held = True
        self.waited_s += time.monotonic() - began

    def wait_for(self, turn: Flag) -> None:
        """Wait for the host's turn without a place, and for a place then."""
        if turn.is_set():
            return
        began = time.monotonic()
        self.give_back()
        turn.wait()
        self.waited_s += time.monotonic() - began
        self.take()

    def give_back(self) -> None:
        """Let another host work, if this one does."""
        if self._held:
            self._held = False
            self._slots.release()
