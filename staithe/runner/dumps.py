"""Sees to it that of each kind of hosts one tells everything that it has installed, and the others little."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from gevent.lock import BoundedSemaphore

if TYPE_CHECKING:
    from staithe.host.session import Session
    from staithe.rpm.host_kind import HostKind


class Dumps:
    """What the hosts of a shard have told."""

    def __init__(self) -> None:
        self._turns: defaultdict[HostKind, BoundedSemaphore] = defaultdict(lambda: BoundedSemaphore(1))
        self._told: set[HostKind] = set()

    def take(self, session: Session) -> None:
        """Let a host list its packages, and dump them when no other of its kind has; raises what a host raises.

        The next of the kind takes over when this one fails.
        """
        from staithe.host import packages

        kind = packages.tell_list(session)
        with self._turns[kind]:
            if kind not in self._told:
                packages.tell_dump(session)
                self._told.add(kind)
