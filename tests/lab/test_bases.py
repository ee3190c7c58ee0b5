"""Bundles for hosts that have something already: what dnf then installs from them is what the lock says, no more."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from staithe.lab import rpms
from staithe.lab.rpm_specs import Stub, stubs_spec
from tests.lab.conftest import Host, Site
from tests.lab.test_dnf_equality import send
from tests.rpm_site import fingerprint_of

NEVRA = "%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}"
POLICY = "container-selinux"


def installed(host: Host) -> set[str]:
    """Ask rpm, keys left out; an epoch of 0 as the lock writes it."""
    names = host.sh(f"rpm -qa --qf '{NEVRA}\\n'").splitlines()
    return {name.replace("-0:", "-") for name in names if not name.startswith("gpg-pubkey")}


@pytest.fixture(scope="module")
def repositories() -> rpms.Repositories:
    return rpms.ensure(print)


@pytest.fixture
def old_policy(bare: Host, tmp_path: Path) -> Host:
    """h1 with a container-selinux that is too old for Docker's packages."""
    spec = stubs_spec([Stub(POLICY, "2.70-1", epoch=2)])
    rpms.rpmbuild(spec, tmp_path / "old", tmp_path / "build", major=9)
    send(bare, tmp_path / "old", "/var/tmp/old")
    bare.sh("rpm -i --nosignature /var/tmp/old/*.rpm")
    return bare


def describe(site: Site, repositories: rpms.Repositories, targets: str = "") -> None:
    key = repositories.key()
    parts = [f'schema_version = 1\nname = "site"\n[targets]\n{targets}\n[engine]\nversion = "28.5.2"\n']
    parts += [
        f'[[repository]]\nid = "{name}"\nurl = "{repositories.folder(9, name)}"\nkeys = ["{key}"]\n'
        f'fingerprints = ["{fingerprint_of(repositories.gnupg)}"]\n'
        for name in ("docker-ce", "base")
    ]
    (site.folder / "bundle.toml").write_text("".join(parts))


def locked(site: Site) -> dict[str, dict[str, object]]:
    return {one["nevra"]: one for one in tomllib.loads((site.folder / "bundle.lock").read_text())["package"]}


def laid_out(built: Path, target: Path) -> Path:
    """Lay the package set out as a repository, by nothing but the OCI manifests."""

    def blob(digest: str) -> Path:
        return built / "blobs/sha256" / digest.removeprefix("sha256:")

    index = json.loads((built / "index.json").read_text())
    name = "org.opencontainers.image.ref.name"
    (entry,) = [one for one in index["manifests"] if one["annotations"].get(name) == "packages:el9-x86_64"]
    for layer in json.loads(blob(entry["digest"]).read_text())["layers"]:
        path = target / layer["annotations"]["org.opencontainers.image.title"]
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(blob(layer["digest"]), path)
    return target


def install(host: Host, names: str) -> str:
    return host.sh(
        "dnf -y --disablerepo='*' --repofrompath=bundle,file:///var/tmp/bundle --setopt=bundle.gpgcheck=1 "
        f"--setopt=bundle.gpgkey=file://$(ls /var/tmp/bundle/RPM-GPG-KEY-*) --setopt=install_weak_deps=0 "
        f"install {names} 2>&1"
    )


def test_dnf_installs_exactly_what_the_lock_carries_for_the_base(
    site: Site, old_policy: Host, repositories: rpms.Repositories, tmp_path: Path
) -> None:
    before = installed(old_policy)
    done = site.staithe("bundle", "base", site.inventory, "--limit", "h1", "--json").json
    (made,) = done["bases"]
    assert (made["hosts"], made["packages"], made["left_out"]) == (["h1"], len(before), [])
    assert installed(old_policy) == before

    describe(site, repositories, 'bases = ["bases/*.rpms"]')
    site.staithe("bundle", "lock")
    carried = locked(site)
    assert {Path(made["file"]).name.removesuffix(".rpms")} == {one for p in carried.values() for one in p["bases"]}  # type: ignore[attr-defined]
    assert not carried.keys() & before, "what is there already is not carried"
    assert any(nevra.startswith(f"{POLICY}-4:") for nevra in carried), "an upgrade is"
    site.staithe("bundle", "build", ".", "--out", "built")

    send(old_policy, laid_out(site.folder / "built", tmp_path / "laid"), "/var/tmp/bundle")
    print(install(old_policy, "docker-ce docker-ce-cli containerd.io"))
    after = installed(old_policy)
    assert after - before == carried.keys()
    assert before - after == {f"{POLICY}-2:2.70-1.el9.noarch"}
    assert old_policy.sh("docker --version").startswith("Docker version 28.5.2")

    # The control: for a host that has nothing much more is carried, also what this one had.
    describe(site, repositories)
    site.staithe("bundle", "lock")
    assert locked(site).keys() > carried.keys()
    assert {one.split("-")[0] for one in locked(site)} >= {"bash", "glibc", "systemd"}


def test_what_not_all_hosts_have_is_left_out_and_kinds_are_apart(
    site: Site, old_policy: Host, hosts: dict[str, Host]
) -> None:
    site.staithe("lab", "reset", "h2")
    site.staithe("lab", "reset", "h3", "--image", "el8")
    try:
        first = site.staithe("bundle", "base", site.inventory, "--limit", "h1", "--limit", "h2", "--limit", "h3")
        files = {path.name: path.read_text() for path in (site.folder / "bases").iterdir()}
        assert sorted(name[:5] for name in files) == ["el8.5", "el9-x"], first.text
        both = next(text for name, text in files.items() if name.startswith("el9-"))
        assert "# hosts: h1 h2\n" in both
        assert f"# not on all of them: {POLICY}-2:2.70-1.el9.noarch\n" in both
        assert f"P\t{POLICY}\t" not in both
        names = {"\t".join(line.split("\t")[1:]) for line in both.splitlines() if line.startswith("P\t")}
        told = hosts["h2"].sh("rpm -qa --qf '%{NAME}\\t%{EPOCHNUM}\\t%{VERSION}\\t%{RELEASE}\\t%{ARCH}\\n'")
        assert names == set(told.splitlines())
        again = site.staithe(
            "bundle", "base", site.inventory, "--limit", "h3", "--limit", "h2", "--limit", "h1", "--shards", "2"
        )
        assert {path.name: path.read_text() for path in (site.folder / "bases").iterdir()} == files, again.text
        assert again.out.count("same ") == 2
    finally:
        site.staithe("lab", "reset", "h3")


def test_a_host_that_cannot_be_asked_is_told_and_the_others_are_written(
    site: Site, bare: Host, hosts: dict[str, Host]
) -> None:
    hosts["h2"].sh("mv /usr/bin/rpm /usr/bin/rpm.away")
    try:
        done = site.staithe("bundle", "base", site.inventory, "--limit", "h1", "--limit", "h2", "--json", code=1)
        assert [one["hosts"] for one in done.json["bases"]] == [["h1"]]
        assert [(one["host"], one["code"]) for one in done.json["failures"]] == [("h2", "E219")]
        hosts["h2"].sh("printf '#!/bin/sh\\nexit 3\\n' > /usr/bin/rpm; chmod 755 /usr/bin/rpm")
        done = site.staithe("bundle", "base", site.inventory, "--limit", "h1", "--limit", "h2", code=1)
        assert "h2" in done.text and "E206" in done.text and "same " in done.text
    finally:
        hosts["h2"].sh("mv -f /usr/bin/rpm.away /usr/bin/rpm")


def test_one_exec_for_each_host_and_one_dump_for_each_kind(site: Site, bare: Host, hosts: dict[str, Host]) -> None:
    site.staithe("lab", "reset", "h2")
    before = {name: hosts[name].execs() for name in ("h1", "h2")}
    site.staithe("bundle", "base", site.inventory, "--limit", "h1", "--limit", "h2")
    # The counting is itself one.
    spent = sorted(hosts[name].execs() - before[name] - 1 for name in ("h1", "h2"))
    assert spent == [1, 2]


@pytest.mark.parametrize("harm", ["damaged", "other hosts", "none"])
def test_a_base_that_does_not_fit_is_refused(
    site: Site, bare: Host, repositories: rpms.Repositories, harm: str
) -> None:
    site.staithe("bundle", "base", site.inventory, "--limit", "h1")
    (path,) = (site.folder / "bases").iterdir()
    describe(site, repositories, 'bases = ["bases/*.rpms"]')
    if harm == "damaged":
        path.write_text(path.read_text().replace("\nP\tbash\t", "\nP bash "))
        words = "is not what rpm was asked for"
    elif harm == "other hosts":
        path.write_text(path.read_text().replace("# release: 9", "# release: 8.10"))
        words = "el8-x86_64, expected el9-x86_64"
    else:
        path.unlink()
        words = "names no file"
    told = site.staithe("bundle", "lock", code=2)
    assert words in told.err
    assert not (site.folder / "bundle.lock").exists()


def test_nothing_of_a_host_is_in_its_base(site: Site, bare: Host) -> None:
    bare.sh("echo s3cr3t-word > /etc/s3cr3t; chmod 600 /etc/s3cr3t")
    site.staithe("bundle", "base", site.inventory, "--limit", "h1")
    grep = ["grep", "-rl", "-e", "s3cr3t", "-e", bare.ip, str(site.folder / "bases")]
    assert subprocess.run(grep, capture_output=True, check=False).returncode == 1
