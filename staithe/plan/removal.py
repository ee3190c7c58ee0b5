"""What it takes to leave a host as it was before staithe's first touch, and what stays all the same. Pure.

Everything rests on former.json (staithe/former.py), which lies on the host until the very end: a removal that was
killed goes on with the same plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from staithe.change import Change, change
from staithe.config import Config
from staithe.former import Former, FormerFile, read_former
from staithe.host_layout import ENGINE_ROOT, STATE_DIR, UNIT_DIR, UNITS
from staithe.plan.binaries import is_linked
from staithe.probe.state import HostState, ManagedFile, Unit
from staithe.programs import PROGRAMS
from staithe.record import read_record

CONTAINERD_ROOT = "/var/lib/containerd"
_DEFAULT_ROOT = "/var/lib/docker"
# The order in which they end: the socket would start the engine again.
_ENDING = ("docker.socket", "docker.service", "containerd.service")


def changes(state: HostState, config: Config, *, purge_data: bool) -> tuple[Change, ...]:
    """Return what has to be taken away, in the order of work; nothing where staithe has never been.

    Raises RecordTooNew.
    """
    if not _has_been_here(state):
        return ()
    former = read_former(state)
    return (
        *_services(state),
        *_files(state, former),
        *_programs(state),
        *_kernel(former),
        *_group(state, former),
        *(_data(state, config) if purge_data else ()),
        change("removal", "remove", STATE_DIR, "the record, the notes and the blobs; last of all"),
    )


def remains(state: HostState, config: Config, *, purge_data: bool) -> tuple[str, ...]:
    """Return what stays on the host although staithe goes, in words."""
    if not _has_been_here(state):
        return ()
    folders = data_folders(state, config)
    found = [] if purge_data else [f"{folder}: images, containers and volumes; --purge-data" for folder in folders]
    former = read_former(state)
    changed = [path for path in managed_files(state) if was_changed(state, path)]
    found += [f"{saved(path)}: what somebody made of staithe's file" for path in changed]
    if former.made_group and _strangers(state, former):
        found.append(f"group docker: {', '.join(_strangers(state, former))} belong to it, whom staithe did not add")
    found += [f"kernel module {name}, while something uses it" for name in former.modules]
    return (*found, "the engine's packet filter rules and bridges of its networks, until the next reboot")


def data_folders(state: HostState, config: Config) -> tuple[str, ...]:
    """Return where the engine keeps its data: the folder that it runs with before the one that is described."""
    running = state.docker.data_root if state.docker is not None else None
    return (running or config.daemon.data_root or _DEFAULT_ROOT, CONTAINERD_ROOT)


def managed_files(state: HostState) -> Mapping[str, FormerFile | None]:
    """Return the files that staithe wrote, and what stood there before; None: nothing did."""
    record = read_record(state)
    # A run that was cut off may have written files that no record names, and an old staithe kept no notes.
    known: dict[str, FormerFile | None] = dict.fromkeys(record.contents.files) if record is not None else {}
    return known | read_former(state).files


def saved(path: str) -> str:
    """Return the name under which a file of staithe's stays that somebody has changed since."""
    return f"{path}.staithe-saved"


def _has_been_here(state: HostState) -> bool:
    return bool(state.record or state.former or state.engine.directories)


def _services(state: HostState) -> Iterator[Change]:
    if state.docker is not None and state.docker.containers_running:
        count = state.docker.containers_running
        what = f"{count} running container{'' if count == 1 else 's'}"
        yield change("removal", "stop", what, "nothing runs them any longer", containers="ended")
    for name in _ENDING:
        unit = state.units.get(name, Unit())
        if unit.active_state != "inactive" and unit.load_state != "not-found":
            yield change("removal", "stop", name, f"is {unit.active_state}")


def _files(state: HostState, former: Former) -> Iterator[Change]:
    for path, before in sorted(managed_files(state).items()):
        is_unit = path in {f"{UNIT_DIR}/{unit}" for unit in UNITS}
        reason = f"changed since; kept as {saved(path)}" if was_changed(state, path) else "staithe wrote it"
        if before is not None:
            yield change("removal", "update", path, f"{reason}; the file of before comes back")
        elif state.files.get(path, ManagedFile()).exists:
            yield change("removal", "remove", path, reason)
        name = path.rpartition("/")[2]
        if is_unit and former.units.get(name) == "enabled":
            yield change("removal", "enable", name, "was enabled before", after="enabled")


def was_changed(state: HostState, path: str) -> bool:
    """Whether somebody has changed a file since staithe wrote it. Units are not worth keeping: nothing runs them."""
    record = read_record(state)
    found = state.files.get(path, ManagedFile())
    written = record.contents.files.get(path) if record is not None else None
    return found.exists and written is not None and found.sha256 != written and not path.startswith(UNIT_DIR)


def _programs(state: HostState) -> Iterator[Change]:
    links = [state.engine.binaries[name].path for name in PROGRAMS if is_linked(state, name)]
    if links or state.engine.directories:
        count = len(state.engine.directories)
        engines = f"{count} engine{'' if count == 1 else 's'}"
        yield change("removal", "remove", ENGINE_ROOT, f"{engines} and {len(links)} links in /usr/bin")


def _kernel(former: Former) -> Iterator[Change]:
    for key, value in former.sysctl.items():
        if value is not None:
            yield change("removal", "set", key, "as before", after=value)
    for name in former.modules:
        yield change("removal", "remove", f"module {name}", "staithe loaded it; stays while something uses it")


def _group(state: HostState, former: Former) -> Iterator[Change]:
    if not state.docker_group.exists:
        return
    if former.made_group and not _strangers(state, former):
        yield change("removal", "remove", "group docker", "staithe made it")
        return
    for user in former.members:
        if user in state.docker_group.members:
            yield change("removal", "remove", f"{user} from group docker", "staithe added them")


def _strangers(state: HostState, former: Former) -> tuple[str, ...]:
    return tuple(sorted(set(state.docker_group.members) - set(former.members)))


def _data(state: HostState, config: Config) -> Iterator[Change]:
    for folder in data_folders(state, config):
        yield change("removal", "remove", folder, "images, containers and VOLUMES are lost", containers="ended")
