"""The engine's programs: a versioned directory, the `current` link, and links in /usr/bin."""

from __future__ import annotations

from staithe.change import Change, change
from staithe.desired import Desired
from staithe.host_layout import BIN_DIR, ENGINE_CURRENT, ENGINE_ROOT
from staithe.probe.state import HostState


def changes(state: HostState, desired: Desired) -> tuple[Change, ...]:
    """Return what the programs need."""
    found: list[Change] = []
    directory = desired.directory
    wrong = [
        name
        for name, program in desired.engine.programs.items()
        if state.engine.placed.get(f"{directory}/{name}") != program.sha256
    ]
    is_current = state.engine.current == desired.engine.directory
    if wrong:
        whole = len(wrong) == len(desired.engine.programs)
        found.append(
            change(
                "binaries",
                "create" if whole else "update",
                directory,
                "not placed" if whole else f"changed or missing: {', '.join(sorted(wrong))}",
                after=f"{len(desired.engine.programs)} programs of docker-{desired.engine.version}.tgz "
                f"({desired.engine.archive.size_bytes // (1 << 20)} MiB)",
            )
        )
    unlinked = [name for name in desired.programs if not is_linked(state, name)]
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
                after=desired.engine.directory,
                effect="restart" if state.engine.current and not is_current else "none",
            )
        )
    return tuple(found)


def is_linked(state: HostState, name: str) -> bool:
    """Tell whether /usr/bin/NAME leads into staithe's directory."""
    binary = state.engine.binaries.get(name)
    return binary is not None and binary.path == f"{BIN_DIR}/{name}" and binary.target.startswith(f"{ENGINE_ROOT}/")
