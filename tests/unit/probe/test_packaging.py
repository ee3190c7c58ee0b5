"""What may be in a package manager's way: asked by the real script, and read."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from staithe.probe import script
from staithe.probe.answer import Section
from staithe.probe.read_packaging import read_packaging
from staithe.probe.request import ProbeRequest
from staithe.probe.state import HostState, LockHolder, Packaging

Probe = Callable[..., HostState]


def test_it_is_asked_for_only_when_wanted(probe: Probe) -> None:
    assert probe().packaging is None
    assert probe(sections=("storage",), packaging=True).packaging is None
    assert probe(packaging=True).packaging is not None
    assert probe(sections=("packaging",)).packaging is not None


def test_who_holds_the_rpm_database(probe: Probe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By kind of lock, file and number: a lock that is shared, on another file or of a dead process is none."""
    lock, other, pid, dead = (tmp_path / name for name in (".rpm.lock", "other", "rpmdb_lock.pid", "yum.pid"))
    monkeypatch.setattr(script, "_TRANSACTION_LOCKS", (str(lock), "/no/such/file"))
    monkeypatch.setattr(script, "_PID_FILES", (str(pid), str(dead), "/no/such/file"))

    def holders() -> tuple[LockHolder, ...]:
        packaging = probe(sections=("packaging",)).packaging
        assert packaging is not None
        return packaging.holders

    dead.write_text("4194399\n")
    name = Path("/proc/self/comm").read_text().strip()
    with lock.open("w+") as first, other.open("w") as second:
        fcntl.lockf(second, fcntl.LOCK_EX)
        assert holders() == ()
        fcntl.lockf(first, fcntl.LOCK_SH)
        assert holders() == ()
        for lock_it in (fcntl.lockf, fcntl.flock):
            lock_it(first, fcntl.LOCK_EX)
            assert holders() == (LockHolder(pid=os.getpid(), name=name, path=str(lock)),)
            lock_it(first, fcntl.LOCK_UN)
    # dnf writes no newline, yum does.
    for text in (str(os.getpid()), f"{os.getpid()}\n"):
        pid.write_text(text)
        assert holders() == (LockHolder(pid=os.getpid(), name=name, path=str(pid)),)


def read(**files: str) -> Packaging:
    paths = {
        "conf": "/etc/dnf/dnf.conf",
        "repo": "/etc/yum.repos.d/a.repo",
        "list": "/etc/dnf/plugins/versionlock.list",
        "linked": "/etc/yum/pluginconf.d/versionlock.list",
        "toml": "/etc/dnf/versionlock.toml",
        "mounts": "/proc/self/mounts",
        "fips": "/proc/sys/crypto/fips_enabled",
    }
    lines = [("manager", "dnf"), *((paths[name], line) for name, text in files.items() for line in text.splitlines())]
    found = read_packaging(Section("packaging", lines), ProbeRequest(), HostState())["packaging"]
    assert isinstance(found, Packaging)
    return found


def test_excludes() -> None:
    text = """[main]
exclude = kernel*, docker-ce
excludepkgs=containerd.io
  runc  docker-*-plugin
enabled=1
# staithe begin
exclude=docker-ce-cli
# staithe end
"""
    assert [(one.section, one.pattern) for one in read(conf=text).excludes] == [
        ("main", "docker-ce"),
        ("main", "containerd.io"),
        ("main", "docker-*-plugin"),
    ]
    off = "[a]\nenabled=0\nexclude=docker-ce\n[b]\nexclude=container-selinux\n"
    found = read(repo=f"{off}[staithe-docker-ce]\nexclude=docker-ce\n").excludes
    assert [(one.section, one.pattern) for one in found] == [("b", "container-selinux")]


def test_repositories_of_others() -> None:
    tree = "baseurl=https://mirror.example.com/docker-ce/linux/centos/$releasever/$basearch/stable"
    text = f"[one]\n{tree}\n[off]\nenabled = False\n{tree}\n[base]\nbaseurl=https://example.com/9/os\n"
    assert [one.section for one in read(repo=text).repositories] == ["one"]
    assert read(repo=f"[staithe-docker-ce]\n{tree}").repositories == ()


def test_version_locks() -> None:
    text = """# comment
docker-ce-3:27.5.1-1.el9.*
3:docker-ce-cli-27.5.1-1.el7.*   # of yum
!containerd.io-0:1.7.*
kernel-5.14*
# staithe begin
docker-ce-3:28.5.2-1.el9.*
# staithe end
docker-compose-plugin-*
"""
    expected = [
        ("docker-ce", "27.5.1", "="),
        ("docker-ce-cli", "27.5.1", "="),
        ("containerd.io", "1.7.*", "!="),
        ("docker-compose-plugin", "*", "="),
    ]
    for files in ({"list": text}, {"list": text, "linked": text}):
        assert [(one.package, one.version, one.comparator) for one in read(**files).version_locks] == expected


def test_version_locks_of_dnf5() -> None:
    text = """version = "1.0"
[[packages]]
name = "docker-ce"
comment = "by hand"
[[packages.conditions]]
key = "evr"
comparator = "<"
value = "3:29.0.0-1"
# staithe begin
[[packages]]
name = "containerd.io"
[[packages.conditions]]
key = "evr"
comparator = "="
value = "1.7.27-1.el10"
# staithe end
[[packages]]
name = "bash"
[[packages.conditions]]
key = "evr"
comparator = "="
value = "5.2"
"""
    assert [(one.package, one.version, one.comparator) for one in read(toml=text).version_locks] == [
        ("docker-ce", "29.0.0", "<")
    ]


def test_mount_of_usr_and_fips() -> None:
    root = "/dev/sda1 / xfs rw,noexec 0 0\n"
    assert read(mounts=root).usr_options == ("noexec",)
    assert read(mounts=f"{root}/dev/sda2 /usr xfs ro,relatime 0 0").usr_options == ("ro",)
    assert read(mounts="x / xfs rw,rootcontext=ro 0 0").usr_options == ()
    assert read(fips="1").fips
    assert not read(fips="0").fips


def test_a_login_does_not_leave_the_host(probe: Probe, write_stub: Callable[[str, str], None]) -> None:
    """The part of the script that cuts logins off, on lines as they may stand in a repository's file."""
    lines = "'[a]' 'baseurl=https://u:p@ss@h/docker/linux/centos/9'"
    write_stub("grep", f"case $* in *repos.d*) printf '/etc/yum.repos.d/a.repo:%s\\n' {lines} ;; esac")
    packaging = probe(sections=("packaging",)).packaging
    assert packaging is not None
    assert [one.url for one in packaging.repositories] == ["https://h/docker/linux/centos/9"]
