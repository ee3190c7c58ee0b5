"""Engines as others put them on hosts, by hand and without staithe: the four ways that hosts come from."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from staithe.lab import artifacts
from staithe.lab.engine_units import UNITS
from tests.lab.conftest import SMOKE_IMAGE, Host
from tests.lab.supply import CONTAINERD, Supply

VERSION = "26.1.5"
# A key of the site's own, which no configuration of the tests names.
DAEMON_JSON = '{"labels": ["rack=7"]}'
_REPOSITORY = """[docker-ce-stable]
name=Docker CE Stable - $basearch
baseurl={url}/el9/x86_64/docker-ce
enabled=1
gpgcheck=1
gpgkey={url}/RPM-GPG-KEY-lab
"""


def _send(host: Host, *files: Path) -> None:
    subprocess.run(["scp", "-q", "-F", host.ssh_config, *map(str, files), f"{host.name}:/tmp/"], check=True)


def by_script(host: Host, supply: Supply) -> None:
    """As get.docker.com does it: a repository file, then dnf."""
    text = _REPOSITORY.format(url=supply.server.url)
    host.sh(f"cat > /etc/yum.repos.d/docker-ce.repo <<'REPO'\n{text}REPO")
    names = f"docker-ce-{VERSION} docker-ce-cli-{VERSION} containerd.io-{CONTAINERD[VERSION]}"
    host.sh(f"dnf -q -y install {names} docker-ce-rootless-extras-{VERSION} docker-compose-plugin 2>&1")


def by_packages(host: Host, supply: Supply) -> None:
    """Downloaded packages, and rpm -U."""
    folder = supply.made.folder(9, "docker-ce")
    names = (f"docker-ce-{VERSION}", f"docker-ce-cli-{VERSION}", f"containerd.io-{CONTAINERD[VERSION]}")
    found = [next(folder.glob(f"{name}-*.rpm")) for name in names]
    host.sh("dnf -q -y install container-selinux 2>&1")
    _send(host, *found)
    host.sh(f"cd /tmp && rpm -U {' '.join(one.name for one in found)} && rm {' '.join(one.name for one in found)}")


def by_archive(host: Host, supply: Supply) -> None:
    """docs.docker.com, engine/install/binaries: cp docker/* /usr/bin; and a unit that somebody wrote."""
    archive = artifacts.located().engines[VERSION]
    unit = UNITS["docker.service"]
    for line in ("Requires=docker.socket\n", "Wants=network-online.target containerd.service\n"):
        unit = unit.replace(line, "")
    unit = unit.replace(" -H fd:// --containerd=/run/containerd/containerd.sock", "")
    unit = unit.replace(" docker.socket firewalld.service containerd.service time-set.target", "")
    _send(host, archive)
    host.sh(
        f"cd /tmp && tar -xzf {archive.name} && cp docker/* /usr/bin/ && rm -r docker {archive.name}\n"
        f"cat > /etc/systemd/system/docker.service <<'UNIT'\n{unit}UNIT\nsystemctl daemon-reload"
    )


def by_distribution(host: Host, supply: Supply) -> None:
    """What the distribution packs itself."""
    text = _REPOSITORY.format(url=supply.server.url).replace("docker-ce", "distribution")
    host.sh(f"cat > /etc/yum.repos.d/distribution.repo <<'REPO'\n{text}REPO")
    host.sh("dnf -q -y install moby-engine docker-cli 2>&1")


# {name: how}
ORIGINS: dict[str, Callable[[Host, Supply], None]] = {
    "script": by_script,
    "packages": by_packages,
    "archive": by_archive,
    "distribution": by_distribution,
}


def settle(host: Host, origin: str, supply: Supply) -> None:
    """Bring an engine to a host in one of these ways, start it, and give it an image."""
    ORIGINS[origin](host, supply)
    host.sh(f"mkdir -p /etc/docker; echo '{DAEMON_JSON}' > /etc/docker/daemon.json")
    host.sh("systemctl -q enable --now docker.service 2>&1")
    image = artifacts.located().images[SMOKE_IMAGE]
    _send(host, image)
    host.sh(f"docker load -q -i /tmp/{image.name}; rm /tmp/{image.name}")
