"""daemon.json."""

from __future__ import annotations

from staithe.change import Change
from staithe.desired import Desired
from staithe.host_layout import DAEMON_JSON
from staithe.plan.files import file_changes
from staithe.probe.state import HostState


def changes(state: HostState, desired: Desired) -> tuple[Change, ...]:
    """Return what daemon.json needs. What the running engine has to do about it is the service's part."""
    return file_changes("daemon", DAEMON_JSON, desired.files[DAEMON_JSON], state)
