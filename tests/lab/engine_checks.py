"""Asks a host which engine it has, from which source, and whether it is whole: rpm, systemd, sums, docker."""

from __future__ import annotations

import hashlib
from functools import cache

from staithe.lab import artifacts
from tests.lab.conftest import SMOKE_IMAGE, Host, Site
from tests.lab.host_snapshot import engine_packages, verified
from tests.lab.supply import CONTAINERD, Supply

_UNITS = ("docker.service", "docker.socket", "containerd.service")
PROGRAMS = ("dockerd", "docker", "docker-proxy", "containerd", "containerd-shim-runc-v2", "ctr", "runc")
TREASURE = "treasure"


@cache
def program_sums(version: str) -> dict[str, str]:
    """Hash the programs of an engine as they stand in the lab's archive; the packages hold the same."""
    programs = artifacts.read_engine_archive(artifacts.located().engines[version])
    return {name: hashlib.sha256(content).hexdigest() for name, content in programs.items()}


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


# One connection for all that is asked: a login costs more than the answers.
_LOOK = f"""for name in {" ".join(PROGRAMS)}; do echo "file $name $(sha256sum < /usr/bin/$name)"; done
for pair in docker:dockerd containerd:containerd; do
    pid=$(systemctl show -p MainPID --value ${{pair%:*}}.service)
    echo "process ${{pair#*:}} $(sha256sum < /proc/$pid/exe)"
done
for unit in {" ".join(_UNITS)}; do
    echo "unit $unit $(systemctl is-active $unit) $(readlink -f "$(systemctl show -p FragmentPath --value $unit)")"
done
echo "enabled $(systemctl is-enabled docker.service)"
echo "server $(docker version -f '{{{{.Server.Version}}}}')"
echo "own $(ls /usr/libexec/docker/staithe 2>/dev/null | wc -l)"
"""


def assert_has(host: Host, source: str, version: str) -> None:
    """Check that the host runs this engine out of this source, and nothing of another."""
    assert engine_packages(host) == expected_packages(source, version)
    assert verified(host) == ""
    told = host.sh(_LOOK).replace(" -\n", "\n").splitlines()
    found = [" ".join(line.split()) for line in told]
    sums = program_sums(version)
    home = "/etc/systemd/system" if source == "static-bundle" else "/usr/lib/systemd/system"
    assert found[:-2] == [
        *(f"file {name} {sums[name]}" for name in PROGRAMS),
        *(f"process {name} {sums[name]}" for name in ("dockerd", "containerd")),
        *(f"unit {unit} active {home}/{unit}" for unit in _UNITS),
        "enabled enabled",
    ]
    assert found[-2].startswith(f"server {version}")
    # The programs of a static engine stay after a move, for the way back to it.
    assert source != "static-bundle" or found[-1] != "own 0", found[-1]


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
