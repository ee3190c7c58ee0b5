"""What was on a host before staithe's first touch, so that removal can leave it as it was found. Pure.

Noted before each change, in the exec that makes it; what is noted once stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from staithe.change import Change
from staithe.host_layout import BIN_DIR, DAEMON_JSON, ENGINE_ROOT, UNITS
from staithe.probe.state import HostState, ManagedFile, Unit

FORMER_SCHEMA = 1


class FormerFile(BaseModel):
    """A file that staithe replaced; its content lies below `original/`."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    mode: str
    owner: str


class Former(BaseModel):
    """former.json as it lies on the host."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = FORMER_SCHEMA
    # Absolute path -> what stood there; None: nothing did.
    files: dict[str, FormerFile | None] = {}
    # Live value by key; None: the key was not there yet.
    sysctl: dict[str, str | None] = {}
    # Modules that staithe loaded.
    modules: tuple[str, ...] = ()
    # Of units that were there, what systemctl said: unit -> is-enabled, and unit -> is-active.
    units: dict[str, str] = {}
    active: dict[str, str] = {}
    # Programs in /usr/bin that somebody had copied there.
    programs: tuple[str, ...] = ()
    made_group: bool = False
    # Users whom staithe added to the docker group.
    members: tuple[str, ...] = ()
    # Names of the packages that staithe brought, and gpg-pubkey-ID of keys.
    packages: tuple[str, ...] = ()
    # daemon.json of an engine that was taken over: keys that are not described stay.
    daemon_json: str | None = None
    # Name -> version and release of packages that staithe removed or replaced.
    replaced_packages: dict[str, str] = {}

    def text(self) -> str:
        return self.model_dump_json(indent=1) + "\n"


def read_former(state: HostState) -> Former:
    """Return what is noted on the host; nothing when there is no note, or none that can be read."""
    try:
        return Former.model_validate_json(state.former or "{}")
    except ValidationError:
        return Former()


def noted(state: HostState, changes: Sequence[Change]) -> Former:
    """Return the note as it must be before `changes` are made: what was noted before stays."""
    former = read_former(state)
    files, sysctl = dict(former.files), dict(former.sysctl)
    modules, members = list(former.modules), list(former.members)
    packages, replaced = list(former.packages), dict(former.replaced_packages)
    made_group = former.made_group
    for change in changes:
        match change.component, change.kind:
            case "kernel" | "units" | "daemon" | "packages", _ if change.target.startswith("/"):
                files.setdefault(change.target, _former_file(state.files.get(change.target, ManagedFile())))
            case "kernel", "set":
                sysctl.setdefault(change.target, change.before)
            case "kernel", "load":
                modules.append(change.target.removeprefix("module "))
            case "units", "create":
                made_group = True
            case "packages", "create":
                packages.append(change.target)
                made_group = made_group or not state.docker_group.exists
            case "packages", "remove" | "update" if change.target not in packages:
                replaced.setdefault(change.target, change.before or "")
            case "users", "add":
                members.append(change.target.removesuffix(" to group docker"))
    if state.former is None and state.record is None:
        former = _before_the_first_touch(state)
    return Former(
        files=files,
        sysctl=sysctl,
        modules=tuple(dict.fromkeys(modules)),
        units=former.units,
        active=former.active,
        programs=former.programs,
        made_group=made_group,
        members=tuple(dict.fromkeys(members)),
        packages=tuple(dict.fromkeys(packages)),
        replaced_packages=replaced,
        daemon_json=former.daemon_json if state.former is not None else taken_over_daemon_json(state),
    )


def _before_the_first_touch(state: HostState) -> Former:
    """Return what is noted of an engine that was there already; the units are not what staithe makes of them yet."""
    units = {name: state.units.get(name, Unit()) for name in UNITS}
    there = {name: unit for name, unit in units.items() if unit.load_state != "not-found"}
    programs = [
        binary.path
        for binary in state.engine.binaries.values()
        if binary.package is None
        and binary.path.startswith(f"{BIN_DIR}/")
        and not binary.target.startswith(f"{ENGINE_ROOT}/")
    ]
    return Former(
        units={name: unit.unit_file_state for name, unit in there.items()},
        active={name: unit.active_state for name, unit in there.items()},
        programs=tuple(sorted(programs)),
    )


def taken_over_daemon_json(state: HostState) -> str | None:
    """Return the text of daemon.json of an engine of other origin: as noted, or as it is before the first touch."""
    if state.former is not None:
        return read_former(state).daemon_json
    if state.record is not None or state.engine.origin in ("none", "staithe"):
        return None
    return state.files.get(DAEMON_JSON, ManagedFile()).text


def _former_file(file: ManagedFile) -> FormerFile | None:
    return FormerFile(sha256=file.sha256, mode=file.mode, owner=file.owner) if file.exists else None
