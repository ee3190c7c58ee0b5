"""The pure heart: what a host needs so that it becomes as described.

`changes` puts the components together in the order of deploy.py. Operations carry out exactly what
`component_changes` returns for the state as it is then; no component looks at what another will do, so the same
functions serve the plan and its execution.
"""

from __future__ import annotations

from collections.abc import Sequence

from staithe.change import Change, Component
from staithe.config import Config
from staithe.desired import Desired
from staithe.plan import binaries, daemon, images, kernel, packages, record, service, smoke, units, users
from staithe.probe.state import HostState

ORDER: tuple[Component, ...] = (
    "kernel",
    "packages",
    "binaries",
    "units",
    "daemon",
    "service",
    "users",
    "images",
    "record",
    "smoke",
)


def changes(state: HostState, config: Config, desired: Desired) -> tuple[Change, ...]:
    """Return everything the host needs, in the order of work; empty when it is as described."""
    found: list[Change] = []
    for component in ORDER:
        done = [item.id for item in found]
        found.extend(component_changes(component, state, config, desired, done))
    return tuple(found)


def component_changes(
    component: Component, state: HostState, config: Config, desired: Desired, done: Sequence[str]
) -> tuple[Change, ...]:
    """Return what one component needs. `done`: ids of the changes before it in this run; smoke asks for them."""
    match component:
        case "kernel":
            return kernel.changes(state, config, desired)
        case "packages":
            return packages.changes(state, config, desired)
        case "binaries":
            return binaries.changes(state, desired)
        case "units":
            return units.changes(state, desired)
        case "daemon":
            return daemon.changes(state, desired)
        case "service":
            return service.changes(state, config, desired)
        case "users":
            return users.changes(state, config)
        case "images":
            return images.changes(state, desired)
        case "record":
            return record.changes(state, desired)
        case "smoke":
            return smoke.changes(state, config, done)
    return ()
