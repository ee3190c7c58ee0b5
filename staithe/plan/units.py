"""Unit files, the docker group that the socket belongs to, and systemd's own view of them."""

from __future__ import annotations

from staithe.change import Change, change
from staithe.desired import Desired
from staithe.engine import StaticEngine
from staithe.host_layout import UNIT_DIR, UNITS
from staithe.plan.files import file_changes
from staithe.probe.state import HostState, ManagedFile


def changes(state: HostState, desired: Desired) -> tuple[Change, ...]:
    """Return what the units need."""
    found: list[Change] = []
    is_static = isinstance(desired.engine, StaticEngine)
    if is_static and not state.docker_group.exists:
        found.append(change("units", "create", "group docker", "docker.socket belongs to it"))
    for unit in UNITS:
        path = f"{UNIT_DIR}/{unit}"
        if is_static:
            found.extend(file_changes("units", path, desired.files[path], state))
        elif state.files.get(path, ManagedFile()).exists:
            found.append(change("units", "remove", path, "it would go before the unit of the package"))
    stale = [unit for unit in UNITS if unit in state.units and state.units[unit].need_daemon_reload]
    if stale and not any(item.target.startswith(UNIT_DIR) for item in found):
        found.append(change("units", "reload", "systemd", f"its view of {', '.join(stale)} is older than the files"))
    return tuple(found)
