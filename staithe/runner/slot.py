"""A place among the hosts that work."""

from __future__ import annotations

from gevent.lock import BoundedSemaphore


class Slot:
    """One host's place among those that work: held while it works, never while it waits."""

    def __init__(self, slots: BoundedSemaphore) -> None:
        self._slots = slots
        self._held = False

    def take(self) -> None:
        """Wait for a place."""
        self._slots.acquire()
        self._held = True

    def give_back(self) -> None:
        """Let another host work, if this one does."""
        if self._held:
            self._held = False
            self._slots.release()
