"""The engine's services: enabled, running, and running with what is described.

Whether a restart is needed is told by the state, never by what this run did: a run killed between swap and restart
is mended by the next one.
"""

from __future__ import annotations

from collections.abc import Sequence

from staithe.change import Change, change
from staithe.config import Config
from staithe.daemon.reload import changed_keys, step
from staithe.desired import Desired
from staithe.host_layout import DAEMON_JSON, UNIT_DIR, UNITS
from staithe.probe.state import HostState, ManagedFile, Unit
from staithe.record import Started, read_running

DAEMONS = ("containerd.service", "docker.service")
_DELETED = " (deleted)"


def changes(state: HostState, config: Config, desired: Desired) -> tuple[Change, ...]:
    """Return what the services need."""
    found = list(_enablement(state, config))
    if not _is_active(state, "docker.socket"):
        found.append(change("service", "start", "docker.socket", "not listening", effect="none"))
    for unit in DAEMONS:
        if not _is_active(state, unit):
            found.append(change("service", "start", unit, _why_down(state, unit), effect="start"))
            continue
        reasons, reload_keys = _reasons(unit, state, desired)
        if reasons:
            found.append(
                change(
                    "service",
                    "restart",
                    unit,
                    "; ".join(reasons),
                    effect="restart",
                    containers=_containers(unit, state, desired),
                )
            )
        elif reload_keys:
            found.append(change("service", "reload", unit, f"daemon.json: {', '.join(reload_keys)}", effect="reload"))
    return tuple(found)


def _enablement(state: HostState, config: Config) -> Sequence[Change]:
    wanted = "enabled" if config.service.enabled else "disabled"
    found = []
    for unit in UNITS:
        now = state.units.get(unit, Unit()).unit_file_state or "absent"
        if now != wanted:
            found.append(change("service", "enable", unit, f"is {now}", before=now, after=wanted))
    return found


def _is_active(state: HostState, unit: str) -> bool:
    return state.units.get(unit, Unit()).active_state in ("active", "reloading")


def _why_down(state: HostState, unit: str) -> str:
    found = state.units.get(unit, Unit())
    if found.load_state == "not-found":
        return "not there yet"
    return f"is {found.active_state} ({found.sub_state})"


def _reasons(unit: str, state: HostState, desired: Desired) -> tuple[list[str], tuple[str, ...]]:
    """Return why the daemon must be restarted, and which daemon.json keys a reload would bring."""
    reasons = []
    process = state.processes.get(unit)
    program = unit.removesuffix(".service").replace("docker", "dockerd")
    wanted_exe = f"{desired.directory}/{program}"
    if process is not None and process.exe.removesuffix(_DELETED) != wanted_exe:
        reasons.append(f"runs {process.exe.removesuffix(_DELETED) or 'another program'}, not {wanted_exe}")
    path = f"{UNIT_DIR}/{unit}"
    started = read_running(state, unit)
    if started is not None:
        if started.unit_sha256 != desired.files[path].sha256:
            reasons.append("was started with another unit file")
    elif _is_newer(state, unit, path, desired):
        reasons.append("the unit file is newer than the process")
    if unit != "docker.service":
        return reasons, ()
    why, keys = _daemon_json(state, started, desired)
    return reasons + why, keys


def _daemon_json(state: HostState, started: Started | None, desired: Desired) -> tuple[list[str], tuple[str, ...]]:
    wanted = desired.files[DAEMON_JSON].text
    if started is None:
        if _is_newer(state, "docker.service", DAEMON_JSON, desired):
            return ["daemon.json is newer than the process"], ()
        return [], ()
    keys = changed_keys(started.daemon_json, wanted)
    match step(started.daemon_json, wanted):
        case "restart":
            return [f"daemon.json: {', '.join(keys)}"], ()
        case "reload":
            return [], keys
    return [], ()


def _is_newer(state: HostState, unit: str, path: str, desired: Desired) -> bool:
    """Without a record of what the process was started with: will the file be, or is it, newer than the process?"""
    found = state.files.get(path, ManagedFile())
    if not found.exists or found.sha256 != desired.files[path].sha256:
        return True
    process = state.processes.get(unit)
    return process is not None and found.ctime > process.started_at


def _containers(unit: str, state: HostState, desired: Desired) -> str:
    """Say what a restart does to running containers (live-restore holds over patch versions only)."""
    if state.docker is None or not state.docker.containers_running or unit == "containerd.service":
        # containerd's shims, and the containers under them, outlive it.
        return "none" if state.docker is None or not state.docker.containers_running else "kept"
    same_minor = state.docker.server_version.split(".")[:2] == desired.engine.version.split(".")[:2]
    return "kept" if state.docker.live_restore and same_minor else "restarted"
