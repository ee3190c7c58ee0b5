"""An engine that is not staithe's, brought back to how it was before staithe's first touch. Pure.

Such an engine stays when staithe goes (packages that were taken over), or comes back with its unit (one written by
hand). It is enabled and runs as before, and with the daemon.json that is put back.
"""

from __future__ import annotations

from collections.abc import Iterator

from staithe.change import Change, change
from staithe.daemon.reload import changed_keys, keeps_containers, step
from staithe.former import Former
from staithe.host_layout import DAEMON_JSON, ENGINE_ROOT, UNIT_DIR, UNITS
from staithe.probe.state import HostState, ManagedFile, Unit
from staithe.record import started_with

_DOCKER = "docker.service"


def stopped(state: HostState, former: Former) -> Iterator[Change]:
    """Return what an engine that stays, and did not run before, needs to rest again."""
    if not _was_resting(former):
        return
    running = state.docker.containers_running if state.docker is not None else 0
    for unit in ("docker.socket", _DOCKER, "containerd.service"):
        did_run = former.active.get(unit, "active") == "active"
        if not did_run and state.units.get(unit, Unit()).active_state == "active":
            ended = "ended" if unit == _DOCKER and running else "none"
            yield change("removal", "stop", unit, "did not run before", containers=ended)


def enabled(state: HostState, former: Former, *, stays: bool) -> Iterator[Change]:
    """Return the units that are to be enabled or disabled again. `stays`: the engine does, with all of its units."""
    for name in UNITS:
        before = former.units.get(name)
        now = state.units.get(name, Unit()).unit_file_state
        is_back = _comes_back(former, name)
        if before in ("enabled", "disabled") and (is_back or (stays and now != before)):
            yield change("removal", "enable", name, f"was {before} before", before=now, after=before)


def running(state: HostState, former: Former, *, stays: bool) -> Iterator[Change]:
    """Return what the engine that stays or comes back needs so that it runs as before."""
    if not stays:
        is_whole = _comes_back(former, _DOCKER) and not former.programs
        if is_whole and former.active.get(_DOCKER) == "active":
            yield change("removal", "start", _DOCKER, "its unit comes back, and it ran before", effect="start")
        return
    if _was_resting(former) or state.units.get(_DOCKER, Unit()).active_state != "active":
        return
    found = state.files.get(DAEMON_JSON, ManagedFile())
    started = started_with(state, _DOCKER)
    text = started.daemon_json if started is not None else found.text
    before = _daemon_json_before(former, found)
    needed = step(text, before)
    if _comes_back(former, _DOCKER):
        yield _restarted(state, before, "its unit of before comes back")
    elif needed == "restart":
        keys = ", ".join(changed_keys(text, before))
        yield _restarted(state, before, f"daemon.json of before comes back: {keys}")
    elif needed == "reload":
        keys = ", ".join(changed_keys(text, before))
        yield change("removal", "reload", _DOCKER, f"daemon.json of before comes back: {keys}", effect="reload")


def remains(state: HostState, former: Former, *, stays: bool) -> Iterator[str]:
    """Say what such an engine lacks afterwards, or has in addition."""
    binaries = {binary.path: binary for binary in state.engine.binaries.values()}
    gone = [
        path
        for path in former.programs
        if path in binaries and (binaries[path].package or binaries[path].target.startswith(f"{ENGINE_ROOT}/"))
    ]
    if gone:
        yield f"{', '.join(gone)}: copied by hand, and replaced for good; a unit that comes back has nothing to run"
    if stays:
        for name in former.packages:
            if name in state.packages and not is_extra(name):
                yield f"package {name}: staithe brought it, and the engine that stays may need it"


def is_extra(package: str) -> bool:
    """Whether an engine does without this package: plugins of the client, and keys."""
    return package.endswith("-plugin") or package.startswith("gpg-pubkey-")


def _restarted(state: HostState, daemon_json: str, reason: str) -> Change:
    info = state.docker
    containers = "none"
    if info is not None and info.containers_running:
        containers = "kept" if info.live_restore and keeps_containers(daemon_json) else "restarted"
    return change("removal", "restart", _DOCKER, reason, effect="restart", containers=containers)


def _daemon_json_before(former: Former, found: ManagedFile) -> str:
    """Return the text that stands there once staithe is gone."""
    if DAEMON_JSON not in former.files:
        return found.text or ""
    return (former.daemon_json or "") if former.files[DAEMON_JSON] is not None else ""


def _was_resting(former: Former) -> bool:
    """Whether nothing ran the engine, and nothing would have woken it; what is not noted counts as running."""
    return all(former.active.get(unit, "active") != "active" for unit in ("docker.socket", _DOCKER))


def _comes_back(former: Former, unit: str) -> bool:
    return former.files.get(f"{UNIT_DIR}/{unit}") is not None
