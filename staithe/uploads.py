"""Which hosts receive blobs now: so many at once over all runners, first come first served. Pure."""

from __future__ import annotations

from staithe.events import AnyEvent, HostDone, UploadAsked, UploadEnded


class Uploads:
    """Hands out turns to receive."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._receiving: set[str] = set()
        self._waiting: dict[str, None] = {}

    def take(self, event: AnyEvent) -> list[str]:
        """Take note of an event; return the hosts whose turn begins."""
        host = event.host or ""
        match event:
            case UploadAsked():
                self._waiting[host] = None
            case UploadEnded() | HostDone():
                self._receiving.discard(host)
                self._waiting.pop(host, None)
            case _:
                return []
        found = list(self._waiting)[: max(0, self._at_once - len(self._receiving))]
        for one in found:
            del self._waiting[one]
        self._receiving.update(found)
        return found
