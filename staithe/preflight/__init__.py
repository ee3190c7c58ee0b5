"""Can this host carry what is described? One small function for each check; all problems are listed. Pure."""

from __future__ import annotations

from staithe.config import Config
from staithe.desired import Desired
from staithe.events import Problem
from staithe.preflight import engine, host, packages
from staithe.preflight.finding import Check as Check
from staithe.probe.state import HostState

_CHECKS = (
    Check("E301", host.operating_system),
    Check("E302", host.architecture),
    Check("E303", host.kernel_version),
    Check("E304", host.cgroup_version),
    Check("E305", host.cgroup_controllers),
    Check("E306", host.kernel_modules),
    Check("E307", host.data_root_filesystem),
    Check("E308", host.free_space),
    Check("E309", host.commands),
    Check("E310", engine.other_engine),
    Check("E311", host.users),
    Check("E312", host.selinux_policy),
    Check("E313", host.whole_probe),
    Check("E314", engine.older_bundle),
    Check("E315", engine.smoke_image),
    Check("E316", packages.excludes),
    Check("E317", packages.version_locks),
    Check("E318", packages.rpm_busy),
    Check("E319", packages.rpm_database),
    Check("E320", packages.usr_mount),
    Check("E321", packages.clock),
    Check("E322", packages.package_manager),
    Check("E323", packages.fapolicyd),
    Check("E324", packages.fips),
)


def checks() -> tuple[Check, ...]:
    """Return all checks, in the order in which they are reported."""
    return _CHECKS


def check(state: HostState, config: Config, desired: Desired) -> tuple[Problem, ...]:
    """Return all problems of a host; empty when it can carry what is described."""
    return tuple(
        Problem(code=one.code, message=message, found=found, expected=expected, hint=hint)
        for one in _CHECKS
        for message, found, expected, hint in one.find(state, config, desired)
    )
