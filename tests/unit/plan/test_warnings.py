"""Each warning with a host that draws it, and with the twin that draws none."""

from __future__ import annotations

from typing import Any

import pytest

from staithe import plan
from staithe.config import Config
from staithe.plan.warnings import kinds, warnings
from staithe.probe.state import DockerInfo, HostState, PackageRepository, Packaging
from tests.unit import states

RPMS = {
    "docker-ce": "docker-ce-3:27.5.1-1.el9.x86_64",
    "containerd.io": "containerd.io-1.7.27-3.1.el9.x86_64",
    "container-selinux": "container-selinux-4:2.232.1-1.el9.noarch",
}


def codes(state: HostState, to: str, **sections: Any) -> list[str]:
    """Return what is said of bringing `state` to a version."""
    config = states.config(**sections)
    return [one.code for one in said(state, to, config)]


def said(state: HostState, to: str, config: Config) -> Any:
    desired = states.desired(config, states.bundle(states.engine(to, "7")))
    return warnings(state, config, desired, plan.changes(state, config, desired))


def runs(version: str, origin: str = "staithe", **docker: Any) -> HostState:
    """A host with a running engine."""
    state = states.converged(states.config(), states.bundle(states.engine(version)))
    info = DockerInfo(server_version=version, storage_driver="overlay2").model_copy(update=docker)
    engine = state.engine.model_copy(update={"origin": origin})
    packages = RPMS if origin == "rpm" else {}
    return state.model_copy(update={"docker": info, "engine": engine, "packages": packages})


def on(state: HostState, **parts: Any) -> HostState:
    return state.model_copy(update=parts)


def test_nothing_is_said_where_nothing_changes() -> None:
    config = states.config(daemon={"data-root": "/srv/docker"})
    state, desired = states.bare(), states.desired(config, states.bundle(states.engine("29.1.0")))
    assert warnings(state, config, desired, plan.changes(state, config, desired))
    assert warnings(state, config, desired, ()) == ()


def test_a_change_of_something_else_says_nothing_of_versions() -> None:
    assert codes(on(runs("29.1.0"), files={}), "29.1.0") == []


def test_patch_versions_and_fresh_hosts_say_nothing() -> None:
    assert codes(runs("28.5.1"), "28.5.2") == []
    assert codes(runs("28.5.2"), "28.5.1") == []
    assert codes(on(runs("28.5.2+dfsg1", "rpm"), packages={}, files={}), "28.5.2") == []
    assert codes(states.bare(), "28.5.2") == []
    assert codes(states.bare(), "29.3.0") == []


LIVE = {"live_restore": True, "containers_running": 2}


def test_live_restore_does_not_hold_over_minor_versions() -> None:
    live = {"daemon": {"live-restore": True}}
    assert "W101" in codes(runs("28.4.0", **LIVE), "28.5.2", **live)
    assert "W101" not in codes(runs("28.5.1", **LIVE), "28.5.2", **live)
    assert "W101" not in codes(runs("28.4.0", **LIVE), "28.5.2"), "the plan itself says that they are restarted"
    assert "W101" not in codes(runs("28.4.0", live_restore=True), "28.5.2", **live)


def test_a_downgrade() -> None:
    assert codes(runs("28.5.2"), "26.1.5") == ["W102"]
    assert codes(runs("28.5.2"), "28.4.0") == ["W102"]


def test_a_downgrade_from_the_containerd_store() -> None:
    store = runs("29.1.0", containerd_store=True, storage_driver="overlayfs")
    features = {"daemon": {"features": {"containerd-snapshotter": True}}}
    assert codes(store, "28.5.2") == ["W102", "W103"]
    assert codes(store, "28.5.2", **features) == ["W102"]
    assert codes(store, "23.0.6", **features) == ["W102", "W103"]
    assert codes(runs("29.1.0"), "28.5.2") == ["W102"]


@pytest.mark.parametrize(
    ("driver", "last", "first"), [("aufs", "23.0.6", "24.0.0"), ("devicemapper", "24.0.9", "25.0.0")]
)
def test_a_storage_driver_that_is_gone(driver: str, last: str, first: str) -> None:
    assert "W104" in codes(runs("20.10.24", storage_driver=driver), first)
    assert "W104" not in codes(runs("20.10.24", storage_driver=driver), last)


def test_another_storage_driver() -> None:
    assert codes(runs("28.5.2"), "28.5.2", daemon={"storage-driver": "btrfs"}) == ["W105"]
    assert codes(on(runs("28.5.2"), files={}), "28.5.2", daemon={"storage-driver": "overlay2"}) == []


def test_packages_that_were_not_kept() -> None:
    found = said(runs("27.5.1", "rpm"), "28.5.2", states.config())
    text = next(one.text for one in found if one.code == "W106")
    assert RPMS["docker-ce"] in text
    assert "container-selinux" not in text, "it stays"
    assert "W106" not in codes(runs("27.5.1"), "28.5.2")


def test_packages_that_were_kept() -> None:
    files = ("docker-ce-27.5.1-1.el9.x86_64.rpm", "containerd.io-1.7.27-3.1.el9.x86_64.rpm")
    state = on(runs("27.5.1", "rpm"), kept_packages=files)
    assert "W106" not in codes(state, "28.5.2")
    assert "W106" in codes(on(state, kept_packages=files[:1]), "28.5.2")


def test_programs_that_come_first_in_the_search_path() -> None:
    state = runs("27.5.1")
    docker = state.engine.binaries["docker"]
    copied = {**state.engine.binaries, "docker": docker.model_copy(update={"path": "/usr/local/bin/docker"})}
    found = on(state, engine=state.engine.model_copy(update={"binaries": copied}))
    assert "W111" in codes(found, "28.5.2") and "W111" not in codes(state, "28.5.2")


def test_force_is_told_where_nothing_changes_too() -> None:
    state = runs("28.5.2")
    config = states.config(engine={"source": "rpm-bundle", "force": True})
    codes = [one.code for one in warnings(state, config, states.desired(states.config()), ())]
    assert codes == ["W110"]


def test_another_repository() -> None:
    other = PackageRepository(file="/etc/yum.repos.d/docker-ce.repo", section="docker-ce-stable", url="https://x")
    state = on(states.bare(), packaging=Packaging(repositories=(other,)))
    assert codes(state, "28.5.2") == [], "staithe holds the packages"
    assert codes(state, "28.5.2", engine={"hold": False}) == ["W107"]


DATA_ROOT = {"data-root": "/srv/docker"}
LIMITS = {"default-ulimits": {"nofile": {"Name": "nofile", "Soft": 65536, "Hard": 65536}}}


def test_containerd_store_beside_data_root() -> None:
    assert codes(states.bare(), "29.1.0", daemon=DATA_ROOT) == ["W121"]
    assert codes(states.bare(), "28.5.2", daemon=DATA_ROOT) == []
    assert codes(states.bare(), "29.1.0", daemon={**DATA_ROOT, "features": {"containerd-snapshotter": False}}) == []
    assert codes(states.bare(), "29.1.0", daemon={**DATA_ROOT, "userns-remap": "default"}) == []
    assert "W121" not in codes(runs("28.5.2"), "29.1.0", daemon=DATA_ROOT), "an upgraded engine keeps its store"


def test_the_way_to_29() -> None:
    assert codes(runs("28.5.2"), "29.2.0") == ["W123"]
    assert codes(runs("28.5.2"), "29.3.0") == ["W124"]
    assert codes(runs("29.2.0"), "29.3.0") == []
    assert codes(runs("28.5.2"), "29.2.0", daemon={"min-api-version": "1.24"}) == []
    old = states.bare().cgroup.model_copy(update={"version": 1, "controllers": ("cpu", "cpuset", "devices")})
    assert codes(on(runs("28.5.2"), cgroup=old), "29.3.0") == ["W124", "W125"]


def test_open_files() -> None:
    assert "W122" in codes(runs("28.5.2", "rpm"), "29.3.0")
    assert "W122" not in codes(runs("28.5.2", "rpm"), "29.3.0", daemon=LIMITS)
    assert "W122" not in codes(runs("28.5.2"), "29.3.0"), "staithe's unit has never set the limit"


def test_xt_modules_of_el10() -> None:
    host = states.bare()
    ten = on(host, os=host.os.model_copy(update={"major": 10}))
    assert codes(ten, "28.5.2") == ["W126"]
    assert codes(ten, "29.3.0", daemon={"firewall-backend": "nftables"}) == []
    modules = {**host.kernel.modules, "xt_addrtype": host.kernel.modules["overlay"]}
    assert codes(on(ten, kernel=host.kernel.model_copy(update={"modules": modules})), "28.5.2") == []


def test_older_traps() -> None:
    assert codes(runs("20.10.24"), "28.5.2") == ["W127", "W128"]
    assert codes(runs("26.1.5"), "28.5.2") == ["W127"]
    assert codes(runs("26.1.5"), "28.5.2", daemon={"allow-direct-routing": True}) == []
    assert codes(runs("20.10.24"), "26.1.5") == ["W128"]


def test_an_engine_of_unknown_version_says_nothing_of_versions() -> None:
    state = on(runs("28.5.2", "static"), docker=None)
    state = on(state, engine=state.engine.model_copy(update={"version": None}))
    assert codes(state, "29.3.0") == []


def test_every_warning_has_a_source_and_an_explanation() -> None:
    assert all(len(text) > 80 for text in kinds().values())
    for one in said(runs("20.10.24", "rpm", **LIVE, storage_driver="aufs"), "29.2.0", states.config()):
        assert one.source
        assert one.code in kinds()


def test_engine_of_the_state_is_what_runs() -> None:
    """What the programs on the disk say counts only when no engine answers."""
    state = runs("26.1.5")
    state = on(state, engine=replace_version(state, "28.5.2"))
    assert codes(state, "28.5.2") == ["W127"]
    assert codes(on(state, docker=None), "28.5.2") == []


def replace_version(state: HostState, version: str) -> Any:
    return state.engine.model_copy(update={"version": version})
