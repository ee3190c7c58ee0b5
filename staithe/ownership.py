"""Whose engine is on a host: staithe's, or one that somebody else put there. Pure."""

from __future__ import annotations

from staithe.former import read_former
from staithe.host_layout import BIN_DIR, ENGINE_ROOT
from staithe.probe.state import EngineBinary, HostState
from staithe.programs import PROGRAMS
from staithe.record import read_record

# What a person calls the origins of the probe.
ORIGINS = {
    "static": "programs that were copied by hand",
    "rpm": "Docker's packages, installed by hand or by get.docker.com",
    "distribution": "the distribution's own packages",
    "script": "get.docker.com",
}


def our_packages(state: HostState) -> frozenset[str]:
    """Return the names of the packages that staithe installed or took over."""
    record = read_record(state)
    recorded = record.contents.packages if record is not None else {}
    return frozenset({*recorded, *read_former(state).packages})


def foreign_programs(state: HostState) -> tuple[EngineBinary, ...]:
    """Return the engine's programs on the host that are not staithe's, in the order in which they are known."""
    ours = our_packages(state)
    found = []
    for name in PROGRAMS:
        binary = state.engine.binaries.get(name)
        if binary is None or binary.target.startswith(f"{ENGINE_ROOT}/"):
            continue
        package = binary.package.rsplit("-", 2)[0] if binary.package else None
        in_the_way = binary.path.startswith(f"{BIN_DIR}/") or name in ("dockerd", "containerd")
        if package not in ours and in_the_way:
            found.append(binary)
    return tuple(found)
