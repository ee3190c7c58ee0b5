"""From bare to proven, for each engine; verified on the host, not by what staithe says."""

from __future__ import annotations

import hashlib
import json
import tarfile

import pytest

from tests.lab.conftest import ENGINES, SMOKE_IMAGE, Host, Site

# Everything that a plan could have touched, by name, size, mode and time of change.
_TRACES = """find /etc /usr/bin /usr/libexec /usr/lib/systemd /var/lib/staithe /var/lib/docker -xdev \
  -printf '%p %s %m %C@ %l\\n' 2>/dev/null | sort | sha256sum
systemctl list-units --all --no-legend --plain 'docker*' 'containerd*'
sysctl -a 2>/dev/null | grep -E 'ip_forward |bridge-nf' | sort"""


def program_sha256(version: str, name: str) -> str:
    """Hash a program as it stands in the archive that the lab made."""
    from staithe.lab import artifacts

    with tarfile.open(artifacts.located().engines[version]) as tar:
        member = tar.extractfile(f"docker/{name}")
        assert member is not None
        return hashlib.file_digest(member, "sha256").hexdigest()


@pytest.mark.parametrize("version", ENGINES)
def test_bare_host_becomes_proven(site: Site, bare: Host, version: str) -> None:
    site.configure(version)

    before = bare.sh(_TRACES)
    planned = site.run("plan", limit="h1").host("h1")
    assert planned["outcome"] == "pending"
    assert {change["component"] for change in planned["changes"]} == {
        "kernel", "binaries", "units", "daemon", "service", "users", "images", "record", "smoke"
    }  # fmt: skip
    assert bare.sh(_TRACES) == before, "a plan changed something"

    applied = site.run("apply", limit="h1").host("h1")
    assert applied["outcome"] == "changed"
    assert applied["not_done"] == []
    assert {check["name"]: check["status"] for check in applied["checks"]} == dict.fromkeys(
        ("run", "published port", "life", "memory limit", "containerd", "runc", "mirror pull", "clean"), "passed"
    )
    assert_engine_runs(bare, version, site)

    again = site.run("apply", limit="h1").host("h1")
    assert (again["outcome"], again["changed"], again["checks"]) == ("unchanged", [], [])
    checked = site.run("plan", "--check", limit="h1").host("h1")
    assert (checked["outcome"], checked["changes"]) == ("unchanged", [])


def assert_engine_runs(host: Host, version: str, site: Site) -> None:
    """Ask systemd, the kernel, the files and the engine themselves."""
    for unit in ("docker.service", "docker.socket", "containerd.service"):
        assert host.sh(f"systemctl is-active {unit}") == "active"
        assert host.sh(f"systemctl is-enabled {unit}") == "enabled"
    assert host.sh("systemctl is-system-running") == "running"
    for unit, program in (("docker.service", "dockerd"), ("containerd.service", "containerd")):
        running = host.sh(f"sha256sum < /proc/{host.pid(unit)}/exe").split()[0]
        assert running == program_sha256(version, program)
        assert host.sh(f"sha256sum < /usr/bin/{program}").split()[0] == running
    for key in ("net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"):
        assert host.sh(f"sysctl -n {key}") == "1"
        assert key in host.sh("cat /etc/sysctl.d/99-staithe.conf")
    assert host.sh("grep -v '^#' /etc/modules-load.d/staithe.conf").split() == ["overlay", "br_netfilter"]
    daemon = json.loads(host.sh("cat /etc/docker/daemon.json"))
    assert daemon["log-opts"] == {"max-file": "2", "max-size": "300m"}
    assert host.sh("docker info -f '{{json .RegistryConfig.Mirrors}}'") == json.dumps(
        [site.lab["registry"]["url"] + "/"], separators=(",", ":")
    )
    assert host.sh("docker version -f '{{.Server.Version}}'").startswith(version)
    assert host.sh(f"docker run --rm {SMOKE_IMAGE} echo seen") == "seen"
    assert host.sh("id -nG ops").split().count("docker") == 1
    assert host.sh("docker ps -aq; ctr -n staithe-smoke containers ls -q") == ""
    # The image's blobs stay, whole: nothing is sent twice.
    kept = host.sh("cd /var/lib/staithe/blobs/sha256 && sha256sum *").split()
    assert kept and kept[0::2] == kept[1::2]
    assert host.sh("ip route show default") == "", "the lab host has a way out: nothing here would prove an air gap"


def test_upgrade_by_configuration_keeps_images_and_restarts_containers(site: Site, bare: Host) -> None:
    site.configure("20.10.24", smoke={"enabled": False})
    site.run("apply", limit="h1")
    image = bare.sh(f"docker image inspect -f '{{{{.Id}}}}' {SMOKE_IMAGE}")
    bare.sh(f"docker run -d --init --restart always --name kept {SMOKE_IMAGE} sleep 1000")
    bare.sh(f"docker run --rm -v data:/data {SMOKE_IMAGE} sh -c 'echo treasure > /data/file'")

    site.configure("28.5.2")
    planned = site.run("plan", limit="h1").host("h1")
    restart = next(change for change in planned["changes"] if change["id"] == "service:restart:docker.service")
    assert restart["containers"] == "restarted"
    assert not [change for change in planned["changes"] if change["component"] in ("images", "kernel", "users")]

    site.run("apply", limit="h1")
    assert bare.sh("docker version -f '{{.Server.Version}}'").startswith("28.5.2")
    assert bare.sh(f"docker image inspect -f '{{{{.Id}}}}' {SMOKE_IMAGE}") == image
    assert bare.sh("docker inspect -f '{{.State.Status}}' kept") == "running"
    assert bare.sh(f"docker run --rm -v data:/data {SMOKE_IMAGE} cat /data/file") == "treasure"
    assert site.run("plan", "--check", limit="h1").host("h1")["changes"] == []
