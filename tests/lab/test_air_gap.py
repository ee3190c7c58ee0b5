"""From repositories to hosts without a network: lock, build, sign, verify, apply; and nothing leaves the hosts."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from staithe.lab import artifacts, places, rpms
from staithe.relay.serving import DEFAULT_PORTS
from tests.lab.capture import Capture, Seen, capturing
from tests.lab.conftest import LAB_ID, SMOKE_IMAGE, Host, Site

NAMES = ("h1", "h2", "h3", "h4")
SMOKE_PORT = 18888
RELAY = "h1"


@pytest.fixture(scope="session")
def repositories() -> rpms.Repositories:
    return rpms.ensure(print)


def fingerprint(key: Path) -> str:
    listed = subprocess.check_output(
        ["gpg", "--show-keys", "--with-colons", key], text=True, stderr=subprocess.DEVNULL
    )
    return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))


def describe(site: Site, made: rpms.Repositories) -> Path:
    """Write bundle.toml for EL 8 to 10: engine as packages and as archive, with what Docker's packages require."""
    home = site.folder / "supply"
    static = home / "static/x86_64"
    static.mkdir(parents=True)
    for version in ("26.1.5", "28.5.2"):
        (static / f"docker-{version}.tgz").symlink_to(artifacts.located().engines[version])
    shutil.copy(artifacts.located().images[SMOKE_IMAGE], home / "smoke.tar")
    shutil.copy(made.key(), home / "lab.asc")
    text = (
        'schema_version = 1\nname = "air-gap"\n[targets]\nmajors = [8, 9, 10]\n'
        '[engine]\nversion = ">=28, <29"\nsources = ["rpm", "static"]\nstatic = "static"\n'
        '[[image]]\narchive = "smoke.tar"\n'
    )
    for name in ("docker-ce", "base"):
        url = made.folder(9, name).as_posix().replace("/el9/", "/el$releasever/").replace("/x86_64/", "/$basearch/")
        text += f'[[repository]]\nid = "{name}"\nurl = "{url}"\nkeys = ["lab.asc"]\n'
        text += f'fingerprints = ["{fingerprint(made.key())}"]\n'
    (home / "bundle.toml").write_text(text)
    return home


def links() -> list[str]:
    return [places.link_name(LAB_ID, name) for name in NAMES]


def gateway(site: Site) -> str:
    return str(site.lab["address"])


def test_what_docker_requires_is_in_the_closure_of_each_release(
    site: Site, repositories: rpms.Repositories, tmp_path: Path
) -> None:
    home = describe(site, repositories)
    site.staithe("bundle", "lock", "supply", env={"STAITHE_CACHE": str(tmp_path / "cache")})
    lock = (home / "bundle.lock").read_text()
    for major in (8, 9, 10):
        for name in (
            "docker-ce-3:28.5.2-1",
            "containerd.io-2.1.9-3.1",
            "container-selinux-4:2.232.1-1",
            "glibc-2.34-125",
        ):
            assert f'"{name}.el{major}.' in lock
    assert "libcgroup-0.41-19.el8" in lock and "libcgroup-0.41-19.el9" not in lock
    assert "rootless-extras" not in lock, "what is only recommended stays away"


def is_to_or_from_relay(one: Seen, hosts: dict[str, Host]) -> bool:
    """Tell whether a frame asks the relay for a blob, is its answer, or finds the way between the two."""
    others = {hosts[name].ip for name in NAMES} - {hosts[RELAY].ip}
    if one.link == places.link_name(LAB_ID, RELAY):
        return one.target in others and (one.kind == "arp" or one.source_port in DEFAULT_PORTS)
    return one.target == hosts[RELAY].ip and (one.kind == "arp" or one.port in DEFAULT_PORTS)


@pytest.mark.parametrize("way", ["ssh", "relay"])
def test_from_repositories_to_bare_hosts_and_nothing_leaves_them(
    site: Site, repositories: rpms.Repositories, hosts: dict[str, Host], tmp_path: Path, way: str
) -> None:
    transfer = {"relay": RELAY} if way == "relay" else {}
    describe(site, repositories)
    cache = {"STAITHE_CACHE": str(tmp_path / "cache")}
    site.staithe("bundle", "lock", "supply", env=cache)
    site.staithe("bundle", "build", "supply", "--out", "carried", env=cache)
    site.staithe("bundle", "sign", "carried", "--key", site.lab["signing_key"])
    site.staithe("bundle", "verify", "carried", "--allowed-signers", site.lab["allowed_signers"])
    site.configure(engine={"bundle": "carried"}, smoke={"enabled": False}, daemon={}, transfer=transfer)
    for name in NAMES:
        site.staithe("lab", "reset", name)
    limits = [word for name in NAMES for word in ("--limit", name)]
    with capturing(links()) as capture:
        done = site.run("apply", *limits)
        # What was on its way is taken too.
        time.sleep(0.5)
    assert {one["outcome"] for one in done.json["hosts"]} == {"changed"}
    assert len(capture.frames) > 1000, "the capture saw the transfer"
    assert [one["notices"] for one in done.json["hosts"]] == [[]] * len(NAMES)
    rest = capture.not_to(gateway(site))
    if way == "relay":
        relayed = [one for one in rest if is_to_or_from_relay(one, hosts)]
        assert len(relayed) > 1000, "the capture saw the relay at work"
        rest = [one for one in rest if not is_to_or_from_relay(one, hosts)]
    assert [str(one) for one in rest] == []
    for name in NAMES:
        assert hosts[name].sh(f"docker run --rm {SMOKE_IMAGE} echo seen") == "seen"
    site.configure(engine={"bundle": "carried"}, smoke={}, daemon={})
    with capturing(links()) as capture:
        site.run("smoke", *limits)
        time.sleep(0.5)
    # A published port is proved from the next host of the inventory; that is all that hosts say to one another.
    addresses = {hosts[name].ip for name in NAMES}
    for one in capture.not_to(gateway(site)):
        assert one.target in addresses, str(one)
        assert one.kind == "arp" or SMOKE_PORT in (one.port, one.source_port), str(one)


def test_the_capture_sees_one_lookup(site: Site, hosts: dict[str, Host]) -> None:
    """The positive control: by name, by address, over IPv6."""
    host = hosts["h1"]
    subnet = gateway(site).rpartition(".")[0]
    deeds = {
        "arp": f"ping -c1 -W1 {subnet}.251 || :",
        "udp": f"python3 -c \"import socket; socket.socket(2, 2).sendto(b'x', ('{gateway(site)}', 53))\"",
        "tcp": f"timeout 1 sh -c ': > /dev/tcp/{gateway(site)}/443' || curl -m1 http://{gateway(site)}:443 || :",
    }
    for kind, deed in deeds.items():
        with capturing(links()) as capture:
            host.sh(deed, check=False)
            time.sleep(0.3)
        assert kind in {one.kind for one in stray(capture, site)}, f"{kind} was not seen"


def stray(capture: Capture, site: Site) -> list[Any]:
    return capture.not_to(gateway(site))
