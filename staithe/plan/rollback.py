"""What it takes to go back to a generation that is kept on the host, without a network. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from staithe.change import Change, change
from staithe.errors import NoGeneration
from staithe.host_layout import DAEMON_JSON, ENGINE_CURRENT, ENGINE_ROOT, PACKAGE_DIR, RECORD
from staithe.probe.state import HostState, ManagedFile
from staithe.record import Record
from staithe.rpm.nevra import Nevra, rpm_name
from staithe.support_matrix import version_tuple


def changes(state: HostState, now: Record, then: Record) -> tuple[Change, ...]:
    """Return where it goes, and then what has to be done in the order of work.

    Raises NoGeneration when something of it is not kept.
    """
    if state.is_cut_off:
        raise NoGeneration(
            "a transaction of packages was cut off here, so the host is at no generation",
            found=f"run {state.unfinished or 'unknown'} did not end",
            hint="staithe apply INVENTORY   # mends that first",
        )
    engine = (*_packages(state, now, then), *_programs(state, then))
    files = tuple(_files(state, now, then))
    found = [_goal(now, then), *engine, *files]
    restarts = bool(engine) or any(one.target == DAEMON_JSON or "/systemd/" in one.target for one in files)
    if restarts:
        kept = "kept" if _keeps(state, now, then) else "restarted"
        running = state.docker.containers_running if state.docker is not None else 0
        why = f"the engine of generation {then.generation}"
        units = ("containerd.service", "docker.service") if engine else ("docker.service",)
        for unit in units:
            affected = kept if running and unit == "docker.service" else "none"
            found.append(change("rollback", "restart", unit, why, effect="restart", containers=affected))
    return tuple(found)


def _goal(now: Record, then: Record) -> Change:
    """Say first of all where it goes, and how the way leads on from there."""
    applied = datetime.fromtimestamp(then.applied_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    what = f"engine {then.contents.engine_version}, {then.contents.source}, of {applied}"
    if now.origin < then.origin:
        onward = f"the next rollback goes back to {now.generation}"
    else:
        onward = f"forward again: --to {now.generation}"
    after = f"generation {now.generation + 1}, as {then.generation} was"
    before = f"generation {now.generation}"
    return change("rollback", "update", RECORD, f"{what}; {onward}", before=before, after=after)


def packages_in(state: HostState, then: Record) -> tuple[str, ...]:
    """Return the NEVRAs that are to come back."""
    return tuple(nevra for name, nevra in then.contents.packages.items() if not _is_there(state, name, nevra))


def packages_out(state: HostState, now: Record, then: Record) -> tuple[str, ...]:
    """Return the names of the packages that the former generation did not have."""
    return tuple(
        name for name in now.contents.packages if name not in then.contents.packages and name in state.packages
    )


def _is_there(state: HostState, name: str, nevra: str) -> bool:
    return name in state.packages and str(Nevra.parse(state.packages[name])) == nevra


def _packages(state: HostState, now: Record, then: Record) -> Iterator[Change]:
    for nevra in packages_in(state, then):
        if rpm_name(nevra) not in state.kept_packages:
            raise _lost(then, f"{PACKAGE_DIR}/{rpm_name(nevra)}")
        name = Nevra.parse(nevra).name
        before = Nevra.parse(state.packages[name]).evr if name in state.packages else None
        after = Nevra.parse(nevra).evr
        yield change("rollback", "update" if before else "create", name, "as it was", before=before, after=after)
    for name in packages_out(state, now, then):
        yield change("rollback", "remove", name, "was not there", before=Nevra.parse(state.packages[name]).evr)


def _programs(state: HostState, then: Record) -> Iterator[Change]:
    wanted = then.contents.engine_directory.removeprefix(f"{ENGINE_ROOT}/")
    if wanted and wanted not in state.engine.directories:
        raise _lost(then, then.contents.engine_directory)
    if wanted and wanted != state.engine.current:
        yield change("rollback", "set", ENGINE_CURRENT, "as it was", before=state.engine.current, after=wanted)
    elif not wanted and state.engine.current:
        yield change("rollback", "remove", ENGINE_CURRENT, "was not there", before=state.engine.current)


def _files(state: HostState, now: Record, then: Record) -> Iterator[Change]:
    for path, sha256 in then.contents.files.items():
        found = state.files.get(path, ManagedFile())
        if found.sha256 != sha256:
            yield change("rollback", "update" if found.exists else "create", path, "as it was")
    for path in now.contents.files:
        if path not in then.contents.files and state.files.get(path, ManagedFile()).exists:
            yield change("rollback", "remove", path, "was not there")


def _keeps(state: HostState, now: Record, then: Record) -> bool:
    """Whether containers outlive it: live-restore, and another patch release at most."""
    same = version_tuple(now.contents.engine_version)[:2] == version_tuple(then.contents.engine_version)[:2]
    return state.docker is not None and state.docker.live_restore and same


def _lost(then: Record, path: str) -> NoGeneration:
    return NoGeneration(
        f"generation {then.generation} is not whole any longer: the host does not have all of its programs",
        found=f"no {path}",
        hint="apply that version, from its bundle or repository",
    )
