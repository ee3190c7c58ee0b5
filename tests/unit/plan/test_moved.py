"""What moved since a plan was saved or agreed to: each part by its name, and nothing that plans do not rest on."""

from __future__ import annotations

from typing import Any

import pytest

from staithe import plan
from staithe.events import PlanBasis
from staithe.explain import explanations
from staithe.plan.basis import basis_of, state_parts
from staithe.plan.moved import REFUSALS, since_agreed, since_saved
from staithe.probe.state import EngineBinary, HostState, Image, ManagedFile, Process
from tests.unit import states

CONFIG = states.config()
DESIRED = states.desired(CONFIG)


def _basis(state: HostState, salt: str = "s") -> PlanBasis:
    return basis_of(CONFIG, state, DESIRED, salt)


def _moved(then: HostState, now: HostState) -> str:
    changes = plan.changes(states.bare(), CONFIG, DESIRED)
    found = since_saved(_basis(then).model_copy(), changes, _basis(now), changes, state_parts(now, DESIRED))
    return "; ".join(f"{one.code} {one.found}" for one in found)


def _with(part: str, **update: Any) -> HostState:
    state = states.converged(CONFIG)
    return state.model_copy(update={part: getattr(state, part).model_copy(update=update)})


def _in(part: str, key: str, **update: Any) -> HostState:
    state = states.converged(CONFIG)
    whole = dict(getattr(state, part))
    whole[key] = whole[key].model_copy(update=update)
    return state.model_copy(update={part: whole})


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (
            _with("kernel", sysctl={**CONFIG.kernel.sysctl, "net.ipv4.ip_forward": "0"}),
            "kernel net.ipv4.ip_forward is 0",
        ),
        (_in("files", "/etc/docker/daemon.json", sha256="x", text="{}"), "/etc/docker/daemon.json"),
        (_in("files", "/etc/docker/daemon.json", exists=False), "/etc/docker/daemon.json is missing"),
        (_in("files", "/etc/docker/daemon.json", mode="600"), "/etc/docker/daemon.json"),
        (_in("units", "docker.service", active_state="failed"), "docker.service is failed"),
        (_in("units", "docker.service", need_daemon_reload=True), "docker.service"),
        (_in("processes", "docker.service", exe="/usr/bin/other"), "process of docker.service"),
        (_with("engine", current="other"), "engine is other"),
        (_with("engine", binaries={"runc": EngineBinary(path="/usr/bin/runc", target="/x")}), "/usr/bin/runc"),
        (_with("docker_group", members=("ops", "eve")), "docker group"),
        (_with("docker", storage_driver="vfs"), "answer of the engine"),
        (_with("security", selinux="enforcing"), "SELinux is enforcing"),
        (states.converged(CONFIG).model_copy(update={"record": "{}"}), "staithe's record"),
        (states.converged(CONFIG).model_copy(update={"images": ()}), "image staithe/smoke:1 is missing"),
        (
            states.converged(CONFIG).model_copy(update={"packages": {"podman": "podman-5"}}),
            "package podman is podman-5",
        ),
        (states.converged(CONFIG).model_copy(update={"missing_commands": ("tar",)}), "missing commands is tar"),
    ],
)
def test_what_moved_is_named(now: HostState, words: str) -> None:
    found = _moved(states.converged(CONFIG), now)
    assert found.startswith("E353 ") and words in found


def _quiet() -> list[HostState]:
    state = states.converged(CONFIG)
    assert state.images is not None
    storage = {path: one.model_copy(update={"free_bytes": 1}) for path, one in state.storage.items()}
    later = {path: one.model_copy(update={"ctime": one.ctime - 5}) for path, one in state.files.items()}
    return [
        state,
        state.model_copy(update={"clock": 5}),
        state.model_copy(update={"storage": storage}),
        state.model_copy(update={"files": later}),
        state.model_copy(update={"images": (*state.images, Image(id="sha256:other", tags=("other:1",)))}),
        _with("docker", containers_running=7),
        _in("units", "docker.socket", sub_state="listening"),
        _in("units", "docker.service", main_pid=99),
    ]


@pytest.mark.parametrize("now", _quiet())
def test_what_plans_do_not_rest_on_moves_nothing(now: HostState) -> None:
    assert _moved(states.converged(CONFIG), now) == ""


def test_a_daemon_that_was_only_started_again_has_not_moved() -> None:
    """Another process, another boot: what counts is what it runs, and what it was started with."""
    state = states.converged(CONFIG)
    processes = {
        unit: Process(pid=one.pid + 1, start_ticks=7, started_at=2000, exe=one.exe)
        for unit, one in state.processes.items()
    }
    assert _moved(state, state.model_copy(update={"processes": processes, "boot_id": "boot-2"})) == ""


def test_files_younger_than_the_process_have_moved() -> None:
    state = states.converged(CONFIG).model_copy(update={"running": None})
    assert _moved(state, state) == ""
    file = state.files["/etc/docker/daemon.json"].model_copy(update={"ctime": 5000})
    now = state.model_copy(update={"files": {**state.files, "/etc/docker/daemon.json": file}})
    assert "process of docker.service" in _moved(state, now)


def test_keys_and_bundle() -> None:
    changes = plan.changes(states.bare(), CONFIG, DESIRED)
    other = states.config(daemon={"log-opts": {"max-size": "10m"}, "debug": True})
    now = basis_of(other, states.bare(), states.desired(other, states.bundle(states.engine(letter="c"))), "s")
    now = now.model_copy(update={"bundle": "sha256:other"})
    found = since_saved(_basis(states.bare()), changes, now, (), {})
    assert [(one.code, one.found) for one in found] == [
        ("E351", "daemon.debug, daemon.log-opts.max-size"),
        ("E352", "sha256:other"),
    ]


def test_nothing_left_to_do_is_no_refusal() -> None:
    changes = plan.changes(states.bare(), CONFIG, DESIRED)
    assert since_saved(_basis(states.bare()), changes, _basis(states.converged(CONFIG)), (), {}) == ()
    assert since_agreed(changes, ()) == ()


def test_another_plan_than_the_one_agreed_to() -> None:
    changes = plan.changes(states.bare(), CONFIG, DESIRED)
    assert since_agreed(changes, changes) == ()
    (problem,) = since_agreed(changes, changes[1:])
    assert (problem.code, problem.found) == ("E356", changes[0].id)


def test_a_plan_that_became_another_one_has_moved_even_when_no_part_has() -> None:
    """Containers run now that a restart would stop."""
    changes = plan.changes(states.bare(), CONFIG, DESIRED)
    other = (changes[0].model_copy(update={"containers": "restarted"}), *changes[1:])
    (problem,) = since_saved(_basis(states.bare()), changes, _basis(states.bare()), other, {})
    assert (problem.code, problem.found) == ("E353", f"the plan: {changes[0].id}")


def test_digests_hold_no_value_and_differ_by_salt() -> None:
    state = states.converged(CONFIG).model_copy(
        update={"files": {"/etc/docker/daemon.json": ManagedFile(exists=True, sha256="abc", text="s3cr3t")}}
    )
    one, two = _basis(state, "1"), _basis(state, "2")
    assert "s3cr3t" not in one.model_dump_json() and "abc" not in one.model_dump_json()
    assert not set(one.state.values()) & set(two.state.values())


def test_each_refusal_is_explained() -> None:
    known = {one.code: one.exit_code for one in explanations()}
    assert {code: known[code] for code, _ in REFUSALS} == dict.fromkeys(
        ("E351", "E352", "E353", "E354", "E355", "E356"), 4
    )
