"""Which state of each repository's metadata this machine has seen, so that an older one is noticed.

bundle.lock has the states that it was made from; a lock that changes nothing is not written, so these are noted here.
A file in the cache: lost with it, and then the lock's own states are all that is compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from staithe.sourcing.lock_file import LockedRepository

SEEN_FILE = "seen-metadata.json"
_KEPT = 500


def read_seen(cache: Path) -> tuple[LockedRepository, ...]:
    """Return the newest state of each repository that was seen; what cannot be read was not seen."""
    try:
        entries = json.loads((cache / SEEN_FILE).read_text(encoding="utf-8"))
        return tuple(LockedRepository.model_validate(one) for one in entries)
    except (OSError, ValueError, ValidationError, RecursionError, TypeError):
        return ()


def note_seen(repositories: Iterable[LockedRepository], cache: Path) -> None:
    """Note states; the newest of each address stays."""
    known = {(one.url, one.target): one for one in read_seen(cache)}
    for one in repositories:
        before = known.pop((one.url, one.target), one)
        known[one.url, one.target] = max(before, one, key=lambda state: state.timestamp)
    beside = cache / f".{SEEN_FILE}.new"
    with suppress(OSError):
        entries = [one.model_dump(mode="json") for one in known.values()][-_KEPT:]
        beside.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
        beside.replace(cache / SEEN_FILE)
