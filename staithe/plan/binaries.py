"""The engine's programs: a versioned directory, the `current` link, and links in /usr/bin."""

from __future__ import annotations

from collections.abc import Iterator

from staithe.change import Change, change
from staithe.desired import Desired
from staithe.engine import PackagedEngine, StaticEngine
from staithe.host_layout import BIN_DIR, ENGINE_CURRENT, ENGINE_ROOT
from staithe.probe.state import HostState
from staithe.programs import PROGRAMS

# What packages of all versions have in /usr/bin; docker-init is elsewhere in most.
_PACKAGED = {
    "docker-ce": ("dockerd", "docker-proxy"),
    "docker-ce-cli": ("docker",),
    "containerd.io": ("containerd", "containerd-shim-runc-v2", "ctr", "runc"),
}


def changes(state: HostState, desired: Desired) -> tuple[Change, ...]:
    """Return what the programs need; packages bring their own, and staithe's links go."""
    if not isinstance(desired.engine, StaticEngine):
        return (*_without_links(state, desired.engine), *_without_strays(state, desired.engine))
    return _with_links(state, desired.engine)


def _without_links(state: HostState, engine: PackagedEngine) -> tuple[Change, ...]:
    reason = "the engine's programs come with its packages"
    # rpm puts a program of a package that comes in the link's place.
    coming = {
        program
        for package, programs in _PACKAGED.items()
        if package in engine.wanted and package not in state.packages
        for program in programs
    }
    linked = [name for name in PROGRAMS if is_linked(state, name) and name not in coming]
    links = [state.engine.binaries[name].path for name in linked]
    found = [change("binaries", "remove", path, reason) for path in links]
    if state.engine.current is not None:
        found.append(change("binaries", "remove", ENGINE_CURRENT, reason, before=state.engine.current))
    return tuple(found)


def _without_strays(state: HostState, engine: PackagedEngine) -> Iterator[Change]:
    """What somebody copied to /usr/bin and the packages do not write over: it would stay for ever."""
    for name in PROGRAMS:
        binary = state.engine.binaries.get(name)
        is_stray = binary is not None and binary.package is None and not is_linked(state, name)
        if binary is not None and is_stray and binary.path == f"{BIN_DIR}/{name}" and not engine.brings(name):
            yield change("binaries", "remove", binary.path, "copied by hand; the packages have theirs elsewhere")


def _with_links(state: HostState, engine: StaticEngine) -> tuple[Change, ...]:
    found: list[Change] = []
    artifact, directory = engine.artifact, engine.directory
    wrong = [
        name
        for name, program in artifact.programs.items()
        if state.engine.placed.get(f"{directory}/{name}") != program.sha256
    ]
    is_current = state.engine.current == artifact.directory
    if wrong:
        whole = len(wrong) == len(artifact.programs)
        found.append(
            change(
                "binaries",
                "create" if whole else "update",
                directory,
                "not placed" if whole else f"changed or missing: {', '.join(sorted(wrong))}",
                after=f"{len(artifact.programs)} programs of docker-{artifact.version}.tgz "
                f"({artifact.archive.size_bytes // (1 << 20)} MiB)",
            )
        )
    unlinked = [name for name in engine.programs if not is_linked(state, name)]
    if unlinked or not is_current:
        missing = [f"{BIN_DIR}/{name}" for name in unlinked]
        found.append(
            change(
                "binaries",
                "set",
                ENGINE_CURRENT,
                f"missing: {', '.join(missing)}"
                if is_current
                else "another engine is in place"
                if state.engine.current
                else "no engine of staithe's is in place",
                before=state.engine.current,
                after=artifact.directory,
                effect="restart" if state.engine.current and not is_current else "none",
            )
        )
    return tuple(found)


def is_linked(state: HostState, name: str) -> bool:
    """Tell whether /usr/bin/NAME leads into staithe's directory."""
    binary = state.engine.binaries.get(name)
    return binary is not None and binary.path == f"{BIN_DIR}/{name}" and binary.target.startswith(f"{ENGINE_ROOT}/")
