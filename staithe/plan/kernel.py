"""Modules loaded and persisted, sysctl values live and persisted."""

from __future__ import annotations

from staithe.change import Change, change
from staithe.config import Config
from staithe.desired import Desired
from staithe.host_layout import MODULES_FILE, SYSCTL_FILE
from staithe.plan.files import file_changes
from staithe.probe.state import HostState


def changes(state: HostState, config: Config, desired: Desired) -> tuple[Change, ...]:
    """Return what modules and sysctl need."""
    found = [*file_changes("kernel", MODULES_FILE, desired.files[MODULES_FILE], state)]
    for name in config.kernel.modules:
        module = state.kernel.modules.get(name)
        if module is None or not module.loaded:
            found.append(change("kernel", "load", f"module {name}", "not loaded"))
    found.extend(file_changes("kernel", SYSCTL_FILE, desired.files[SYSCTL_FILE], state))
    for key, wanted in sorted(config.kernel.sysctl.items()):
        value = state.kernel.sysctl.get(key)
        if value is None or value.split() != wanted.split():
            reason = "the key is not there yet" if value is None else "value differs"
            found.append(change("kernel", "set", key, reason, before=value, after=wanted))
    return tuple(found)
