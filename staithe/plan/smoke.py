"""The smoke containers: where this run changes something, or the last one was not proved."""

from __future__ import annotations

from collections.abc import Sequence

from staithe.change import Change, change
from staithe.config import Config
from staithe.probe.state import HostState
from staithe.record import read_record


def changes(state: HostState, config: Config, done: Sequence[str]) -> tuple[Change, ...]:
    """Return the smoke run when it is due."""
    if not config.smoke.enabled:
        return ()
    if done:
        return (change("smoke", "run", "containers", "this run changes the host"),)
    record = read_record(state)
    if record is not None and not record.proved:
        return (change("smoke", "run", "containers", "not proved since the last change"),)
    return ()
