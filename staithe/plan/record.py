"""The record of what staithe put on the host."""

from __future__ import annotations

from staithe.change import Change, change
from staithe.desired import Desired
from staithe.host_layout import RECORD
from staithe.probe.state import HostState
from staithe.record import contents_of, read_record


def changes(state: HostState, desired: Desired) -> tuple[Change, ...]:
    """Return the new generation when what is on the host is not what the record says."""
    old = read_record(state)
    wanted = contents_of(state, desired)
    if old is not None and old.contents == wanted:
        return ()
    generation = old.generation + 1 if old else 1
    return (
        change(
            "record",
            "update" if old else "create",
            RECORD,
            "what is on the host changes" if old else "first apply",
            before=f"generation {old.generation}" if old else None,
            after=f"generation {generation}",
        ),
    )
