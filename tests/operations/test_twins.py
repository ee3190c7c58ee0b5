"""Each operation: nothing for a host that is as described, one guarded command and its script for each drift."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from operations import binaries, daemon, images, kernel, preflight, record, service, smoke, units, users
from staithe.events import ChangeDone, ChangeStarted
from staithe.host_layout import DAEMON_JSON, SYSCTL_FILE, UNIT_DIR
from staithe.journal import former_state_script
from staithe.probe.state import Group, HostState, ManagedFile, Unit
from staithe.record import read_record
from tests.operations.conftest import Bench

OPERATIONS = {
    "preflight": preflight.check,
    "kernel": kernel.configure,
    "binaries": binaries.unpack,
    "links": binaries.install,
    "units": units.install,
    "daemon": daemon.configure,
    "service": service.run,
    "users": users.join_group,
    "images": images.load,
    "record": record.write,
    "smoke": smoke.prove,
}


# Of a component that has two operations.
_COMPONENTS = {"links": "binaries"}


def _with_file(state: HostState, path: str, text: str | None) -> HostState:
    file = ManagedFile() if text is None else state.files[path].model_copy(update={"text": text, "sha256": "0" * 64})
    return state.model_copy(update={"files": {**state.files, path: file}})


def _sysctl(state: HostState) -> HostState:
    values = {**state.kernel.sysctl, "net.ipv4.ip_forward": "0"}
    return state.model_copy(update={"kernel": state.kernel.model_copy(update={"sysctl": values})})


def _module(state: HostState) -> HostState:
    modules = {**state.kernel.modules}
    modules["overlay"] = modules["overlay"].model_copy(update={"loaded": False})
    return state.model_copy(update={"kernel": state.kernel.model_copy(update={"modules": modules})})


def _engine(state: HostState, **values: Any) -> HostState:
    return state.model_copy(update={"engine": state.engine.model_copy(update=values)})


def _unit(name: str, **values: Any) -> Callable[[HostState], HostState]:
    def drift(state: HostState) -> HostState:
        unit = state.units[name].model_copy(update=values)
        processes = {n: p for n, p in state.processes.items() if n != name or unit.active_state == "active"}
        return state.model_copy(update={"units": {**state.units, name: unit}, "processes": processes})

    return drift


def _former_record(state: HostState) -> HostState:
    record = read_record(state)
    assert record is not None
    contents = record.contents.model_copy(update={"engine_version": "0.0.1"})
    return state.model_copy(update={"record": record.model_copy(update={"contents": contents}).text()})


# component, drift, what the script says that mends it.
DRIFTS: list[tuple[str, Callable[[HostState], HostState], tuple[str, ...]]] = [
    ("kernel", _sysctl, ("sysctl -q -w net.ipv4.ip_forward=1",)),
    ("kernel", _module, ("modprobe -- overlay",)),
    (
        "kernel",
        lambda s: _with_file(s, SYSCTL_FILE, "x\n"),
        (f"mv -Tf /etc/sysctl.d/.99-staithe.conf.staithe-new {SYSCTL_FILE}",),
    ),
    ("binaries", lambda s: _engine(s, placed={}), ("sha256sum", "mv -Tf", "stamps")),
    ("links", lambda s: _engine(s, current=None), ("ln -sfn", "/usr/libexec/docker/staithe/current")),
    ("units", lambda s: _with_file(s, f"{UNIT_DIR}/docker.service", None), ("mv -Tf", "systemctl daemon-reload")),
    ("units", _unit("docker.socket", need_daemon_reload=True), ("systemctl daemon-reload",)),
    ("units", lambda s: s.model_copy(update={"docker_group": Group()}), ("groupadd --system docker",)),
    (
        "daemon",
        lambda s: _with_file(s, DAEMON_JSON, '{"debug": true}\n'),
        ("--validate", 'for path in /etc/docker/daemon.json; do keep "$path"; done'),
    ),
    (
        "service",
        _unit("docker.service", active_state="inactive"),
        (
            "systemctl start docker.service",
            "reset-failed",
            "docker -H unix:///run/docker.sock version",
        ),
    ),
    ("service", _unit("docker.socket", unit_file_state="disabled"), ("systemctl -q enable docker.socket",)),
    (
        "users",
        lambda s: s.model_copy(update={"docker_group": Group(exists=True, gid=990)}),
        ("usermod -a -G docker -- ops",),
    ),
    (
        "images",
        lambda s: s.model_copy(update={"images": ()}),
        ("sha256sum --quiet -c", "docker -H unix:///run/docker.sock load"),
    ),
    ("record", _former_record, ("/var/lib/staithe/record.json", "rm -rf --")),
]


@pytest.mark.parametrize("component", OPERATIONS)
def test_a_host_that_is_as_described_gets_nothing(bench: Bench, component: str) -> None:
    bench.find(bench.converged)
    assert bench.commands(OPERATIONS[component]) == []
    assert bench.scripts == []
    assert component == "preflight" or len(bench.host.noops) == 1


@pytest.mark.parametrize(("component", "drift", "words"), DRIFTS)
def test_a_drift_gets_its_commands(
    bench: Bench, component: str, drift: Callable[[HostState], HostState], words: tuple[str, ...]
) -> None:
    bench.find(drift(bench.converged))
    changed = _COMPONENTS.get(component, component)
    planned = [change.id for change in bench.session.planned if change.component == changed]
    assert planned
    assert all(bench.carry_out(OPERATIONS[component])), bench.session.error
    sent = bench.sent
    for one in words:
        assert one in sent
    assert bench.session.done == planned
    told = [(e.type, e.change_id) for e in bench.events if isinstance(e, ChangeStarted | ChangeDone)]
    assert [one for kind, one in told if kind == "change_started"] == planned
    assert [one for kind, one in told if kind == "change_done"] == planned


@pytest.mark.parametrize(("component", "drift", "words"), DRIFTS)
def test_preparing_changes_nothing(
    bench: Bench, component: str, drift: Callable[[HostState], HostState], words: tuple[str, ...]
) -> None:
    """The body of an operation runs twice; pyinfra prepares it first."""
    bench.find(drift(bench.converged))
    bench.host.state.is_executing = False
    assert bench.commands(OPERATIONS[component])
    assert bench.scripts == []
    assert bench.session.done == []


def test_every_operation_of_the_runbook_is_tested_here() -> None:
    assert {component for component, _, _ in DRIFTS} == set(OPERATIONS) - {"preflight", "smoke"}


def test_a_converged_host_costs_one_exec(bench: Bench) -> None:
    bench.find(bench.converged)
    for operation in OPERATIONS.values():
        assert bench.commands(operation) == []
    assert (bench.host.connector.probes, bench.scripts) == (1, [])


def test_the_engine_is_restarted_and_what_runs_is_noted(bench: Bench) -> None:
    process = bench.converged.processes["docker.service"].model_copy(update={"exe": "/usr/bin/dockerd"})
    processes = {**bench.converged.processes, "docker.service": process}
    bench.find(bench.converged.model_copy(update={"processes": processes}))
    assert bench.carry_out(service.run) == [True]
    assert "systemctl restart docker.service" in bench.sent_in(0)
    assert "restart containerd" not in bench.sent
    assert "/var/lib/staithe/running.json" in bench.sent_in(1)
    assert "mv -T /var/lib/staithe/journal " in bench.sent_in(1)
    assert not bench.session.is_journaled


def test_smoke_notes_before_the_first_container_that_nothing_is_proved(bench: Bench) -> None:
    bench.find(bench.converged)
    results = bench.carry_out(smoke.prove, always=True)
    assert "/var/lib/staithe/record.json" in bench.sent_in(0)
    assert "docker" in bench.sent_in(1)
    # The fake host prints nothing, so no check sees what it expects.
    assert results == [False]
    assert bench.error_code == "E213"


def test_a_unit_that_was_not_there_before_is_stopped_again_when_the_engine_stays_down(bench: Bench) -> None:
    units_down = {name: Unit() for name in bench.converged.units}
    bench.find(bench.converged.model_copy(update={"units": units_down, "processes": {}, "docker": None}))
    bench.host.connector.trouble["systemctl start"] = "Job for docker.service failed"
    assert bench.carry_out(service.run) == [False]
    assert bench.error_code == "E211"
    assert "docker.service inactive absent" in bench.sent_in(0), "how it was is noted before it is touched"
    assert bench.sent_in(-1) == former_state_script(bench.session.config.service.health_timeout_s).replace("'", "")


def test_the_programs_of_the_former_generation_are_kept_while_others_go(bench: Bench) -> None:
    """A second generation with the same programs must not cost the way back to the first one's."""
    engine = bench.converged.engine
    former = "/usr/libexec/docker/staithe/27.0.1-aaaaaaaaaaaa/dockerd"
    engine = engine.model_copy(update={"placed": {**engine.placed, former: "f" * 64}})
    state = _former_record(bench.converged.model_copy(update={"engine": engine}))
    bench.find(state)
    assert bench.carry_out(record.write) == [True]
    (keep,) = [line for line in bench.sent.splitlines() if line.strip().startswith("case $one in current|")]
    assert "27.0.1-aaaaaaaaaaaa" in keep
    assert engine.current is not None and engine.current in keep
