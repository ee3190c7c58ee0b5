"""The first apply out of a package repository, against a shell script by hand that does the same on each host."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.site import Host, Site
from tests.bench.stopwatch import STAITHE, clock
from tests.bench.table import Row, Spread, compared
from tests.lab.conftest import Staithe
from tests.lab.supply import CONTAINERD, Supply, supplied

COUNTS = (1, 10)
VERSION = "28.5.2"
_SCRIPT = Path(__file__).with_name("by_hand_packages.sh")
_DAEMON = {"log-opts": {"max-size": "300m", "max-file": "2"}}


def rows(site: Site, rounds: int) -> list[Row]:
    """Install on hosts in their first state, in turn with the script; the first pair does not count."""
    found = []
    with supplied(Staithe(STAITHE, site.folder), site.lab) as supply:
        for count in COUNTS:
            hosts = site.hosts[:count]
            inventory = _write_inventory(site, supply, hosts)
            applied, by_hand = [], []
            for number in range(rounds + 1):
                _reset(site, supply, hosts)
                hand = _by_hand(site, supply, hosts)
                _reset(site, supply, hosts)
                run = clock([STAITHE, "apply", str(inventory), "--yes"])
                if number:
                    applied.append(run.wall_s)
                    by_hand.append(hand)
                _same(site, hosts)
            wall, floor = Spread.of(applied), Spread.of(by_hand)
            what = f"first apply of {count} host{'s' if count > 1 else ''} out of a repository, no smoke"
            ratio = wall.median / floor.median
            found.append(compared(what, wall.text("s"), f"script {floor.text('s')}", ratio, at_most=1.3))
    return found


def _write_inventory(site: Site, supply: Supply, hosts: Sequence[Host]) -> Path:
    engine = {
        "source": "repository",
        "version": VERSION,
        "repository": {**supply.repository(), "pins": {"containerd.io": CONTAINERD[VERSION]}},
    }
    more = {"engine": engine, "daemon": _DAEMON, "users": {"docker_group": [site.lab["user"]]}}
    return site.write_inventory(f"packages-{len(hosts)}", hosts, **more)


def _reset(site: Site, supply: Supply, hosts: Sequence[Host]) -> None:
    clock([STAITHE, "lab", "reset", *(host.name for host in hosts)])
    text = supply.el_repository()
    for host in hosts:
        command = site.ssh(host.name, "sudo tee /etc/yum.repos.d/el.repo")
        subprocess.run(command, input=text, text=True, check=True, capture_output=True)


def _by_hand(site: Site, supply: Supply, hosts: Sequence[Host]) -> float:
    """Run the script on all hosts at once, over a connection each."""
    values = {
        "URL": supply.server.url,
        "VERSION": VERSION,
        "CONTAINERD": CONTAINERD[VERSION],
        "LOGIN": site.lab["user"],
    }
    script = "".join(f"{name}={value}\n" for name, value in values.items()) + _SCRIPT.read_text()
    file = site.folder / "by_hand_packages.sh"
    file.write_text(script)
    began = time.monotonic()
    running = []
    for host in hosts:
        with file.open() as stdin:
            running.append(
                subprocess.Popen(
                    site.ssh(host.name, "sudo sh -s"),
                    stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                )
            )  # fmt: skip
    told = [one.communicate()[0] for one in running]
    wall = time.monotonic() - began
    for one, text in zip(running, told, strict=True):
        if one.returncode:
            raise RuntimeError(f"the script failed: {text}")
    return wall


def _same(site: Site, hosts: Sequence[Host]) -> None:
    """Make sure that the apply came as far as the script does."""
    user = site.lab["user"]
    for host in hosts:
        script = (
            f"rpm -q docker-ce-{VERSION} && grep -q 300m /etc/docker/daemon.json && id -nG {user} | grep -qw docker"
            f" && docker version -f '{{{{.Server.Version}}}}' | grep -F {VERSION}"
        )
        clock(site.ssh(host.name, f"sudo sh -c {shlex.quote(script)}"))
