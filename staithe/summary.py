"""A host at a glance, and its plan as it is told. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from staithe.change import Change
from staithe.config import Config
from staithe.desired import Desired
from staithe.events import HostPlanned, HostSummary
from staithe.plan.warnings import warnings
from staithe.probe.state import HostState, Unit


def summarize(state: HostState) -> HostSummary:
    """Return what a person wants to know of a host first."""
    docker = state.docker
    cgroup = (
        f"{docker.cgroup_driver} v{docker.cgroup_version}" if docker is not None and docker.cgroup_driver else None
    )
    return HostSummary(
        os=state.os.pretty_name or state.os.id,
        major=state.os.major,
        kernel=state.kernel.release,
        arch=state.kernel.arch,
        engine_version=docker.server_version if docker else state.engine.version,
        engine_origin=state.engine.origin,
        storage_driver=docker.storage_driver if docker else None,
        cgroup=cgroup,
        health=_health(state),
        containers_running=docker.containers_running if docker else None,
    )


def _health(state: HostState) -> Literal["healthy", "stopped", "not installed", "unhealthy"]:
    unit = state.units.get("docker.service", Unit())
    if state.docker is not None:
        return "healthy"
    if unit.active_state in ("active", "failed", "activating"):
        return "unhealthy"
    return "stopped" if state.engine.origin != "none" else "not installed"


def told_plan(
    host: str, state: HostState, config: Config, desired: Desired | None, planned: Sequence[Change]
) -> HostPlanned:
    """Return a host's plan as it is told, with what a person should know of it."""
    said = warnings(state, config, desired, planned) if desired is not None else ()
    return HostPlanned(host=host, summary=summarize(state), changes=list(planned), warnings=list(said))
