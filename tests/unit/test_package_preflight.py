"""The checks of packages: each with a host that makes it red, and with that host once nothing is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from staithe import plan, preflight
from staithe.bundle import package_digests
from staithe.bundle.contents import Package, PackageSet
from staithe.config import Config
from staithe.desired import desired_for
from staithe.plan.warnings import verifies_by_sha256, warnings
from staithe.preflight import packages
from staithe.probe.state import Exclude, HostState, LockHolder, Packaging, VersionLock
from tests.unit import states

SET = PackageSet(
    "el9-x86_64",
    "28.5.2",
    tuple(
        Package(f"{name}-28.5.2-1.el9.x86_64", f"{name}.rpm", "0" * 40, states.blob(letter))
        for name, letter in (("docker-ce", "1"), ("docker-ce-cli", "2"), ("containerd.io", "3"), ("libfoo", "4"))
    ),
    {},
    {},
)
NOW = 1_800_000_000
DAY = 86_400
DNF_CONF = "/etc/dnf/dnf.conf"
LIST = "/etc/dnf/plugins/versionlock.list"


def packaged(source: str = "repository") -> Config:
    return states.config(engine={"source": source, "version": "28.5.2", "bundle": "bundle"})


def host(**parts: Any) -> HostState:
    packaging = Packaging(manager="dnf").model_copy(update=parts)
    return states.bare().model_copy(update={"packaging": packaging, "asked_at": NOW, "clock": NOW})


def found(state: HostState, config: Config | None = None) -> list[str]:
    config = config or packaged()
    return [one.code for one in preflight.check(state, config, states.desired(config))]


INSTALLED = {
    name: f"{name}-{epoch}28.5.2-1.el9.x86_64"
    for name, epoch in {
        "docker-ce": "3:",
        "docker-ce-cli": "1:",
        "containerd.io": "",
        "docker-buildx-plugin": "",
        "docker-compose-plugin": "",
        "docker-ce-rootless-extras": "",
    }.items()
}


def exclude(pattern: str, section: str = "main") -> HostState:
    return host(excludes=(Exclude(file=DNF_CONF, section=section, pattern=pattern),))


def lock(version: str, comparator: str = "=", package: str = "docker-ce") -> HostState:
    values = {"file": LIST, "package": package, "entry": "x", "version": version, "comparator": comparator}
    return host(version_locks=(VersionLock.model_validate(values),))


def holder(path: str = "/var/lib/rpm/.rpm.lock") -> LockHolder:
    return LockHolder(pid=7, name="dnf", path=path)


RED = {
    "exclude": ("E316", exclude("docker*")),
    "exclude of all versions": ("E316", exclude("docker-ce-*")),
    "exclude of this version": ("E316", exclude("docker-ce-28*")),
    "exclude of containerd": ("E316", exclude("containerd.io")),
    "exclude where container-selinux comes from": ("E316", exclude("container-*", "appstream")),
    "lock on another version": ("E317", lock("27.5.1")),
    "lock on an older series": ("E317", lock("27.*")),
    "lock that shuts this version out": ("E317", lock("28.*", "!=")),
    "lock below": ("E317", lock("28", "<")),
    "rpm at work": ("E318", host(holders=(holder(),))),
    "one process with two locks": ("E318", host(holders=(holder(), holder("/var/lib/dnf/rpmdb_lock.pid")))),
    "a package twice": ("E319", host().model_copy(update={"duplicates": {"docker-ce": ("a", "b")}})),
    "a broken database": ("E319", host().model_copy(update={"odd": {"packages": "error: rpmdb"}})),
    "read-only": ("E320", host(usr_options=("ro",))),
    "noexec": ("E320", host(usr_options=("noexec",))),
    "a clock behind": ("E321", host().model_copy(update={"clock": NOW - DAY - 60})),
    "no package manager": ("E322", host(manager="none")),
}


@pytest.mark.parametrize("name", RED)
def test_unfit_host(name: str) -> None:
    code, state = RED[name]
    assert found(state) == [code]


GREEN = {
    "nothing": host(),
    "exclude of another version": exclude("docker-ce-29*"),
    "exclude of a version nobody asked for": exclude("containerd.io-1.6*"),
    "exclude of another repository": exclude("docker-ce*", "docker-ce-stable"),
    "exclude of what is there": exclude("container-selinux").model_copy(
        update={"packages": {"container-selinux": "container-selinux-4:2.232.1-1.el9.noarch"}}
    ),
    "lock on this version": lock("28.5.2"),
    "lock on this series": lock("28.*"),
    "lock that shuts another out": lock("29.*", "!="),
    "lock above": lock("28", ">="),
    "lock of a package whose version is open": lock("1.6.1", package="containerd.io"),
    "a clock some hours behind": host().model_copy(update={"clock": NOW - DAY + 60}),
    "a clock ahead": host().model_copy(update={"clock": NOW + 40 * DAY}),
    "staithe's own run was cut off": host().model_copy(
        update={"duplicates": {"docker-ce": ("a", "b")}, "unfinished": "r"}
    ),
    "not asked": host().model_copy(update={"packaging": None}),
}


@pytest.mark.parametrize("name", GREEN)
def test_fit_host(name: str) -> None:
    assert found(GREEN[name]) == []


@pytest.mark.parametrize("name", [name for name, (code, _) in RED.items() if code not in ("E319", "E322")])
def test_nothing_is_in_the_way_of_nothing(name: str) -> None:
    """A host that has its packages is not refused for what would stop others."""
    assert found(RED[name][1].model_copy(update={"packages": INSTALLED})) == []


@pytest.mark.parametrize("name", [name for name, (code, state) in RED.items() if not state.odd])
def test_a_static_engine_does_not_ask_the_package_manager(name: str) -> None:
    assert found(RED[name][1], states.config()) == []


def test_a_bundle_of_packages_needs_no_package_manager() -> None:
    """Rpm itself will do."""
    desired = states.desired(packaged())
    assert list(packages.package_manager(host(manager="none"), packaged(), desired))
    assert list(packages.package_manager(host(manager="none"), packaged("rpm-bundle"), desired)) == []


def test_one_exclude_names_all_that_it_hits() -> None:
    config = packaged()
    (problem,) = preflight.check(exclude("docker-ce*"), config, states.desired(config))
    assert "docker-ce, docker-ce-cli out" in problem.message
    assert problem.found == "exclude=docker-ce* in [main]"
    assert DNF_CONF in str(problem.hint)


def guarded(mode: str, *, trusts: bool) -> HostState:
    security = states.bare().security.model_copy(update={"fapolicyd": mode, "fapolicyd_trusts": trusts})
    return states.bare().model_copy(update={"security": security})


def test_fapolicyd_has_to_trust_static_engines_only() -> None:
    static = states.config()
    assert found(guarded("enforcing", trusts=False), static) == ["E323"]
    assert found(guarded("enforcing", trusts=True), static) == []
    assert found(guarded("permissive", trusts=False), static) == []
    assert found(guarded("enforcing", trusts=False)) == []
    runs = states.converged(static).model_copy(update={"security": guarded("enforcing", trusts=False).security})
    assert found(runs, static) == [], "it runs already"


def test_every_check_of_packages_is_shown_red() -> None:
    here = {check.code for check in preflight.checks() if check.find.__module__ == "staithe.preflight.packages"}
    assert here == {code for code, _ in RED.values()} | {"E323", "E324"}


@pytest.fixture
def digests(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bool]]:
    """What is known of the packages, as if their blobs had been read."""
    known = {one.blob.digest: True for one in SET.packages}
    monkeypatch.setattr(package_digests, "_KNOWN", known)
    yield known


def fips_findings(state: HostState, source: str = "rpm-bundle") -> tuple[list[str], list[str]]:
    """Return the codes of what refuses the host, and of what is warned of."""
    config = packaged(source)
    desired = desired_for(config, state, replace(states.bundle(), package_sets=(SET,)))
    refused = [one.code for one in preflight.check(state, config, desired)]
    return refused, [
        one.code
        for one in warnings(state, config, desired, plan.changes(state, config, desired))
        if "FIPS" in one.text
    ]


def test_fips_takes_packages_with_sha256_alone(digests: dict[str, bool]) -> None:
    engine, other = SET.packages[0].blob.digest, SET.packages[3].blob.digest
    assert fips_findings(host(fips=True)) == ([], [])
    digests[other] = False
    # Whether the host needs it is known only when dnf has looked.
    assert fips_findings(host(fips=True)) == ([], ["W108"])
    digests[engine] = False
    assert fips_findings(host(fips=True)) == (["E324"], ["W108"])
    assert fips_findings(host(fips=False)) == ([], [])
    # EL 7 installs packages without it, in FIPS mode too: none has it.
    old = host(fips=True)
    old = old.model_copy(update={"os": old.os.model_copy(update={"major": 8})})
    assert not verifies_by_sha256(old.model_copy(update={"os": old.os.model_copy(update={"major": 7})}))
    assert verifies_by_sha256(old)


def test_fips_and_nothing_due(digests: dict[str, bool]) -> None:
    digests[SET.packages[0].blob.digest] = False
    installed = {name: f"{name}-28.5.2-1.el9.x86_64" for name in ("docker-ce", "docker-ce-cli", "containerd.io")}
    assert fips_findings(host(fips=True).model_copy(update={"packages": installed})) == ([], [])


def test_what_a_repository_has_nobody_knows(digests: dict[str, bool]) -> None:
    assert fips_findings(host(fips=True), "repository") == ([], ["W108"])
    assert fips_findings(host(fips=False), "repository") == ([], [])
