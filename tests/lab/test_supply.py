"""The lab's packages and their server do what tests of staithe rely on; staithe itself has no part in this."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from tests.lab import faulty_engines
from tests.lab.conftest import Host, Staithe
from tests.lab.host_snapshot import engine_packages, snapshot, verified
from tests.lab.origins import by_script
from tests.lab.supply import CONTAINERD, Supply

RPM = "el9/x86_64/docker-ce/docker-ce-28.5.2-1.el9.x86_64.rpm"


@pytest.fixture
def server(supply: Supply) -> Iterator[Supply]:
    supply.server.behave()
    yield supply
    supply.server.behave()


def install(host: Host, version: str, *, code: int = 0, repository: str = "docker-ce") -> str:
    """Let dnf install an engine, as somebody would by hand."""
    containerd = CONTAINERD.get(version, CONTAINERD["28.5.2"])
    names = f"docker-ce-{version} docker-ce-cli-{version} containerd.io-{containerd}"
    text = host.sh(f"dnf -y --enablerepo='{repository}*' install {names} 2>&1; echo code $?")
    assert text.endswith(f"code {code}"), text
    return text


def test_packages_are_like_the_official_ones(staithe: Staithe, supply: Supply, hosts: dict[str, Host]) -> None:
    host = hosts["h4"]
    staithe("lab", "reset", "h4")
    supply.give_el(host)
    before = snapshot(host)
    by_script(host, supply)
    # A unit that comes with a package is off; what is only recommended came along.
    assert host.sh("systemctl is-enabled docker.service || :; systemctl is-active docker.service || :") == (
        "disabled\ninactive"
    )
    assert len(engine_packages(host)) == 5 and verified(host) == ""
    assert host.sh("getent group docker") and host.sh("rpm -q container-selinux")
    host.sh("systemctl -q enable --now docker.service")
    for version in ("28.5.2", "20.10.23", "20.10.24"):
        install(host, version)
        # What ran was restarted when the transaction ended.
        assert host.sh("docker version -f '{{.Server.Version}} {{.Client.Version}}'").count(version) == 2
        assert verified(host) == ""
    assert host.sh("docker buildx version; docker compose version").count("\n") == 1
    host.sh("dnf -y remove docker-ce docker-ce-cli containerd.io docker-*-plugin 2>&1")
    assert snapshot(host)["programs"] == before["programs"] == []


def test_each_faulty_engine_has_its_fault(staithe: Staithe, supply: Supply, hosts: dict[str, Host]) -> None:
    host, faulty = hosts["h4"], faulty_engines.ensure(print)
    staithe("lab", "reset", "h4")
    supply.give_el(host)
    by_script(host, supply)
    (supply.server.root / "faulty").unlink(missing_ok=True)
    (supply.server.root / "faulty").symlink_to(faulty.home)
    host.sh(
        "sed 's#/el9#/faulty/el9#; s/docker-ce-stable/docker-ce-faulty/' /etc/yum.repos.d/docker-ce.repo"
        " > /etc/yum.repos.d/faulty.repo"
    )
    install(host, "28.5.2")
    host.sh("systemctl -q enable --now docker.service")
    for version, word in (
        (faulty_engines.UNSIGNED, "is not signed"),
        (faulty_engines.FOREIGN, "GPG check FAILED"),
        (faulty_engines.LACKING, "nothing provides lab-nowhere"),
    ):
        assert word in install(host, version, code=1)
        assert host.sh("docker version -f '{{.Server.Version}}'").startswith("28.5.2")
    for version in (faulty_engines.SLOW_PRE, faulty_engines.SLOW_POST):
        began = time.monotonic()
        install(host, version)
        assert time.monotonic() - began > 20
        assert host.sh("docker version -f '{{.Server.Version}}'").startswith(version)
    install(host, faulty_engines.EXITS)
    host.sh("sleep 1; journalctl -u docker.service -o cat | grep 'failed to start daemon: fault of the lab: exits'")
    assert host.sh("systemctl is-active docker.service || :") != "active"
    host.sh("dockerd --validate --config-file /dev/null; systemctl stop docker.service")
    install(host, faulty_engines.HANGS)
    host.sh("timeout 5 systemctl start docker.service || :")
    assert host.sh("systemctl is-active docker.service || :") == "activating"
    host.sh("systemctl kill -s KILL docker.service; systemctl stop docker.service docker.socket")
    install(host, faulty_engines.DIES)
    host.sh("systemctl reset-failed docker.service; systemctl start docker.service")
    assert host.sh("docker version -f '{{.Server.Version}}'").startswith(faulty_engines.DIES)
    host.sh("sleep 11; journalctl -u docker.service -o cat | grep 'fault of the lab: dies'")
    assert host.sh("systemctl show -p NRestarts --value docker.service") != "0"


def fetched(host: Host, supply: Supply, *words: str) -> int:
    """Return curl's exit code for the package."""
    command = f"curl -s -m 60 -o /tmp/fetched {' '.join(words)} {supply.server.url}/{RPM}; echo $?"
    return int(host.sh(command))


def test_the_server_misbehaves_as_it_is_told(server: Supply, hosts: dict[str, Host]) -> None:
    host, package = hosts["h4"], server.made.home / RPM
    assert fetched(host, server) == 0
    digest = subprocess.check_output(["sha256sum", package], text=True).split()[0]
    assert host.sh("sha256sum < /tmp/fetched").split()[0] == digest
    assert fetched(host, server, "-r 10-19") == 0
    assert host.sh("stat -c %s /tmp/fetched") == "10"
    assert [(one.client, one.range, one.status) for one in server.server.requests] == [
        (host.ip, None, 200),
        (host.ip, "bytes=10-19", 206),
    ]
    server.server.cuts[r"docker-ce-28.*\.rpm$"] = 1000
    assert fetched(host, server) == 18, "curl: partial file"
    assert host.sh("stat -c %s /tmp/fetched") == "1000"
    server.server.behave()
    server.server.statuses["rpm$"] = 503
    assert fetched(host, server, "-f") == 22
    server.server.behave()

    server.server.stalls["rpm$"] = 1000
    codes: list[int] = []
    waiting = threading.Thread(target=lambda: codes.append(fetched(host, server)))
    waiting.start()
    assert server.server.reached.wait(30)
    time.sleep(1)
    assert waiting.is_alive() and not codes
    server.server.vanish()
    waiting.join(30)
    assert codes == [18]
    assert fetched(host, server) == 7, "curl: refused"
    server.server.appear()
    server.server.behave()
    assert fetched(host, server) == 0
