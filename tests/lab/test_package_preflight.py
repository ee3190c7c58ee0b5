"""What is in a package manager's way on a real host: each thing is named while it is there, and only then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab.conftest import Done, Host, Site, Staithe

_LIST = "/etc/dnf/plugins/versionlock.list"
# In the background, without the session's output: ssh would wait for it.
_HELD = "setsid {} </dev/null >/dev/null 2>&1 & sleep 0.3"


@dataclass(frozen=True)
class Case:
    """How to bring one thing about, how the host itself shows it, what is to be said, and how to undo it."""

    name: str
    code: str
    harm: str
    proof: str
    shows: str
    words: tuple[str, ...]
    undo: str


CASES = (
    Case(
        "exclude",
        "E316",
        "printf 'exclude=kernel*\\n  docker-ce-c*\\n' >> /etc/dnf/dnf.conf",
        "dnf config-manager --dump | grep -o 'docker-ce-c[*]'",
        "docker-ce-c*",
        ("/etc/dnf/dnf.conf", "docker-ce-cli", "exclude=docker-ce-c*"),
        "sed -i '/^exclude/d; /docker-ce/d' /etc/dnf/dnf.conf",
    ),
    Case(
        "versionlock",
        "E317",
        f"echo 'docker-ce-3:27.5.1-1.el9.*' >> {_LIST}",
        "dnf -q versionlock list",
        "docker-ce-3:27.5.1-1.el9.*",
        (_LIST, "docker-ce-3:27.5.1-1.el9.*"),
        # As the hint says.
        "dnf -q versionlock delete docker-ce",
    ),
    Case(
        "rpm at work",
        "E318",
        # -o: the child does not have the lock too.
        _HELD.format("sh -c 'echo $$ > /run/holder; exec flock -o /var/lib/rpm/.rpm.lock sleep 100'"),
        "flock -n /var/lib/rpm/.rpm.lock true; echo $?",
        "1",
        ("/var/lib/rpm/.rpm.lock", "flock"),
        "kill $(cat /run/holder); sleep 0.3",
    ),
    Case(
        "dnf at work",
        "E318",
        _HELD.format("sh -c 'echo -n $$ > /var/lib/dnf/rpmdb_lock.pid; exec sleep 300'"),
        'readlink /proc/$(cat /var/lib/dnf/rpmdb_lock.pid)/exe | grep -o "[a-z]*$"',
        "sleep",
        ("/var/lib/dnf/rpmdb_lock.pid", "sleep"),
        "kill $(cat /var/lib/dnf/rpmdb_lock.pid); sleep 0.3",
    ),
    Case(
        "read-only /usr",
        "E320",
        "mount --bind /usr /usr && mount -o remount,bind,ro /usr",
        "touch /usr/x 2>&1 | grep -o Read-only",
        "Read-only",
        ("/usr", "read-only"),
        "umount -l /usr",
    ),
    Case(
        # The machine's own clock is the lab hosts' too, and stays as it is: the host's `date` lies.
        "clock behind",
        "E321",
        "printf '#!/bin/sh\\nexec /usr/bin/date -d -3days \"$@\"\\n' > /usr/sbin/date; chmod 755 /usr/sbin/date",
        "test $(/usr/sbin/date +%s) -lt $(/usr/bin/date +%s); echo $?",
        "0",
        ("clock",),
        "rm /usr/sbin/date",
    ),
    Case(
        "no package manager",
        "E322",
        "mkdir /root/away; mv /usr/bin/dnf* /usr/bin/yum* /root/away",
        "dnf --version 2>/dev/null; echo $?",
        "127",
        ("dnf",),
        "mv /root/away/* /usr/bin; rmdir /root/away",
    ),
)


@pytest.fixture
def packaged(site: Site) -> Site:
    """A site whose engine comes from a repository; preflight asks none."""
    site.configure(engine=from_repository(site))
    return site


def from_repository(site: Site) -> dict[str, Any]:
    return {
        "source": "repository",
        "bundle": str(site.folder / "bundle"),
        "version": "28.5.2",
    }


@pytest.fixture(scope="module")
def host(program: str, lab: dict[str, Any], hosts: dict[str, Host], tmp_path_factory: pytest.TempPathFactory) -> Host:
    """h1 as it came from the base; each test leaves it so."""
    Staithe(program, tmp_path_factory.mktemp("reset"))("lab", "reset", "h1")
    return hosts["h1"]


def problems(done: Done) -> list[dict[str, str]]:
    found: list[dict[str, str]] = done.host("h1")["problems"]
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_named_while_it_is_there(packaged: Site, host: Host, case: Case) -> None:
    host.sh(case.harm)
    try:
        assert host.sh(case.proof, check=False).splitlines()[-1] == case.shows
        (problem,) = problems(packaged.run("preflight", limit="h1", code=4))
        assert problem["code"] == case.code
        for word in case.words:
            assert word in f"{problem['message']} {problem['found']}"
        packaged.configure()
        assert problems(packaged.run("preflight", limit="h1")) == [], "a static engine needs no package manager"
    finally:
        host.sh(case.undo)
    packaged.configure(engine=from_repository(packaged))
    assert problems(packaged.run("preflight", limit="h1")) == []


def test_what_does_no_harm(packaged: Site, host: Host) -> None:
    """Staithe's own lines, a lock on the described version, a stale number, and a lock that is shared."""
    host.sh(f"printf '# staithe begin\\ndocker-ce-3:27.5.1-1.el9.*\\n# staithe end\\n' >> {_LIST}")
    host.sh(f"echo 'docker-ce-cli-1:28.5.2-1.el9.*' >> {_LIST}; echo -n 4194300 > /var/lib/dnf/rpmdb_lock.pid")
    host.sh(_HELD.format("flock -s /var/lib/rpm/.rpm.lock sleep 3"))
    try:
        assert host.sh("flock -n /var/lib/rpm/.rpm.lock true; echo $?") == "1"
        assert problems(packaged.run("preflight", limit="h1")) == []
    finally:
        host.sh(f": > {_LIST}; rm /var/lib/dnf/rpmdb_lock.pid; sleep 3")


def test_a_broken_rpm_database(site: Site, host: Host) -> None:
    """Told of static engines as well: who owns a program cannot be known."""
    host.sh("cp -a /var/lib/rpm /root/rpm; head -c 65536 /dev/zero | tr '\\0' x > /var/lib/rpm/rpmdb.sqlite")
    try:
        assert host.sh("rpm -q bash >/dev/null 2>&1; echo $?") != "0"
        (problem,) = problems(site.run("preflight", limit="h1", code=4))
        assert problem["code"] == "E319"
        assert "rebuilddb" in problem["hint"]
    finally:
        host.sh("rm -r /var/lib/rpm; mv /root/rpm /var/lib/rpm")
    assert problems(site.run("preflight", limit="h1")) == []


def test_fapolicyd_has_to_trust_a_static_engine(site: Site, host: Host) -> None:
    """Without the real daemon: its number, its configuration, and its rules where it keeps them."""
    host.sh("mkdir -p /etc/fapolicyd/rules.d; echo 'permissive = 0' > /etc/fapolicyd/fapolicyd.conf")
    host.sh("echo 'deny_audit perm=execute all : all' > /etc/fapolicyd/rules.d/90-deny-execute.rules")
    host.sh("printf '#!/bin/sh\\n' > /usr/sbin/fagenrules; chmod 755 /usr/sbin/fagenrules")
    host.sh(_HELD.format("sh -c 'echo $$ > /run/fapolicyd.pid; exec sleep 300'"))
    try:
        (problem,) = problems(site.run("preflight", limit="h1", code=4))
        assert problem["code"] == "E323"
        host.sh(problem["hint"])
        assert problems(site.run("preflight", limit="h1")) == []
        host.sh("rm /etc/fapolicyd/rules.d/20-staithe.rules; echo 'permissive = 1' > /etc/fapolicyd/fapolicyd.conf")
        assert problems(site.run("preflight", limit="h1")) == []
    finally:
        host.sh("kill $(cat /run/fapolicyd.pid); rm -r /run/fapolicyd.pid /etc/fapolicyd /usr/sbin/fagenrules")
