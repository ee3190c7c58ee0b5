"""The engine's services: enabled, running, and running with what is described.

Whether a restart is needed is told by the state, never by what this run did: a run killed between swap and restart
is mended by the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from staithe.change import Change, change
from staithe.config import Config
from staithe.daemon.reload import changed_keys, keeps_containers, moves_store, step
from staithe.desired import Desired
from staithe.engine import OLD_PACKAGES, PACKAGES, StaticEngine
from staithe.host_layout import DAEMON_JSON, JOURNAL, UNITS
from staithe.probe.state import HostState, Unit
from staithe.record import Started, started_with, unit_sha256

DAEMONS = ("containerd.service", "docker.service")
_DELETED = " (deleted)"
# The package that has a program has these units.
_OF_PROGRAM = {"dockerd": ("docker.service", "docker.socket"), "containerd": ("containerd.service",)}
# %systemd_post of docker-ce.spec leaves the socket out.
_PRESET = {"docker-ce": "docker.service", "containerd.io": "containerd.service"}
_LEAVES = "its package stops and disables it as it goes"
_ARRIVES = "its package comes with it disabled"


def changes(state: HostState, config: Config, desired: Desired) -> tuple[Change, ...]:
    """Return what the services need."""
    leaving = _leaving(state, config, desired)
    disabled = dict.fromkeys(_arriving(state, desired), _ARRIVES) | dict.fromkeys(leaving, _LEAVES)
    found = list(_enablement(state, config, disabled))
    if "docker.socket" in leaving or not _is_active(state, "docker.socket"):
        reason = _LEAVES if "docker.socket" in leaving else "not listening"
        found.append(change("service", "start", "docker.socket", reason, effect="none"))
    for unit in DAEMONS:
        if unit in leaving:
            affected = containers(unit, state, desired)
            found.append(change("service", "start", unit, _LEAVES, effect="restart", containers=affected))
            continue
        if not _is_active(state, unit):
            found.append(change("service", "start", unit, _why_down(state, unit), effect="start"))
            continue
        reasons, reload_keys = _reasons(unit, state, desired)
        if unit == "docker.service" and state.docker is None:
            reasons.append(f"does not answer: {state.odd.get('docker', 'no docker info')}")
        if reasons:
            found.append(
                change(
                    "service",
                    "restart",
                    unit,
                    "; ".join(reasons),
                    effect="restart",
                    containers=containers(unit, state, desired),
                )
            )
        elif reload_keys:
            found.append(change("service", "reload", unit, f"daemon.json: {', '.join(reload_keys)}", effect="reload"))
    if state.unfinished is not None and not found:
        reason = f"run {state.unfinished or 'unknown'} ended in the middle; the engine is healthy with what it left"
        found.append(change("service", "remove", JOURNAL, reason))
    return tuple(found)


def _enablement(state: HostState, config: Config, disabled: Mapping[str, str]) -> Sequence[Change]:
    """`disabled`: units that are so when the services' turn comes, whatever they are now, and why."""
    wanted = "enabled" if config.service.enabled else "disabled"
    found = []
    for unit in UNITS:
        now = state.units.get(unit, Unit()).unit_file_state or "absent"
        reason = f"is {now}"
        if now == "enabled" and unit in disabled:
            now, reason = "disabled", disabled[unit]
        if now != wanted:
            found.append(change("service", "enable", unit, reason, before=now, after=wanted))
    return found


def _arriving(state: HostState, desired: Desired) -> frozenset[str]:
    """Return the units that a package brings which was not there: EL's presets disable them (%systemd_post)."""
    if isinstance(desired.engine, StaticEngine):
        return frozenset()
    coming = {name for name in desired.engine.wanted if name not in state.packages}
    return frozenset(unit for name, unit in _PRESET.items() if name in coming)


def _leaving(state: HostState, config: Config, desired: Desired) -> frozenset[str]:
    """Return the units that are stopped and disabled before the services' turn comes.

    The package that brought a unit does that when it is removed (%systemd_preun).
    """
    is_static = isinstance(desired.engine, StaticEngine)
    going = (*PACKAGES, *OLD_PACKAGES) if is_static else (*OLD_PACKAGES, *config.engine.replace)
    found: set[str] = set()
    for program, units in _OF_PROGRAM.items():
        binary = state.engine.binaries.get(program)
        name = binary.package.rsplit("-", 2)[0] if binary is not None and binary.package else None
        if name in going and name in state.packages:
            found.update(units)
    return frozenset(found)


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
    wanted_exe = desired.engine.program(program)
    if process is not None and process.exe.removesuffix(_DELETED) != wanted_exe:
        reasons.append(f"runs {process.exe.removesuffix(_DELETED) or 'another program'}, not {wanted_exe}")
    elif process is not None and process.exe.endswith(_DELETED) and not isinstance(desired.engine, StaticEngine):
        # In staithe's own directories a program is only ever replaced by itself.
        reasons.append(f"runs what {wanted_exe} was before")
    started = started_with(state, unit)
    if started is None:
        reasons.append("files are newer than the process, and what it was started with is not noted")
        return reasons, ()
    if started.unit_sha256 != unit_sha256(unit, state, desired):
        reasons.append("was started with another unit file")
    if unit != "docker.service":
        return reasons, ()
    why, keys = _daemon_json(started, desired)
    return reasons + why, keys


def _daemon_json(started: Started, desired: Desired) -> tuple[list[str], tuple[str, ...]]:
    wanted = desired.files[DAEMON_JSON].text
    keys = changed_keys(started.daemon_json, wanted)
    match step(started.daemon_json, wanted):
        case "restart":
            return [f"daemon.json: {', '.join(keys)}"], ()
        case "reload":
            return [], keys
    return [], ()


def containers(unit: str, state: HostState, desired: Desired) -> str:
    """Say what a restart does to containers (live-restore holds over patch versions only)."""
    started = started_with(state, unit)
    if unit == "docker.service" and started and moves_store(started.daemon_json, desired.files[DAEMON_JSON].text):
        return "left-behind"
    if state.docker is None or not state.docker.containers_running or unit == "containerd.service":
        # containerd's shims, and the containers under them, outlive it.
        return "none" if state.docker is None or not state.docker.containers_running else "kept"
    version = desired.engine.version or state.docker.server_version
    same_minor = state.docker.server_version.split(".")[:2] == version.split(".")[:2]
    # The engine that ends leaves them running, and the one that starts takes them over: both must have live-restore.
    both = state.docker.live_restore and keeps_containers(desired.files[DAEMON_JSON].text)
    return "kept" if both and same_minor else "restarted"
