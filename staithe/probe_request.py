"""What a host is asked for, by its configuration. Pure, and light: it is needed before a host's session is."""

from __future__ import annotations

from collections.abc import Sequence

from staithe import base_repositories
from staithe.config import Config
from staithe.host_layout import (
    DAEMON_JSON,
    MODULES_FILE,
    PACKAGE_UNIT_DIR,
    REPOSITORY_FILE,
    REPOSITORY_KEY,
    SYSCTL_FILE,
    UNIT_DIR,
    UNITS,
    VERSION_LOCKS,
)
from staithe.probe.request import ProbeRequest


def probe_request(config: Config, *, deep: bool = False, sections: Sequence[str] = ()) -> ProbeRequest:
    """Say what to ask the host for this configuration."""
    return ProbeRequest(
        data_root=config.daemon.data_root or "/var/lib/docker",
        modules=config.kernel.modules,
        sysctl=tuple(sorted(config.kernel.sysctl)),
        files=managed_files(config),
        users=config.users.docker_group,
        deep=deep,
        packaging=config.engine.source != "static-bundle",
        sections=tuple(sections),
    )


def managed_files(config: Config) -> tuple[str, ...]:
    """Return the files that a host with this configuration is asked for."""
    packaged = (
        tuple(f"{PACKAGE_UNIT_DIR}/{unit}" for unit in UNITS) if config.engine.source != "static-bundle" else ()
    )
    return (
        MODULES_FILE,
        SYSCTL_FILE,
        *(f"{UNIT_DIR}/{unit}" for unit in UNITS),
        *packaged,
        REPOSITORY_FILE,
        REPOSITORY_KEY,
        *VERSION_LOCKS,
        *base_repositories.paths(config.engine.repository.base if config.engine.source == "repository" else None),
        DAEMON_JSON,
    )
