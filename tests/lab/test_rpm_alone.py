"""Packages out of a bundle on hosts without dnf and yum, and by force: what rpm alone makes of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from staithe.lab import rpms
from staithe.lab.rpm_specs import HEAD
from staithe.rpm_script import rpm_install_script
from tests.lab.conftest import Host, Site
from tests.lab.engine_checks import assert_has, assert_has_none, assert_treasure, hide_treasure
from tests.lab.host_snapshot import snapshot
from tests.lab.supply import Supply

OLD, NEW = "26.1.5", "28.5.2"
_NEEDED = ("container-selinux", "selinux-policy", "selinux-policy-targeted")
_STRANGER = f"""{HEAD}Name: runc
Version: 1.1.12
Release: 1
Summary: Runs containers, as the distribution packs it
%description
In the way of the engine.
%files
"""


@pytest.fixture
def without_dnf(site: Site, hosts: dict[str, Host]) -> Host:
    """h3 as it came, but that nothing on it finds packages by itself."""
    site.staithe("lab", "reset", "h3", "--image", "el9")
    hosts["h3"].sh("rm -f /usr/bin/dnf /usr/bin/dnf-3 /usr/bin/yum")
    return hosts["h3"]


def apply(site: Site, host: Host, outcome: str = "changed") -> str:
    done = site.run("apply", limit=host.name).host(host.name)
    assert done["error"] is None and done["outcome"] == outcome, done
    return json.dumps(done["warnings"])


def test_life_of_an_engine_without_dnf(site: Site, supply: Supply, without_dnf: Host) -> None:
    host = without_dnf
    as_it_came, had = snapshot(host), _names(host)
    supply.configure(site, "rpm-bundle", OLD)
    assert "W109" in apply(site, host)
    assert_has(host, "rpm-bundle", OLD)
    # What the engine needs came too, and nothing else: the bundle has far more.
    new = _names(host) - had
    assert {name for name in new if not name.startswith(("docker-", "containerd.io", "gpg-pubkey"))} == set(_NEEDED)
    hide_treasure(host)
    apply(site, host, "unchanged")

    supply.configure(site, "rpm-bundle", NEW)
    apply(site, host)
    assert_has(host, "rpm-bundle", NEW)
    assert_treasure(host)
    back = site.run("rollback", "--yes", limit=host.name).host(host.name)
    assert back["error"] is None, back
    assert_has(host, "rpm-bundle", OLD)
    assert_treasure(host)

    assert site.run("remove", "--yes", limit=host.name).host(host.name)["error"] is None
    assert_has_none(host)
    assert as_it_came.difference(snapshot(host), ignoring=["volumes"]) == ""


def test_what_is_in_the_way_goes_with_consent_only(
    site: Site, supply: Supply, without_dnf: Host, tmp_path: Path
) -> None:
    host = without_dnf
    _send(host, _stranger(tmp_path), "/run/runc.rpm")
    host.sh("rpm -U --nosignature /run/runc.rpm; rm /run/runc.rpm")
    before = snapshot(host)
    supply.configure(site, "rpm-bundle", NEW)
    error = site.run("apply", limit=host.name, code=1).host(host.name)["error"]
    assert error["code"] == "E222" and "runc" in error["message"], error
    assert before.difference(snapshot(host)) == ""
    assert host.sh("ls -A /var/lib/staithe | grep -E 'repository|journal' || :") == ""

    supply.configure(site, "rpm-bundle", NEW, engine={"replace": ["runc"]})
    apply(site, host)
    assert_has(host, "rpm-bundle", NEW)
    assert host.sh("rpm -q runc || :") == "package runc is not installed"


@pytest.mark.parametrize(("signer", "is_taken"), [(None, False), ("other", False), ("lab", True)])
def test_only_what_a_key_of_the_bundle_signed_goes_in(
    supply: Supply, without_dnf: Host, tmp_path: Path, signer: str | None, is_taken: bool
) -> None:
    """A bundle with other packages is refused long before; rpm itself takes those that nobody signed."""
    host = without_dnf
    package = _stranger(tmp_path)
    if signer:
        rpms.sign(supply.made.gnupg, signer, [package])
    _send(host, package, "/run/blob")
    _send(host, supply.made.key(), "/run/KEY")
    folder = "/var/lib/staithe/repository/packages"
    script = rpm_install_script([("/run/blob", package.name)], ["KEY"], [], [], force=False)
    # A link leads to no other file system.
    host.sh(f"mkdir -p {folder} /var/lib/staithe/journal; cd {folder}; cp /run/KEY .; cp /run/blob ..")
    said = host.sh(f"set -eu\n{script.replace('/run/blob', '/var/lib/staithe/repository/blob')}", check=False)
    assert (host.sh("rpm -q runc || :") == "package runc is not installed") is not is_taken, said


def test_force_installs_the_engine_alone_and_says_so_each_time(
    site: Site, supply: Supply, hosts: dict[str, Host]
) -> None:
    host = hosts["h3"]
    site.staithe("lab", "reset", "h3", "--image", "el9")
    supply.configure(site, "rpm-bundle", NEW, engine={"force": True})
    assert "W110" in apply(site, host)
    assert host.sh("rpm -q container-selinux || :") == "package container-selinux is not installed"
    assert host.sh("docker version -f '{{.Server.Version}}'").startswith(NEW)
    assert "W110" in apply(site, host, "unchanged")
    shown = site.staithe("apply", site.inventory, "--limit", "h3", "--yes").out
    assert "whatever they need" in shown, shown


def _names(host: Host) -> set[str]:
    return set(host.sh("rpm -qa --qf '%{NAME}\\n'").split())


def _stranger(folder: Path) -> Path:
    rpms.rpmbuild(_STRANGER, folder / "made", folder / "work", major=9)
    (package,) = (folder / "made").glob("*.rpm")
    return package


def _send(host: Host, file: Path, target: str) -> None:
    command = ["ssh", "-F", host.ssh_config, host.name, f"sudo tee {target} > /dev/null"]
    subprocess.run(command, input=file.read_bytes(), check=True)
