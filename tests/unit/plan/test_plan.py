"""The pure heart: every "changes" with its "nothing to do"."""

from __future__ import annotations

from typing import Any

import pytest

from staithe import plan
from staithe.engine import StaticEngine
from staithe.host_layout import DAEMON_JSON, RUNNING, SYSCTL_FILE, UNIT_DIR
from staithe.probe.state import DockerInfo, Engine, EngineBinary, HostState, Image, Unit
from staithe.record import Running
from tests.unit import states


def ids(state: HostState, config: Any = None, bundle: Any = None) -> list[str]:
    config = config or states.config()
    return [change.id for change in plan.changes(state, config, states.desired(config, bundle))]


def changed(state: HostState, **parts: Any) -> HostState:
    return state.model_copy(update=parts)


def test_converged_host_has_nothing_to_do() -> None:
    assert ids(states.converged(states.config())) == []


def test_bare_host_needs_every_component_in_the_order_of_work() -> None:
    found = plan.changes(states.bare(), states.config(), states.desired(states.config()))
    order = list(dict.fromkeys(change.component for change in found))
    # A static archive needs no packages.
    assert order == [name for name in plan.ORDER if name != "packages"]
    assert len({change.id for change in found}) == len(found)


def test_a_value_that_differs_only_in_blanks_is_the_same() -> None:
    config = states.config(kernel={"sysctl": {"net.ipv4.ip_local_port_range": "1024 65000"}})
    state = states.converged(config)
    sysctl = {**state.kernel.sysctl, "net.ipv4.ip_local_port_range": "1024\t65000"}
    assert ids(changed(state, kernel=state.kernel.model_copy(update={"sysctl": sysctl})), config) == []


def test_sysctl_value() -> None:
    state = states.converged(states.config())
    sysctl = {**state.kernel.sysctl, "net.ipv4.ip_forward": "0"}
    found = ids(changed(state, kernel=state.kernel.model_copy(update={"sysctl": sysctl})))
    assert found == ["kernel:set:net.ipv4.ip_forward", "smoke:run:containers"]


@pytest.mark.parametrize(
    ("path", "component"),
    [(SYSCTL_FILE, "kernel"), (f"{UNIT_DIR}/docker.service", "units"), (DAEMON_JSON, "daemon")],
)
def test_file_that_differs_is_mended_without_a_restart(path: str, component: str) -> None:
    """The engine was started with what is described, whatever somebody has since done to the file."""
    state = states.converged(states.config())
    files = {
        **state.files,
        path: state.files[path].model_copy(update={"sha256": "0" * 64, "text": "x", "ctime": 9999}),
    }
    assert ids(changed(state, files=files)) == [f"{component}:update:{path}", "smoke:run:containers"]


def test_file_mode_and_owner() -> None:
    state = states.converged(states.config())
    files = {**state.files, DAEMON_JSON: state.files[DAEMON_JSON].model_copy(update={"mode": "666"})}
    assert ids(changed(state, files=files)) == [f"daemon:set:{DAEMON_JSON}", "smoke:run:containers"]


def test_program_that_differs() -> None:
    config = states.config()
    state = states.converged(config)
    engine = states.desired(config).engine
    assert isinstance(engine, StaticEngine)
    directory = engine.directory
    engine = state.engine.model_copy(update={"placed": {**state.engine.placed, f"{directory}/runc": "0" * 64}})
    assert ids(changed(state, engine=engine)) == [f"binaries:update:{directory}", "smoke:run:containers"]


def by_hand(**packages: str) -> HostState:
    """A host with programs that somebody copied to /usr/bin; those of `packages` belong to a package meanwhile."""
    binaries = {
        name: EngineBinary(path=f"/usr/bin/{name}", target=f"/usr/bin/{name}", package=packages.get(name))
        for name in ("dockerd", "docker-init", "runc")
    }
    return changed(states.bare(), engine=Engine(origin="static", binaries=binaries))


@pytest.mark.parametrize(("version", "gone"), [("28.5.2", ["/usr/bin/docker-init"]), ("26.1.5", [])])
def test_a_program_by_hand_that_packages_do_not_write_over_goes(version: str, gone: list[str]) -> None:
    config = states.config(engine={"source": "repository", "version": version, "take_over": True})
    found = plan.component_changes("binaries", by_hand(), config, states.desired(config), [])
    assert [(one.kind, one.target) for one in found] == [("remove", path) for path in gone]
    owned = by_hand(**{"docker-init": "other-1-1.noarch"})
    assert plan.component_changes("binaries", owned, config, states.desired(config), []) == ()


def test_packages_that_take_the_place_of_an_engine_restart_it() -> None:
    config = states.config(engine={"source": "repository", "version": "28.5.2", "take_over": True})
    running = states.converged(states.config())
    taken_over = by_hand().model_copy(
        update={"processes": running.processes, "docker": DockerInfo(server_version="26.1.5", containers_running=1)}
    )
    for state, effect, what in ((taken_over, "restart", "restarted"), (states.bare(), "none", "none")):
        found = plan.component_changes("packages", state, config, states.desired(config), [])
        docker = next(one for one in found if one.target == "docker-ce")
        assert (docker.kind, docker.effect, docker.containers) == ("create", effect, what)


def test_packages_of_others_give_way_to_programs_with_consent() -> None:
    nevras = {name: f"{name}-1-1.x86_64" for name in ("moby-engine", "docker-cli", "containerd", "podman")}
    state = changed(states.bare(), packages=nevras)
    config = states.config(engine={"bundle": "bundle", "take_over": True, "replace": ["containerd"]})
    found = plan.component_changes("packages", state, config, states.desired(config), [])
    assert [(one.kind, one.target) for one in found] == [
        ("remove", "moby-engine"),
        ("remove", "docker-cli"),
        ("remove", "containerd"),
    ]
    without = states.config(engine={"bundle": "bundle"})
    left = changed(state, packages={"podman": nevras["podman"]})
    assert plan.component_changes("packages", left, without, states.desired(without), []) == ()


def test_upgrade_restarts_both_daemons_and_makes_a_generation() -> None:
    old, new = states.engine("20.10.24", "1"), states.engine("28.5.2", "2")
    both = states.bundle(old, new)
    before = states.config(engine={"version": "20.10.24"})
    after = states.config(engine={"version": "28.5.2"})
    found = ids(states.converged(before, both), after, both)
    assert found == [
        f"binaries:create:/usr/libexec/docker/staithe/{new.directory}",
        "binaries:set:/usr/libexec/docker/staithe/current",
        "service:restart:containerd.service",
        "service:restart:docker.service",
        "record:update:/var/lib/staithe/record.json",
        "smoke:run:containers",
    ]


def test_killed_between_swap_and_restart_is_mended() -> None:
    """Files are all as described; only the process is of the former engine."""
    state = states.converged(states.config())
    old = state.processes["docker.service"].model_copy(update={"exe": "/usr/libexec/docker/staithe/old/dockerd"})
    found = ids(changed(state, processes={**state.processes, "docker.service": old}))
    assert found == ["service:restart:docker.service", "smoke:run:containers"]


def test_replaced_program_of_the_same_content_needs_no_restart() -> None:
    state = states.converged(states.config())
    same = state.processes["docker.service"]
    gone = same.model_copy(update={"exe": f"{same.exe} (deleted)"})
    assert ids(changed(state, processes={**state.processes, "docker.service": gone})) == []


def with_running(state: HostState, text: str | None) -> HostState:
    """Note another daemon.json, or none, as what the engine was started with."""
    running = Running.model_validate_json(state.running or "{}")
    docker = running.daemons["docker.service"].model_copy(update={"daemon_json": text})
    return changed(state, running=Running(daemons={**running.daemons, "docker.service": docker}).model_dump_json())


@pytest.mark.parametrize(
    ("started_with", "expected"),
    [
        ('{"debug": true, "labels": ["a"]}', "service:restart:docker.service"),
        ('{"labels": ["a"]}', "service:restart:docker.service"),
        ('{"max-concurrent-uploads": 1}', "service:reload:docker.service"),
        ('{"bip": "10.9.0.1/24"}', "service:restart:docker.service"),
    ],
)
def test_engine_started_with_another_daemon_json(started_with: str, expected: str) -> None:
    found = ids(with_running(states.converged(states.config()), started_with))
    assert found == [expected, "smoke:run:containers"]


def test_without_a_note_times_decide() -> None:
    """Somebody restarted the engine by hand: the note is of another process."""
    state = changed(states.converged(states.config()), running=None)
    assert ids(state) == []
    files = {**state.files, DAEMON_JSON: state.files[DAEMON_JSON].model_copy(update={"ctime": 1001})}
    assert ids(changed(state, files=files)) == ["service:restart:docker.service", "smoke:run:containers"]


@pytest.mark.parametrize("unit", ["docker.service", "containerd.service", "docker.socket"])
def test_stopped_unit(unit: str) -> None:
    state = states.converged(states.config())
    down = Unit(load_state="loaded", active_state="inactive", unit_file_state="enabled")
    parts: dict[str, Any] = {"units": {**state.units, unit: down}}
    if unit == "docker.service":
        # Nobody can ask a stopped engine for its images; the record knows what was loaded.
        parts |= {"docker": None, "images": None}
    assert ids(changed(state, **parts)) == [f"service:start:{unit}", "smoke:run:containers"]


def test_engine_that_hangs_is_restarted() -> None:
    state = changed(states.converged(states.config()), docker=None, images=None, odd={"docker": "no answer in 10 s"})
    assert ids(state) == ["service:restart:docker.service", "smoke:run:containers"]


def test_stopped_engine_without_a_record_loads_images_again() -> None:
    state = states.converged(states.config())
    found = ids(changed(state, images=None, record=None))
    assert "images:load:staithe/smoke:1" in found


def test_enabled_is_a_choice() -> None:
    config = states.config(service={"enabled": False})
    state = states.converged(config)
    assert [change for change in ids(state, config) if "enable" in change] == [
        "service:enable:containerd.service",
        "service:enable:docker.socket",
        "service:enable:docker.service",
    ]


@pytest.mark.parametrize(
    "images",
    [(), (Image(id=states.blob("e").digest, tags=("other:1",)),), (Image(id="sha256:0", tags=("staithe/smoke:1",)),)],
)
def test_image_must_be_there_by_content_and_by_name(images: tuple[Image, ...]) -> None:
    found = ids(changed(states.converged(states.config()), images=images))
    assert found == ["images:load:staithe/smoke:1", "smoke:run:containers"]


def test_image_in_the_containerd_store_is_known_by_its_manifest() -> None:
    images = (Image(id=states.SMOKE_IMAGE.manifest.digest, tags=("staithe/smoke:1",)),)
    assert ids(changed(states.converged(states.config()), images=images)) == []


def test_unproved_generation_is_proved_by_the_next_run() -> None:
    state = states.converged(states.config())
    assert state.record is not None
    record = state.record.replace('"proved": true', '"proved": false')
    assert ids(changed(state, record=record)) == ["smoke:run:containers"]
    assert ids(changed(state, record=record), states.config(smoke={"enabled": False})) == []


def restart_of_docker(state: HostState, config: Any) -> Any:
    found = plan.changes(state, config, states.desired(config))
    return next(change for change in found if change.id == "service:restart:docker.service")


@pytest.mark.parametrize(
    ("has", "shall_have", "running", "expected"),
    [
        (True, True, 3, "kept"),
        (False, False, 3, "restarted"),
        (False, True, 3, "restarted"),
        # Seen on 28.5.2: the engine that starts without live-restore ends what the former one left running.
        (True, False, 3, "restarted"),
        (False, False, 0, "none"),
        (True, True, 0, "none"),
    ],
)
def test_what_a_restart_does_to_containers(has: bool, shall_have: bool, running: int, expected: str) -> None:
    config = states.config(daemon={"live-restore": True} if shall_have else {})
    docker = DockerInfo(server_version="28.5.2", live_restore=has, containers_running=running)
    state = with_running(changed(states.converged(config), docker=docker), '{"bip": "10.9.0.1/24"}')
    assert restart_of_docker(state, config).containers == expected


@pytest.mark.parametrize(
    "daemon",
    [
        {"data-root": "/data/docker"},
        {"storage-driver": "vfs"},
        {"userns-remap": "default"},
        {"features": {"containerd-snapshotter": True}},
    ],
)
def test_a_store_that_moves_is_said_and_its_images_are_loaded(daemon: dict[str, Any]) -> None:
    config = states.config(daemon=daemon)
    state = with_running(states.converged(config), "{}")
    assert restart_of_docker(state, config).containers == "left-behind"
    assert "images:load:staithe/smoke:1" in ids(state, config)


def test_a_store_that_stays_is_not_talked_of() -> None:
    config = states.config(daemon={"bip": "10.9.0.1/24"})
    state = with_running(states.converged(config), "{}")
    assert restart_of_docker(state, config).containers == "none"
    assert not [one for one in ids(state, config) if one.startswith("images:")]


def test_no_password_of_an_address_is_in_the_plan() -> None:
    """The plan goes to the terminal, into the record of the run and into --json."""
    config = states.config(daemon={"proxies": {"http-proxy": "http://u:s3cret@proxy.example.com:3128"}})
    other = states.config(daemon={"proxies": {"http-proxy": "http://u:former1@proxy.example.com:3128"}})
    for state in (states.bare(), states.converged(other)):
        found = plan.changes(state, config, states.desired(config))
        text = "".join(change.model_dump_json() for change in found)
        assert "s3cret" not in text and "former1" not in text
        assert "://***@proxy.example.com" in text
    assert "s3cret" in states.desired(config).files[DAEMON_JSON].text, "the host gets it as it is"


def test_running_note_path_is_staithes_own() -> None:
    assert RUNNING.startswith("/var/lib/staithe/")
