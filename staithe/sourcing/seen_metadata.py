"""Which state of each repository's metadata this machine has seen, so that an older one is noticed.

bundle.lock has the states that it was made from; a lock that changes nothing is not written, so these are noted here.
A file in the cache: lost with it, and then the lock's own states are all that is compared.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from staithe.sourcing.lock_file import LockedRepository
from staithe.sourcing.origin import located
from staithe.sourcing.repository_download import FetchedRepository

SEEN_FILE = "seen-metadata.json"
_KEPT = 500
_AHEAD_S = 86400
# What bundle.toml calls a repository is a matter of that file; no id in it begins with a dash.
_NO_NAME = "-"


def read_seen(cache: Path) -> tuple[LockedRepository, ...]:
    """Return the newest state of each place that was seen, under no name; what cannot be read was not seen."""
    try:
        entries = json.loads((cache / SEEN_FILE).read_text(encoding="utf-8"))
        return tuple(LockedRepository.model_validate(one) for one in entries)
    except (OSError, ValueError, ValidationError, RecursionError, TypeError):
        return ()


def note_seen(repositories: Iterable[FetchedRepository], folder: Path, cache: Path) -> None:
    """Note states by the places that they were read from; the newest of each stays. `folder`: of bundle.toml."""
    known = {(one.url, one.target): one for one in read_seen(cache)}
    for repository in repositories:
        state = repository.locked
        if state.timestamp > time.time() + _AHEAD_S:
            # Nothing that comes later would ever be newer.
            continue
        place = located(repository.url, folder)
        before = known.pop((place, state.target), state)
        newest = max(before, state, key=lambda one: one.timestamp)
        known[place, state.target] = newest.model_copy(update={"url": place, "id": _NO_NAME})
    beside = cache / f".{SEEN_FILE}.{os.getpid()}"
    with suppress(OSError):
        entries = [one.model_dump(mode="json") for one in known.values()][-_KEPT:]
        beside.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
        beside.replace(cache / SEEN_FILE)
