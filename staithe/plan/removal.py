"""What it takes to leave a host as it was before staithe's first touch, and what stays all the same. Pure.

Everything rests on former.json (staithe/former.py), which lies on the host until the very end: a removal that was
killed goes on with the same plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from staithe.change import Change, change
from staithe.config import Config
from staithe.errors import NotesDamaged
from staithe.former import Former, FormerFile, read_former
from staithe.host_layout import (
    DAEMON_JSON,
    ENGINE_ROOT,
    FORMER,
    ORIGINAL_DIR,
    PACKAGE_UNIT_DIR,
    STATE_DIR,
    UNIT_DIR,
)
from staithe.ownership import foreign_programs
from staithe.plan import former_engine
from staithe.plan.binaries import is_linked
from staithe.probe.state import HostState, ManagedFile, Unit
from staithe.programs import PROGRAMS
from staithe.record import read_record
from staithe.rpm.nevra import Nevra

CONTAINERD_ROOT = "/var/lib/containerd"
RUNNING_CONTAINERS = "running containers"
_DEFAULT_ROOT = "/var/lib/docker"
# The order in which they end: the socket would start the engine again.
ENDING = ("docker.socket", "docker.service", "containerd.service")


def changes(state: HostState, config: Config, *, purge_data: bool) -> tuple[Change, ...]:
    """Return what has to be taken away, in the order of work; nothing where staithe has never been.

    Raises RecordTooNew and NotesDamaged.
    """
    if not _has_been_here(state):
        return ()
    former, stays = _notes(state), not _is_ours(state)
    return (
        *(former_engine.stopped(state, former) if stays else _services(state)),
        *(_data(state, config) if purge_data else ()),
        *_files(state, former),
        *_packages(state, former),
        *former_engine.enabled(state, former, stays=stays),
        *_programs(state),
        *_kernel(former),
        *_group(state, former),
        *former_engine.running(state, former, stays=stays),
        change("removal", "remove", STATE_DIR, "the record, the notes and the blobs; last of all"),
    )


def remains(state: HostState, config: Config, *, purge_data: bool) -> tuple[str, ...]:
    """Return what stays on the host although staithe goes, in words."""
    if not _has_been_here(state):
        return ()
    folders = data_folders(state, config)
    why = "--purge-data" if _is_ours(state) else "an engine that is not staithe's uses it"
    purged = data_to_purge(state, config) if purge_data else ()
    found = [f"{folder}: images, containers and volumes; {why}" for folder in folders if folder not in purged]
    former = _notes(state)
    changed = [path for path in managed_files(state) if was_changed(state, path)]
    found += [f"{saved(path)}: what somebody made of staithe's file" for path in changed]
    if former.made_group and _strangers(state, former):
        found.append(f"group docker: {', '.join(_strangers(state, former))} belong to it, whom staithe did not add")
    found += [
        f"package {name}: was {evr}, " + (f"stays at {_evr(state, name)}" if name in state.packages else "is gone")
        for name, evr in former.replaced_packages.items()
        if _evr(state, name) != evr
    ]
    found += former_engine.remains(state, former, stays=not _is_ours(state))
    found += [f"kernel module {name}, while something uses it" for name in former.modules]
    if _is_ours(state):
        found.append("the engine's packet filter rules and bridges of its networks, until the next reboot")
    return tuple(found)


def data_folders(state: HostState, config: Config) -> tuple[str, ...]:
    """Return where the engine keeps its data.

    What it runs with comes first, then what its daemon.json says on the host, and last what is described.
    """
    running = state.docker.data_root if state.docker is not None else None
    root = running or _root_on_host(state) or config.daemon.data_root or _DEFAULT_ROOT
    return (root, CONTAINERD_ROOT)


def data_to_purge(state: HostState, config: Config) -> tuple[str, ...]:
    """Return the folders that may be emptied: none while an engine that is not staithe's uses them."""
    return data_folders(state, config) if _is_ours(state) else ()


def _root_on_host(state: HostState) -> str | None:
    try:
        found = json.loads(state.files.get(DAEMON_JSON, ManagedFile()).text or "{}")
    except ValueError:
        return None
    root = found.get("data-root") if isinstance(found, dict) else None
    return root if isinstance(root, str) and root.startswith("/") else None


def _notes(state: HostState) -> Former:
    """Return former.json; without any (an early staithe made none) files come back from the copies alone."""
    if state.former is not None:
        try:
            return Former.model_validate_json(state.former)
        except ValidationError as error:
            raise NotesDamaged(
                "the note of what was here before staithe cannot be read; nothing is taken away without it",
                where=FORMER,
                found=state.former[:60] or "an empty file",
                hint=f"ssh HOST sudo ls -R {ORIGINAL_DIR}   # then: staithe explain E220",
            ) from error
    return Former()


def managed_files(state: HostState) -> Mapping[str, FormerFile | None]:
    """Return the files that staithe wrote, and what stood there before; None: nothing did."""
    record = read_record(state)
    # A run that was cut off may have written files that no record names, and an old staithe kept no notes.
    known: dict[str, FormerFile | None] = dict.fromkeys(record.contents.files) if record is not None else {}
    return known | _notes(state).files


def saved(path: str) -> str:
    """Return the name under which a file of staithe's stays that somebody has changed since."""
    return f"{path}.staithe-saved"


def _has_been_here(state: HostState) -> bool:
    return bool(state.record or state.former or state.engine.directories)


def _is_ours(state: HostState) -> bool:
    """Whether no other engine has taken the place of staithe's; one that is not there is nobody else's."""
    unit = state.units.get("docker.service", Unit())
    packaged = "docker-ce" in state.packages
    if packaged and "docker-ce" not in read_former(state).packages:
        # Taken over: it was there before, and stays.
        return False
    folder = PACKAGE_UNIT_DIR if packaged else UNIT_DIR
    # /lib may lead to /usr/lib, and systemd says either.
    units = ("", f"{folder}/docker.service", f"{folder}/docker.service".removeprefix("/usr"))
    return unit.fragment_path in units and not foreign_programs(state)


def _services(state: HostState) -> Iterator[Change]:
    if state.docker is None and state.engine.origin != "none":
        reason = "the engine is down; with live-restore containers outlive it"
        yield change("removal", "stop", RUNNING_CONTAINERS, reason, containers="ended")
    elif state.docker is not None and state.docker.containers_running:
        count = state.docker.containers_running
        what = f"{count} {RUNNING_CONTAINERS.removesuffix('s')}{'' if count == 1 else 's'}"
        yield change("removal", "stop", what, "nothing runs them any longer", containers="ended")
    for name in ENDING:
        unit = state.units.get(name, Unit())
        if unit.active_state != "inactive" and unit.load_state != "not-found":
            yield change("removal", "stop", name, f"is {unit.active_state}")


def _files(state: HostState, former: Former) -> Iterator[Change]:
    for path, before in sorted(managed_files(state).items()):
        reason = f"changed since; kept as {saved(path)}" if was_changed(state, path) else "staithe wrote it"
        if before is not None:
            yield change("removal", "update", path, f"{reason}; the file of before comes back")
        elif state.files.get(path, ManagedFile()).exists:
            yield change("removal", "remove", path, reason)


def was_changed(state: HostState, path: str) -> bool:
    """Whether somebody has changed a file since staithe wrote it. Units are not worth keeping: nothing runs them."""
    record = read_record(state)
    found = state.files.get(path, ManagedFile())
    written = record.contents.files.get(path) if record is not None else None
    return found.exists and written is not None and found.sha256 != written and not path.startswith(UNIT_DIR)


def _packages(state: HostState, former: Former) -> Iterator[Change]:
    names = former.packages if _is_ours(state) else tuple(filter(former_engine.is_extra, former.packages))
    for name in names:
        evr = Nevra.parse(state.packages[name]).evr if name in state.packages else None
        yield change("removal", "remove", f"package {name}", "staithe installed it", before=evr)


def _evr(state: HostState, name: str) -> str | None:
    return Nevra.parse(state.packages[name]).evr if name in state.packages else None


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
    for folder in data_to_purge(state, config):
        yield change("removal", "remove", folder, "images, containers and VOLUMES are lost", containers="ended")
