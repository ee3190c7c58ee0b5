"""Each check with a host that makes it red, and one host that makes none red."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from staithe import preflight
from staithe.probe.state import Cgroup, EngineBinary, HostState, Image, KernelModule, OsRelease, Security
from tests.unit import states


def codes(state: HostState, **sections: Any) -> list[str]:
    config = states.config(**sections)
    return [problem.code for problem in preflight.check(state, config, states.desired(config))]


def test_fit_hosts_have_no_problem() -> None:
    assert codes(states.bare()) == []
    assert codes(states.converged(states.config())) == []


def bare_with(**parts: Any) -> HostState:
    return states.bare().model_copy(update=parts)


def kernel_with(**parts: Any) -> HostState:
    return bare_with(kernel=states.bare().kernel.model_copy(update=parts))


def storage_with(path: str, **parts: Any) -> HostState:
    storage = states.bare().storage
    return bare_with(storage={**storage, path: storage[path].model_copy(update=parts)})


RED = {
    "another system": ("E301", bare_with(os=OsRelease(id="debian", version_id="12", major=12))),
    "another major": ("E301", bare_with(os=OsRelease(id="rocky", id_like=("rhel",), version_id="6.9", major=6))),
    "architecture": ("E302", None),
    "old kernel": (
        "E303",
        kernel_with(release="2.6.32-754.el6").model_copy(
            update={"cgroup": Cgroup(version=1, controllers=("cpu", "cpuset", "devices", "memory", "pids"))}
        ),
    ),
    "old kernel for cgroup v2": ("E304", kernel_with(release="4.14.0")),
    "controllers": ("E305", bare_with(cgroup=Cgroup(version=2, controllers=("cpu", "pids")))),
    "module": ("E306", kernel_with(modules={"overlay": KernelModule(loaded=False, loadable=False)})),
    "ftype=0": ("E307", storage_with("/var/lib/docker", d_type=False)),
    "network file system": ("E307", storage_with("/var/lib/docker", fstype="nfs4")),
    "little room": ("E308", storage_with("/usr", free_bytes=1 << 20)),
    "command": ("E309", bare_with(missing_commands=("iptables",))),
    "foreign program": (
        "E310",
        bare_with(
            engine=states.bare().engine.model_copy(
                update={
                    "binaries": {"runc": EngineBinary(path="/usr/bin/runc", target="/usr/bin/runc", package="runc-1")}
                }
            )
        ),
    ),
    "user": ("E311", bare_with(users=())),
    "half a probe": ("E313", bare_with(odd={"units": "no answer in 15 s", "docker": "hangs"})),
    "selinux": ("E312", bare_with(security=Security(selinux="enforcing"))),
}


def with_runc_of(nevra: str) -> HostState:
    """A host with an engine by hand, and a runc of a package."""
    binaries = {
        "dockerd": EngineBinary(path="/usr/bin/dockerd", target="/usr/bin/dockerd"),
        "runc": EngineBinary(path="/usr/bin/runc", target="/usr/bin/runc", package=nevra),
    }
    engine = states.bare().engine.model_copy(update={"origin": "static", "binaries": binaries})
    return bare_with(engine=engine, packages={nevra.rsplit("-", 2)[0]: nevra})


def test_programs_do_not_take_the_place_of_a_file_of_a_package_that_stays() -> None:
    runc = with_runc_of("runc-1.1.12-1.el9.x86_64")
    config = states.config(engine={"bundle": "bundle", "take_over": True})
    problem, *others = preflight.check(runc, config, states.desired(config))
    assert (problem.code, others) == ("E310", [])
    assert "/usr/bin/runc" in problem.message and "engine.replace=" in (problem.hint or "")
    assert codes(runc, engine={"bundle": "bundle", "take_over": True, "replace": ["runc"]}) == []
    # Packages that do go: an old engine's.
    moby = with_runc_of("moby-runc-1.1.12-1.el9.x86_64")
    assert codes(moby, engine={"bundle": "bundle", "take_over": True}) == []


@pytest.mark.parametrize("name", [name for name, (_, state) in RED.items() if state is not None])
def test_unfit_host(name: str) -> None:
    code, state = RED[name]
    assert state is not None
    assert codes(state) == [code]


def test_an_older_bundle() -> None:
    """By the highest serial that the host ever had, and only against bundles of the same name."""

    def found(serial: int | None, name: str = "site", **trust: bool) -> list[str]:
        config = states.config(trust=trust)
        bundles = [replace(states.bundle(), name=one, serial=n) for one, n in (("site", 7), (name, serial))]
        state = states.converged(config, bundles[0])
        return [one.code for one in preflight.check(state, config, states.desired(config, bundles[1]))]

    assert found(6) == ["E314"]
    assert found(7) == found(8) == found(None) == found(6, "other") == found(6, allow_older=True) == []


def found_without_smoke_image(state: HostState, **sections: Any) -> list[str]:
    config = states.config(**sections)
    without = replace(states.bundle(), images=())
    return [one.code for one in preflight.check(state, config, states.desired(config, without))]


def test_a_smoke_image_that_nobody_has() -> None:
    """Told before anything is changed: the check would fail at the very end."""
    assert found_without_smoke_image(states.bare()) == ["E315"]
    assert found_without_smoke_image(states.bare(), smoke={"enabled": False}) == []
    assert codes(states.bare(), images={"load": []}) == ["E315"]
    assert codes(states.bare(), smoke={"image": "app:2"}) == ["E315"]
    assert codes(states.bare(), smoke={"image": "docker.io/staithe/smoke:1"}) == []
    assert found_without_smoke_image(states.bare(), smoke={"image": f"app@sha256:{'a' * 64}"}) == []


def test_a_host_that_has_the_smoke_image_needs_it_from_no_bundle() -> None:
    there = states.converged(states.config())
    due = there.model_copy(update={"files": {}})
    assert found_without_smoke_image(due) == []
    assert found_without_smoke_image(due.model_copy(update={"images": ()})) == ["E315"]
    asleep = due.model_copy(update={"images": None, "docker": None})
    assert found_without_smoke_image(asleep) == [], "nobody knows"
    tags = (Image(id="sha256:1", tags=("busybox:latest",)),)
    assert found_without_smoke_image(due.model_copy(update={"images": tags}), smoke={"image": "busybox"}) == []
    moved = {"daemon": {"data-root": "/srv/docker"}}
    assert "E315" in found_without_smoke_image(there, **moved), "the store that the engine will use is another"


def test_nothing_to_do_needs_no_smoke_image() -> None:
    config = states.config()
    without = replace(states.bundle(), images=())
    state = states.converged(config, without)
    assert preflight.check(state, config, states.desired(config, without)) == ()


def test_every_check_is_explained_and_shown_red() -> None:
    here = {check.code for check in preflight.checks() if check.find.__module__ != "staithe.preflight.packages"}
    assert here == {code for code, _ in RED.values()} | {"E314", "E315"}
    assert all(len(check.doc) > 40 for check in preflight.checks())


def test_all_problems_at_once() -> None:
    assert codes(bare_with(users=(), missing_commands=("iptables", "tar"))) == ["E309", "E309", "E311"]


def test_architecture_without_an_engine_in_the_bundle() -> None:
    from staithe.desired import desired_for
    from staithe.errors import BundleError

    with pytest.raises(BundleError, match="riscv64"):
        desired_for(states.config(), kernel_with(arch="riscv64"), states.bundle())
    config = states.config()
    found = preflight.check(kernel_with(arch="riscv64"), config, states.desired(config))
    assert [problem.code for problem in found] == ["E302"]
