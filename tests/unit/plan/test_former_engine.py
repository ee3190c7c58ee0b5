"""An engine of somebody else's that stays, or comes back, when staithe goes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from staithe.former import Former, FormerFile
from staithe.host_layout import DAEMON_JSON, UNIT_DIR
from staithe.plan import removal
from staithe.probe.state import HostState
from staithe.removal_script import removal_script
from tests.unit import states

CONFIG = states.config()
_FILE = FormerFile(sha256="0" * 64, mode="644", owner="root:root")
_UNITS = ("docker.socket", "docker.service", "containerd.service")
# By hand: packages, docker.service enabled; its socket and containerd came up with it.
BEFORE: dict[str, Any] = {
    "units": {"docker.socket": "disabled", "docker.service": "enabled", "containerd.service": "disabled"},
    "active": dict.fromkeys(_UNITS, "active"),
}


def stays(now: str = "{}", **former: Any) -> HostState:
    """A host whose packages staithe took over; `now`: the daemon.json that staithe wrote and the engine runs with."""
    state = states.converged(CONFIG)
    folder = "/usr/lib/systemd/system"
    units = {
        name: unit.model_copy(update={"fragment_path": f"{folder}/{name}"}) for name, unit in state.units.items()
    }
    started = json.loads(state.running or "{}")
    started["daemons"]["docker.service"]["daemon_json"] = now
    return state.model_copy(
        update={
            "units": units,
            "running": json.dumps(started),
            "files": {**state.files, DAEMON_JSON: state.files[DAEMON_JSON].model_copy(update={"text": now})},
            "packages": {"docker-ce": "docker-ce-3:28.5.2-1.el9.x86_64"},
            "former": Former(**{**BEFORE, **former}).text(),
        }
    )


def planned(state: HostState) -> list[str]:
    changes = removal.changes(state, CONFIG, purge_data=False)
    return [
        f"{one.kind} {one.target} {one.after or ''}".strip() for one in changes if one.target.endswith(tuple(_UNITS))
    ]


def restarts(state: HostState) -> list[tuple[str, str]]:
    changes = removal.changes(state, CONFIG, purge_data=False)
    return [(one.kind, one.containers) for one in changes if one.kind in ("start", "restart", "reload")]


def plain(state: HostState) -> str:
    """Return the script without its quotes."""
    changes = removal.changes(state, CONFIG, purge_data=False)
    return removal_script(changes, removal.managed_files(state), (), ()).replace("'", "")


def running(state: HostState, **info: Any) -> HostState:
    assert state.docker is not None
    return state.model_copy(update={"docker": state.docker.model_copy(update={"containers_running": 2, **info})})


def test_units_are_enabled_as_before() -> None:
    state = stays()
    assert [one for one in planned(state) if "enable" in one] == [
        "enable containerd.service disabled", "enable docker.socket disabled",
    ]  # fmt: skip
    script = plain(state)
    assert "systemctl -q disable containerd.service docker.socket" in script
    assert "systemctl stop" not in script
    as_before = stays(units=dict.fromkeys(_UNITS, "enabled"))
    assert not [one for one in planned(as_before) if "enable" in one]
    # An early staithe noted nothing: nobody can tell.
    assert not [one for one in planned(stays(units={}, active={})) if "enable" in one]


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ('{"log-opts": {"max-size": "9m"}}', '{"labels": ["rack=7"]}', [("restart", "restarted")]),
        ('{"log-driver": "local"}', None, [("restart", "restarted")]),
        ('{"debug": true}', '{"debug": false}', [("reload", "none")]),
        ('{"labels": ["rack=7"]}', '{ "labels": ["rack=7"] }', []),
        ("{}", None, []),
    ],
)
def test_the_engine_runs_with_the_daemon_json_that_is_put_back(
    now: str, before: str | None, expected: list[tuple[str, str]]
) -> None:
    former = {"files": {DAEMON_JSON: _FILE if before is not None else None}, "daemon_json": before}
    state = running(stays(now, **former))
    assert restarts(state) == expected
    script = plain(state)
    for verb, _ in expected:
        # Once the file is back, and while the notes are still there to begin again with.
        at = script.index(f"systemctl {verb} docker.service")
        assert script.index(f"mv -Tf /etc/docker/.daemon.json.staithe-new {DAEMON_JSON}") < at
        assert at < script.index("rm -rf /var/lib/staithe\n")
    resting = state.units["docker.service"].model_copy(update={"active_state": "inactive"})
    assert restarts(state.model_copy(update={"units": {**state.units, "docker.service": resting}})) == []


def test_containers_are_kept_when_the_engine_of_before_keeps_them() -> None:
    now = '{"live-restore": true, "log-driver": "local"}'
    for before, containers in (('{"live-restore": true}', "kept"), ("{}", "restarted")):
        state = running(stays(now, files={DAEMON_JSON: _FILE}, daemon_json=before), live_restore=True)
        assert restarts(state) == [("restart", containers)]


def test_an_engine_that_rested_before_rests_again() -> None:
    resting = dict.fromkeys(_UNITS, "inactive")
    state = running(stays('{"log-driver": "local"}', active=resting, files={DAEMON_JSON: None}))
    assert [one for one in planned(state) if "stop" in one] == [f"stop {unit}" for unit in _UNITS]
    assert restarts(state) == []
    ended = [one.target for one in removal.changes(state, CONFIG, purge_data=False) if one.containers == "ended"]
    assert ended == ["docker.service"]
    # Somebody else's containerd stays at work, with what it runs.
    state = stays(active={**resting, "containerd.service": "active"})
    script = plain(state)
    assert "systemctl stop docker.socket docker.service\n" in script and "shims" not in script
    # A socket that listened would have woken it.
    assert not [one for one in planned(stays(active={**resting, "docker.socket": "active"})) if "stop" in one]


def test_of_what_staithe_brought_to_it_only_the_extras_go() -> None:
    brought = ("docker-buildx-plugin", "container-selinux", "gpg-pubkey-00c0ffee")
    state = stays(packages=brought)
    state = state.model_copy(
        update={"packages": {**state.packages, "container-selinux": "container-selinux-2.2-1.el9.noarch"}}
    )
    changes = removal.changes(state, CONFIG, purge_data=False)
    assert [one.target for one in changes if one.target.startswith("package ")] == [
        "package docker-buildx-plugin", "package gpg-pubkey-00c0ffee",
    ]  # fmt: skip
    remains = removal.remains(state, CONFIG, purge_data=False)
    assert any(one.startswith("package container-selinux: staithe brought it") for one in remains)
    assert not any("packet filter" in one for one in remains)


def test_a_unit_written_by_hand_comes_back_as_it_was() -> None:
    path = f"{UNIT_DIR}/docker.service"
    base = states.converged(CONFIG)
    units = {"units": {"docker.service": "enabled"}, "active": {"docker.service": "active"}}

    def back(**former: Any) -> HostState:
        return base.model_copy(update={"former": Former(**{**units, "files": {path: _FILE}, **former}).text()})

    assert [one for one in planned(back()) if one.startswith(("enable", "start"))] == [
        "enable docker.service enabled", "start docker.service",
    ]  # fmt: skip
    gone = back(programs=("/usr/bin/dockerd",))
    assert not [one for one in planned(gone) if one.startswith("start")]
    assert any(
        one.startswith("/usr/bin/dockerd: copied by hand") for one in removal.remains(gone, CONFIG, purge_data=False)
    )
    disabled = back(units={"docker.service": "disabled"})
    assert "enable docker.service disabled" in planned(disabled)


def test_where_nothing_was_nothing_is_enabled_or_run() -> None:
    state = states.converged(CONFIG).model_copy(update={"former": Former().text()})
    assert not [one for one in planned(state) if one.startswith(("enable", "start", "restart", "reload"))]
