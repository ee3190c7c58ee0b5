"""The packages that a host is to have, and where they come from."""

from __future__ import annotations

from typing import Any

import pytest

from staithe.bundle.contents import Package, PackageSet
from staithe.engine import packaged_engine
from staithe.probe.state import HostState, OsRelease
from tests.unit import states

NEVRA = "docker-ce-3:28.5.2-1.el9.x86_64"


def host(major: int = 9, os_id: str = "centos", **packages: str) -> HostState:
    named = {name.replace("_", "-"): nevra for name, nevra in packages.items()}
    os = OsRelease(id=os_id, version_id=str(major), major=major)
    return states.bare().model_copy(update={"os": os, "packages": named})


def repository(version: str | None = "28.5.2", **more: Any) -> Any:
    return states.config(engine={"source": "repository", "version": version, "repository": more})


def test_engine_and_client_go_together_and_the_rest_as_the_repository_has_it() -> None:
    engine = packaged_engine(repository(), host(), None)
    assert engine.specs(host()) == (
        "docker-ce-28.5.2",
        "docker-ce-cli-28.5.2",
        "containerd.io",
        "docker-buildx-plugin",
        "docker-compose-plugin",
    )
    pinned = packaged_engine(repository(pins={"containerd.io": "1.7.27"}, plugins=[]), host(), None)
    assert pinned.specs(host()) == ("docker-ce-28.5.2", "docker-ce-cli-28.5.2", "containerd.io-1.7.27")


@pytest.mark.parametrize(
    ("version", "major", "wanted"),
    [("20.10.24", 9, True), ("23.0.6", 9, False), ("23.0.6", 7, True), (None, 7, False)],
)
def test_rootless_extras_only_where_the_engine_requires_them(version: str | None, major: int, wanted: bool) -> None:
    engine = packaged_engine(repository(version), host(major), None)
    assert ("docker-ce-rootless-extras" in engine.wanted) is wanted


@pytest.mark.parametrize(
    ("major", "os_id", "trees"),
    [(9, "centos", ["centos", "rhel"]), (8, "rocky", ["rhel", "centos"]), (9, "rhel", ["rhel", "centos"])],
)
def test_trees_that_are_tried_with_the_release_spelled_out(major: int, os_id: str, trees: list[str]) -> None:
    engine = packaged_engine(repository(mirror="tuna", channel="test"), host(major, os_id), None)
    root = "https://mirrors.tuna.tsinghua.edu.cn/docker-ce/linux"
    assert list(engine.urls) == [f"{root}/{tree}/{major}/x86_64/test" for tree in trees]


def test_an_own_address_is_the_only_one() -> None:
    own = {"url": "https://rpms.example.com/el$releasever/$basearch/", "key": "./key"}
    assert packaged_engine(repository(**own), host(8), None).urls == ("https://rpms.example.com/el8/x86_64",)


def test_without_a_version_what_is_installed_stays() -> None:
    engine = packaged_engine(repository(None), host(docker_ce=NEVRA), None)
    assert engine.is_installed("docker-ce", host(docker_ce=NEVRA))
    assert not engine.is_installed("docker-ce", host())


def test_out_of_a_bundle_only_this_very_build() -> None:
    packages = tuple(
        Package(nevra, "x.rpm", "A" * 40, states.blob("a")) for nevra in (NEVRA, "glibc-2.34-1.el9.x86_64")
    )
    set_ = PackageSet("el9-x86_64", "28.5.2", packages, {}, {})
    engine = packaged_engine(repository(), host(), set_)
    assert engine.specs(host()) == (NEVRA,)
    assert engine.is_installed("docker-ce", host(docker_ce=NEVRA))
    assert not engine.is_installed("docker-ce", host(docker_ce=NEVRA.replace("-1.el9", "-2.el9")))


def test_what_is_there_without_a_pin_is_not_brought_to_the_newest() -> None:
    there = host().model_copy(update={"packages": {"containerd.io": "containerd.io-1.7.24-3.1.el9.x86_64"}})
    assert packaged_engine(repository(plugins=[]), there, None).specs(there) == (
        "docker-ce-28.5.2",
        "docker-ce-cli-28.5.2",
    )
