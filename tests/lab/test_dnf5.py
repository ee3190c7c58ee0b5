"""The life of an engine where dnf is dnf 5, the real one: it says, asks and stores in other ways."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from staithe.engine import PACKAGES
from staithe.lab import dnf5
from staithe.rpm.transaction import read_transaction
from tests.lab.conftest import Host, Site
from tests.lab.engine_checks import assert_has, assert_has_none, assert_treasure, brought, hide_treasure
from tests.lab.faulty_engines import EXITS, FOREIGN, UNSIGNED
from tests.lab.faulty_supply import configure_faulty
from tests.lab.host_snapshot import snapshot
from tests.lab.origins import settle
from tests.lab.supply import Supply
from tests.lab.test_package_failures import Blow, has_struck, strike

OLD, NEW = "26.1.5", "28.5.2"


@pytest.fixture
def with_dnf5(site: Site, supply: Supply, hosts: dict[str, Host]) -> Iterator[Host]:
    """h3 as it came, with dnf 5 for dnf and yum, and the repository that EL brings."""
    site.staithe("lab", "reset", "h3", "--image", "el9")
    host = hosts["h3"]
    host.sh("rm -rf /usr/bin/dnf /usr/bin/dnf-3 /usr/bin/yum /etc/dnf/plugins")
    command = ["ssh", "-F", host.ssh_config, host.name, "sudo tar --no-overwrite-dir -C / -xf -"]
    with dnf5.ensure(print).open("rb") as tar:
        subprocess.run(command, stdin=tar, check=True)
    supply.give_el(host)
    assert host.sh("dnf --version").startswith(f"dnf5 version {dnf5.VERSION}")
    yield host
    site.staithe("lab", "reset", "h3", "--image", "el9")


def apply(site: Site, host: Host, outcome: str = "changed") -> None:
    done = site.run("apply", limit=host.name).host(host.name)
    assert done["error"] is None and done["outcome"] == outcome, done


def read_names(said: str) -> set[str]:
    return {deal.name for deal in read_transaction(said)}


def test_what_it_says_by_itself(with_dnf5: Host) -> None:
    said = with_dnf5.sh("export LC_ALL=C; dnf repolist; dnf install --assumeno container-selinux 2>/dev/null || :")
    assert "what EL brings" in said
    assert "container-selinux" in read_names(said), said


def test_no_answer_is_a_no(with_dnf5: Host) -> None:
    """Also where the host's own configuration says yes: a line that is cut must install nothing."""
    with_dnf5.sh("printf 'assumeyes=1\\ndefaultyes=1\\n' >> /etc/dnf/dnf.conf")
    asks = "--setopt=assumeyes=False --setopt=assumeno=False --setopt=defaultyes=False"
    said = with_dnf5.sh(f"LC_ALL=C dnf {asks} install container-selinux < /dev/null 2>&1 || :")
    assert "[y/N]: Operation aborted" in said
    assert with_dnf5.sh("rpm -q container-selinux || :") == "package container-selinux is not installed"


def test_life_of_an_engine_out_of_a_repository(site: Site, supply: Supply, with_dnf5: Host) -> None:
    host = with_dnf5
    as_it_came = snapshot(host)
    supply.configure(site, "repository", OLD)
    apply(site, host)
    assert_has(host, "repository", OLD)
    hide_treasure(host)
    apply(site, host, "unchanged")
    upgrade = "LC_ALL=C dnf --assumeno {} upgrade 2>/dev/null || :"
    assert "docker-ce" in read_names(host.sh(upgrade.format("--setopt=disable_excludes='*'")))
    assert not read_names(host.sh(upgrade.format(""))) & set(PACKAGES), "the engine is not held"

    supply.configure(site, "repository", NEW)
    apply(site, host)
    assert_has(host, "repository", NEW)
    assert_treasure(host)
    back = site.run("rollback", "--yes", limit=host.name).host(host.name)
    assert back["error"] is None, back
    assert_has(host, "repository", OLD)
    assert_treasure(host)

    assert site.run("remove", "--yes", limit=host.name).host(host.name)["error"] is None
    assert_has_none(host)
    assert as_it_came.difference(snapshot(host), ignoring=["volumes"]) == ""


def test_killed_in_the_middle_of_the_files(site: Site, supply: Supply, with_dnf5: Host) -> None:
    host = with_dnf5
    brought(site, supply, host, "repository", OLD)
    before = snapshot(host)
    supply.configure(site, "repository", NEW)
    striker = strike(host, Blow("", NEW, "ls /usr/bin/ | grep -q 'docker.*;'", "pkill -KILL -x dnf5"))
    error = site.run("apply", limit=host.name, code=1).host(host.name)["error"]
    assert has_struck(striker) and error["code"] in ("E207", "E218"), error
    assert_has(host, "repository", OLD)
    assert_treasure(host)
    assert before.difference(snapshot(host), ignoring=["containers"]) == ""


def test_fresh_out_of_a_bundle(site: Site, supply: Supply, with_dnf5: Host) -> None:
    supply.configure(site, "rpm-bundle", NEW)
    apply(site, with_dnf5)
    assert_has(with_dnf5, "rpm-bundle", NEW)
    apply(site, with_dnf5, "unchanged")


def test_key_of_metadata_is_asked_for_first(site: Site, supply: Supply, with_dnf5: Host) -> None:
    """On stderr, where the table is not."""
    supply.give_signed_metadata(with_dnf5)
    supply.configure(site, "repository", NEW)
    apply(site, with_dnf5)
    assert_has(with_dnf5, "repository", NEW)


def test_packages_in_the_way_go_with_consent_only(site: Site, supply: Supply, with_dnf5: Host) -> None:
    host = with_dnf5
    settle(host, "distribution", supply)
    hide_treasure(host)
    before = snapshot(host)
    supply.configure(site, "repository", NEW, engine={"take_over": True})
    error = site.run("apply", limit=host.name, code=1).host(host.name)["error"]
    assert error["code"] == "E222" and "containerd" in error["message"], error
    assert before.difference(snapshot(host)) == "", "a refusal left something"
    supply.configure(site, "repository", NEW, engine={"take_over": True, "replace": ["runc", "containerd"]})
    apply(site, host)
    assert_has(host, "repository", NEW)
    assert_treasure(host)


def test_taken_over_packages_come_back_from_their_repository(site: Site, supply: Supply, with_dnf5: Host) -> None:
    host = with_dnf5
    settle(host, "script", supply)
    hide_treasure(host)
    before = snapshot(host)
    configure_faulty(site, supply, "repository", EXITS, engine={"take_over": True}, service={"health_timeout_s": 8})
    error = site.run("apply", limit=host.name, code=1).host(host.name)["error"]
    assert error["code"] == "E211", error
    assert before.difference(snapshot(host), ignoring=["containers"]) == ""
    assert_treasure(host)


def test_package_by_another_key_is_refused(site: Site, supply: Supply, with_dnf5: Host) -> None:
    host = with_dnf5
    before = snapshot(host)
    for version in (FOREIGN, UNSIGNED):
        configure_faulty(site, supply, "repository", version)
        error = site.run("apply", limit=host.name, code=1).host(host.name)["error"]
        assert error["code"] == "E223", error
        assert before.difference(snapshot(host)) == ""
