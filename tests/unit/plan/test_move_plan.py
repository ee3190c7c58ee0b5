"""Moves between sources: a plan foresees what packages do to services as they come and go."""

from __future__ import annotations

from typing import Any

import pytest

from staithe import plan
from staithe.plan import binaries, service
from staithe.probe.state import EngineBinary, HostState
from tests.unit import states

SERVICES = ("containerd.service", "docker.service")
UNITS = ("containerd.service", "docker.socket", "docker.service")
NEVRAS = {
    "docker-ce": "docker-ce-3:28.5.2-1.el9.x86_64",
    "docker-ce-cli": "docker-ce-cli-1:28.5.2-1.el9.x86_64",
    "containerd.io": "containerd.io-2.1.9-3.1.el9.x86_64",
}
STATIC = states.config()
PACKAGED = states.config(engine={"source": "repository", "version": "28.5.2"})


def packaged(**docker: Any) -> HostState:
    """A host whose engine runs out of packages."""
    state = states.converged(STATIC)
    owners = {"dockerd": NEVRAS["docker-ce"], "containerd": NEVRAS["containerd.io"]}
    found = {
        name: EngineBinary(path=binary.path, target=binary.path, package=owners.get(name, NEVRAS["docker-ce-cli"]))
        for name, binary in state.engine.binaries.items()
    }
    engine = state.engine.model_copy(update={"origin": "rpm", "binaries": found, "current": None})
    assert state.docker is not None
    info = state.docker.model_copy(update={"containers_running": 2, **docker})
    return state.model_copy(update={"engine": engine, "packages": NEVRAS, "docker": info})


def told(state: HostState, config: Any) -> dict[str, str]:
    """Return what the services need: {verb and unit: containers}."""
    found = service.changes(state, config, states.desired(config))
    return {f"{one.kind} {one.target}": one.containers for one in found}


def test_what_packages_stop_and_disable_is_enabled_and_started() -> None:
    found = told(packaged(), STATIC)
    assert set(found) == {f"{verb} {unit}" for verb in ("enable", "start") for unit in UNITS}
    assert found["start docker.service"] == "restarted"
    # That is what is left to do once they have gone: the plan of that moment names the same.
    gone = packaged().model_copy(update={"packages": {}, "docker": None, "processes": {}})
    units = {
        name: unit.model_copy(update={"active_state": "inactive", "unit_file_state": "disabled"})
        for name, unit in gone.units.items()
    }
    after = gone.model_copy(update={"units": units, "engine": states.converged(STATIC).engine})
    assert set(told(after, STATIC)) == set(found)


def test_live_restore_keeps_containers_on_a_move_too() -> None:
    config = states.config(daemon={"live-restore": True})
    found = service.changes(packaged(live_restore=True), config, states.desired(config))
    assert [one.containers for one in found if one.id == "service:start:docker.service"] == ["kept"]


def test_services_that_are_to_stay_off_are_left_so() -> None:
    config = states.config(service={"enabled": False})
    assert not [one for one in told(packaged(), config) if one.startswith("enable")]


def test_a_package_that_comes_has_its_services_disabled() -> None:
    found = told(states.converged(STATIC), PACKAGED)
    assert {one for one in found if one.startswith("enable")} == {f"enable {unit}" for unit in SERVICES}
    # Once it is there, what is said is what is so.
    assert not [one for one in told(packaged(), PACKAGED) if one.startswith("enable")]


def test_rpm_replaces_the_links_of_programs_that_it_brings() -> None:
    desired = states.desired(PACKAGED)
    state = states.converged(STATIC)
    found = [one.target for one in binaries.changes(state, desired)]
    assert "/usr/bin/docker-init" in found and "/usr/bin/dockerd" not in found
    # Left over, whatever the reason: then it is in the way.
    there = state.model_copy(update={"packages": NEVRAS})
    assert "/usr/bin/dockerd" in [one.target for one in binaries.changes(there, desired)]


@pytest.mark.parametrize("replace", [(), ("containerd",)])
def test_an_engine_of_the_distribution_stops_as_it_goes(replace: tuple[str, ...]) -> None:
    state = packaged()
    owners = {"dockerd": "moby-engine-26.1-1.el9.x86_64", "containerd": "containerd-1.7-1.el9.x86_64"}
    found = {
        name: binary.model_copy(update={"package": owners.get(name)})
        for name, binary in state.engine.binaries.items()
    }
    state = state.model_copy(
        update={
            "packages": {nevra.rsplit("-", 2)[0]: nevra for nevra in owners.values()},
            "engine": state.engine.model_copy(update={"binaries": found}),
        }
    )
    config = states.config(engine={"source": "repository", "version": "28.5.2", "replace": list(replace)})
    started = {one for one in told(state, config) if one.startswith("start")}
    expected = {"start docker.socket", "start docker.service", *(["start containerd.service"] if replace else [])}
    assert started == expected
    assert plan.changes(state, config, states.desired(config))
