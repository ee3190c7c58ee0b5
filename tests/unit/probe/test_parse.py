"""Answers recorded on lab hosts, and what they say."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from staithe import host_layout
from staithe.probe.parse import parse
from staithe.probe.state import Group, HostState, KernelModule

ANSWERS = Path(__file__).parent / "answers"
SMOKE = "sha256:6cf0a4cc6633b2afe66d65ac07ff18091912d365d28f5a2b4bc1c74b496ae656"


def recorded(name: str) -> HostState:
    return parse((ANSWERS / f"{name}.txt").read_text())


@pytest.mark.parametrize("path", sorted(ANSWERS.glob("*.txt")), ids=lambda path: path.stem)
def test_every_recorded_answer_can_be_read_and_kept(path: Path) -> None:
    state = parse(path.read_text())
    assert HostState.model_validate_json(state.model_dump_json()) == state
    assert state.to_json()["schema_version"] == 1
    assert set(state.odd) <= {"units"}


def test_a_bare_host() -> None:
    state = recorded("bare")
    assert (state.os.id, state.os.id_like, state.os.major) == ("centos", ("rhel", "fedora"), 9)
    assert (state.kernel.arch, state.cgroup.version) == ("x86_64", 1)
    assert {"memory", "cpu", "pids", "devices"} <= set(state.cgroup.controllers)
    assert state.engine.origin == "none"
    assert state.units["docker.service"].load_state == "not-found"
    assert state.processes == {}
    assert state.docker_group == Group()
    assert state.users == ("ops",)
    assert not state.files["/etc/docker/daemon.json"].exists
    assert (state.record, state.running, state.docker, state.images) == (None, None, None, None)
    assert state.storage["/var/lib/docker"].fstype == "ext4"


def test_a_converged_host() -> None:
    state = recorded("converged")
    engine = state.engine
    assert (engine.origin, engine.version, engine.current) == ("staithe", "28.5.2", "28.5.2-c88cf8cbe6af")
    dockerd = engine.binaries["dockerd"]
    assert dockerd.path == "/usr/bin/dockerd"
    assert dockerd.target == f"{host_layout.ENGINE_ROOT}/28.5.2-c88cf8cbe6af/dockerd"
    assert dockerd.sha256 == engine.placed[dockerd.target] is not None
    assert len(engine.placed) == 8
    unit = state.units["docker.service"]
    assert (unit.load_state, unit.active_state, unit.unit_file_state) == ("loaded", "active", "enabled")
    process = state.processes["docker.service"]
    assert (process.pid, process.exe) == (unit.main_pid, dockerd.target)
    assert abs(process.started_at - state.clock) < 3600
    assert state.docker is not None
    assert state.docker.server_version.startswith("28.5.2")
    assert (state.docker.storage_driver, state.docker.live_restore) == ("overlay2", True)
    assert (state.docker.containers_running, state.docker.containerd_store) == (1, False)
    assert state.images is not None
    assert {image.tags: image.id for image in state.images}[("staithe/smoke:1",)] == SMOKE
    assert state.docker_group.members == ("ops",)
    assert state.record == '{"schema_version": 1, "note": "für"}\n'
    assert state.running == "{}"
    assert state.kernel.modules == {
        name: KernelModule(loaded=True, loadable=True) for name in ("overlay", "br_netfilter")
    }
    assert state.kernel.sysctl["net.ipv4.ip_forward"] == "1"
    daemon = state.files["/etc/docker/daemon.json"]
    assert daemon.text is not None
    assert hashlib.sha256(daemon.text.encode()).hexdigest() == daemon.sha256
    assert (daemon.mode, daemon.owner) == ("644", "root:root")


def test_a_sleeping_engine() -> None:
    state = recorded("sleeping")
    assert state.units["docker.socket"].sub_state == "listening"
    assert state.units["docker.service"].active_state == "inactive"
    assert (state.docker, state.images) == (None, None)
    assert set(state.processes) == {"containerd.service"}


def test_the_docker_command_says_the_same_as_the_api() -> None:
    state = recorded("docker-command")
    assert state.docker is not None
    assert state.docker.server_version.startswith("20.10.24")
    assert state.images is not None
    assert {image.tags: image.id for image in state.images}[("staithe/smoke:1",)] == SMOKE


def test_an_engine_from_packages() -> None:
    state = recorded("rpm")
    assert (state.engine.origin, state.engine.version) == ("rpm", "28.3.3")
    assert state.engine.binaries["dockerd"].package == "docker-ce-3:28.3.3-1.el9.x86_64"
    assert state.engine.binaries["docker-init"].path == "/usr/libexec/docker/docker-init"
    assert set(state.packages) == {"docker-ce", "docker-ce-cli", "containerd.io"}


OWNER = "owner docker-ce-3:28.3.3-1.el9.x86_64"


@pytest.mark.parametrize(
    ("owner", "origin", "version"),
    [
        (OWNER, "rpm", "28.3.3"),
        ("owner moby-engine-24.0.5-1.fc39.x86_64", "rpm", "24.0.5"),
        ("owner docker-2:1.13.1-210.git7d71120.el7.centos.x86_64", "distribution", "1.13.1"),
        ("owner docker-engine-17.05.0.ce-1.el7.centos.x86_64", "distribution", "17.05.0.ce"),
        ("file /usr/bin/dockerd is not owned by any package", "static", None),
    ],
)
def test_the_owner_of_dockerd_says_where_the_engine_comes_from(owner: str, origin: str, version: str | None) -> None:
    text = (ANSWERS / "rpm.txt").read_text()
    assert OWNER in text
    engine = parse(text.replace(OWNER, owner)).engine
    assert (engine.origin, engine.version) == (origin, version)


def test_a_docker_that_is_podman() -> None:
    text = (ANSWERS / "rpm.txt").read_text()
    text = text.replace("binary\tdockerd ", "binary\tother ").replace(
        "owner docker-ce-cli-1:28.3.3-1.el9.x86_64", "owner podman-docker-4:5.2.2-1.el9.noarch"
    )
    assert parse(text).engine.origin == "distribution"


def test_an_answer_of_rpm_that_does_not_fit_is_odd() -> None:
    text = (ANSWERS / "rpm.txt").read_text()
    state = parse(text.replace(OWNER, f"{OWNER}\n{OWNER}"))
    assert "rpm" in state.odd["engine"]
    assert state.engine.binaries["dockerd"].package is None


def test_cgroup_v2() -> None:
    assert recorded("cgroup2").cgroup.version == 2


def test_a_machine_without_systemd() -> None:
    state = recorded("no-systemd")
    assert "systemctl says" in state.odd["units"]
    assert state.units == {}


@pytest.mark.parametrize(("flag", "d_type"), [("1", True), ("0", False), (None, None)])
def test_xfs_says_whether_it_can_carry_overlay2(flag: str | None, d_type: bool | None) -> None:
    text = (ANSWERS / "bare.txt").read_text()
    row = next(line for line in text.splitlines() if line.endswith("\t/var/lib/docker"))
    xfs = row.replace("ext4", "xfs") + (f"\nftype\t{flag}\t/var/lib/docker" if flag else "")
    storage = parse(text.replace(row, xfs)).storage
    assert (storage["/var/lib/docker"].fstype, storage["/var/lib/docker"].d_type) == ("xfs", d_type)
    assert storage["/usr"].d_type is None


@pytest.mark.parametrize(
    ("line", "pretty", "major"),
    [
        ('VERSION_ID="7"\nPRETTY_NAME="CentOS Linux 7 (Core)"', "CentOS Linux 7 (Core)", 7),
        ("VERSION_ID=8.10\nPRETTY_NAME='Rocky  Linux'", "Rocky  Linux", 8),
        ("PRETTY_NAME=Plain", "Plain", 0),
        ('VERSION_ID="10.0"\nPRETTY_NAME="an open quote', "an open quote", 10),
    ],
)
def test_os_release_is_read_as_the_shell_would(line: str, pretty: str, major: int) -> None:
    text = (ANSWERS / "bare.txt").read_text()
    lines = [
        row
        for row in text.splitlines()
        if not row.startswith(("/etc/os-release:VERSION_ID", "/etc/os-release:PRETTY"))
    ]
    at = next(i for i, row in enumerate(lines) if row.startswith("/etc/os-release:"))
    lines[at:at] = [f"/etc/os-release:{part}" for part in line.split("\n")]
    found = parse("\n".join(lines)).os
    assert (found.pretty_name, found.major) == (pretty, major)


@pytest.mark.parametrize(
    ("load", "active", "firewalld"),
    [("not-found", "inactive", "absent"), ("loaded", "active", "active"), ("masked", "inactive", "inactive")],
)
def test_firewalld(load: str, active: str, firewalld: str) -> None:
    head, _, tail = (ANSWERS / "bare.txt").read_text().partition("|Id=firewalld.service\n")
    tail = tail.replace("LoadState=not-found", f"LoadState={load}", 1).replace("State=inactive", f"State={active}", 1)
    assert parse(f"{head}|Id=firewalld.service\n{tail}").security.firewalld == firewalld


def test_selinux() -> None:
    text = (ANSWERS / "bare.txt").read_text()
    for value, word in (("1", "enforcing"), ("0", "permissive")):
        line = f"@section system\n/sys/fs/selinux/enforce:{value}\n"
        assert parse(text.replace("@section system\n", line)).security.selinux == word


def test_a_refresh_replaces_only_what_was_asked() -> None:
    base = recorded("converged")
    text = (ANSWERS / "bare.txt").read_text()
    head, _, rest = text.partition("@section system")
    units = rest[rest.index("@section units") : rest.index("@section users")]
    asked = head.replace('"sections": []', '"sections": ["docker"]')
    state = parse(f"{asked}{units}@end staithe-probe 1\n", base)
    assert state.units["docker.service"].load_state == "not-found"
    assert (state.docker, state.images, state.processes) == (None, None, {})
    assert (state.engine, state.files, state.record) == (base.engine, base.files, base.record)
    assert state.clock != base.clock


def test_a_refresh_keeps_files_and_keys_that_were_not_asked_again() -> None:
    base = recorded("converged")
    text = (ANSWERS / "bare.txt").read_text()
    head, _, rest = text.partition("@section system")
    kernel = rest[rest.index("@section kernel") : rest.index("@section storage")].replace(
        "/proc/sys/net/ipv4/ip_forward:1", "/proc/sys/net/ipv4/ip_forward:0"
    )
    asked = head.replace('"sections": []', '"sections": ["kernel"]').replace(
        '"net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"', '"vm.new"'
    )
    state = parse(f"{asked}{kernel}@end staithe-probe 1\n", base)
    assert state.kernel.sysctl["vm.new"] is None
    assert state.kernel.sysctl["net.bridge.bridge-nf-call-iptables"] == "1"
    assert state.kernel.release == base.kernel.release
    assert state.files == base.files
