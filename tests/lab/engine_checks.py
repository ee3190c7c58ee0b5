"""Asks a host which engine it has, from which source, and whether it is whole: rpm, systemd, sums, docker."""

from __future__ import annotations

import hashlib
import tarfile
from functools import cache

from staithe.lab import artifacts
from tests.lab.conftest import SMOKE_IMAGE, Host, Site
from tests.lab.host_snapshot import engine_packages, verified
from tests.lab.supply import CONTAINERD, Supply

_UNITS = ("docker.service", "docker.socket", "containerd.service")
PROGRAMS = ("dockerd", "docker", "docker-proxy", "containerd", "containerd-shim-runc-v2", "ctr", "runc")
TREASURE = "treasure"


@cache
def program_sha256(version: str, name: str) -> str:
    """Hash a program of an engine as it stands in the archive that the lab made; the packages hold the same."""
    with tarfile.open(artifacts.located().engines[version]) as tar:
        member = tar.extractfile(f"docker/{name}")
        assert member is not None
        return hashlib.file_digest(member, "sha256").hexdigest()


def expected_packages(source: str, version: str) -> list[str]:
    """Return what rpm is to say of Docker's packages."""
    if source == "static-bundle":
        return []
    plugins = artifacts.PLUGINS
    return sorted(
        [
            f"docker-ce-{version}-1.el9.x86_64",
            f"docker-ce-cli-{version}-1.el9.x86_64",
            f"containerd.io-{CONTAINERD[version]}-3.1.el9.x86_64",
            *(f"{name}-plugin-{package.version}-1.el9.x86_64" for name, package in plugins.items()),
        ]
    )


def assert_has(host: Host, source: str, version: str) -> None:
    """Check that the host runs this engine out of this source, and nothing of another."""
    assert engine_packages(host) == expected_packages(source, version)
    assert verified(host) == ""
    listed = host.sh(f"for name in {' '.join(PROGRAMS)}; do sha256sum < /usr/bin/$name; done").splitlines()
    assert [line.split()[0] for line in listed] == [program_sha256(version, name) for name in PROGRAMS]
    for unit, program in (("docker.service", "dockerd"), ("containerd.service", "containerd")):
        running = host.sh(f"sha256sum < /proc/{host.pid(unit)}/exe").split()[0]
        assert running == program_sha256(version, program), f"another {program} runs"
    home = "/etc/systemd/system" if source == "static-bundle" else "/usr/lib/systemd/system"
    for unit in _UNITS:
        assert host.sh(f"readlink -f $(systemctl show -p FragmentPath --value {unit})") == f"{home}/{unit}"
        assert host.sh(f"systemctl is-active {unit}") == "active"
    assert host.sh("systemctl is-enabled docker.service") == "enabled"
    assert host.sh("docker version -f '{{.Server.Version}}'").startswith(version)
    left = host.sh("ls -d /usr/libexec/docker/staithe/* 2>/dev/null || :")
    assert (left != "") == (source == "static-bundle"), left


def assert_has_none(host: Host) -> None:
    """Check that nothing of an engine is left but its data."""
    assert engine_packages(host) == []
    assert host.sh("command -v dockerd docker containerd runc || :") == ""
    assert host.sh("ps -eo comm= | grep -E '^(dockerd|containerd)' || :") == ""


def hide_treasure(host: Host) -> None:
    """Put something into a volume, and start a container that comes back by itself."""
    host.sh(f"docker run --rm -v data:/data {SMOKE_IMAGE} sh -c 'echo {TREASURE} > /data/file'")
    host.sh(f"docker run -d --init --restart always --name kept {SMOKE_IMAGE} sleep 100000")


def assert_treasure(host: Host) -> None:
    """Check that the volume has what was put in, for the engine and on the disk."""
    assert host.sh("cat /var/lib/docker/volumes/data/_data/file") == TREASURE
    assert host.sh(f"docker run --rm -v data:/data {SMOKE_IMAGE} cat /data/file") == TREASURE


def container(host: Host) -> tuple[str, str, str]:
    """Return id, process and start of the container, once it runs."""
    host.sh(
        "for try in $(seq 100); do"
        " docker inspect -f '{{.State.Running}}' kept | grep -q true && exit; sleep 0.2; done;"
        " docker inspect kept; journalctl -u docker -o cat --no-pager | tail -20; exit 1"
    )
    told = host.sh("docker inspect -f '{{.Id}} {{.State.Pid}} {{.State.StartedAt}}' kept")
    identity, process, started = told.split()
    assert host.sh(f"test -d /proc/{process} && echo lives") == "lives"
    return identity, process, started


def brought(site: Site, supply: Supply, host: Host, source: str, version: str) -> None:
    """Bring a host to an engine with a container and a volume; where the test before left it so, nothing happens."""
    supply.give_el(host)
    supply.configure(site, source, version)
    site.run("apply", limit=host.name)
    assert_has(host, source, version)
    if not host.sh("docker ps -q --filter name=kept"):
        hide_treasure(host)
