"""Which hosts begin when: batches in inventory order, an end after too many failures. Pure: events in, hosts out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from staithe.errors import UsageError
from staithe.events import AnyEvent, HostDone, RunStarted


@dataclass(frozen=True)
class Share:
    """A number of hosts, or a part of all of them."""

    number: int
    is_percent: bool = False

    def of(self, total: int) -> int:
        """Return the number of hosts that this is among `total`: at least one, a part of a host counts whole."""
        return max(1, -(-self.number * total // 100)) if self.is_percent else self.number


def parse_share(text: str, option: str) -> Share:
    """Read N or P%; raise UsageError for anything else. `option` is named in it."""
    found = re.fullmatch(r"([0-9]{1,9})(%?)", text.strip())
    number = int(found[1]) if found else 0
    is_percent = bool(found and found[2])
    if number < 1 or (is_percent and number > 100):
        raise UsageError(
            f"{option} takes a number of hosts or a part of them",
            found=repr(text),
            expected="1 or more, or 1% to 100%",
            hint=f"{option} 5   # or {option} 10%",
        )
    return Share(number, is_percent)


class Batches:
    """Hands out hosts: batch by batch, never more than `at_once` that are not done, none after too many failures."""

    def __init__(self, batch: Share | None = None, max_fail: Share | None = None, at_once: int = 0) -> None:
        """`batch` None: all hosts are one batch. `max_fail` None: failures stop nothing. `at_once` 0: no limit."""
        self._batch = batch
        self._max_fail = max_fail
        self._at_once = at_once
        self._places: dict[str, int] = {}
        self._order: Sequence[str] = ()
        self._is_open = False
        self._begun: set[str] = set()
        self._done: set[str] = set()
        self._failed: set[str] = set()
        # Of the batch that is at work, from 0.
        self.current = 0

    def take(self, event: AnyEvent) -> list[str]:
        """Take note of an event; return the hosts that may begin now."""
        match event:
            case RunStarted():
                first = len(self._places)
                places = event.places or range(first, first + len(event.hosts))
                self._places.update(zip(event.hosts, places, strict=False))
            case HostDone() if event.host in self._places:
                self._done.add(event.host)
                if event.outcome == "failed":
                    self._failed.add(event.host)
                return self._next()
        return []

    def all_known(self) -> None:
        """Put the hosts in order: every runner has named its own."""
        self._order = sorted(self._places, key=self._places.__getitem__)

    def open(self) -> list[str]:
        """Let the first hosts begin: who had to agree has agreed."""
        self._is_open = True
        return self._next()

    @property
    def stopped(self) -> bool:
        """Whether so many hosts have failed that no further one may begin."""
        if self._max_fail is None or not self._order:
            return False
        return len(self._failed) >= self._max_fail.of(len(self._order))

    @property
    def failed(self) -> int:
        """How many hosts have failed."""
        return len(self._failed)

    @property
    def count(self) -> int:
        """How many batches there are."""
        return max(1, -(-len(self._order) // self._size))

    def members(self, number: int) -> Sequence[str]:
        """Return the hosts of a batch, in inventory order."""
        return self._order[number * self._size : (number + 1) * self._size]

    @property
    def _size(self) -> int:
        return self._batch.of(len(self._order)) if self._batch else max(1, len(self._order))

    def _next(self) -> list[str]:
        if self.stopped or not self._is_open:
            return []
        while self.current < self.count - 1 and self._done.issuperset(self.members(self.current)):
            self.current += 1
        waiting = [host for host in self.members(self.current) if host not in self._begun | self._done]
        room = self._at_once - len(self._begun - self._done) if self._at_once else len(waiting)
        found = waiting[: max(0, room)]
        self._begun.update(found)
        return found
