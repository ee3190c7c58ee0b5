"""What goes wrong with packages, on the way and in the middle: the host ends as it was, or says how to go on.

The host runs an engine out of a repository, with a container and a volume. What it is afterwards is asked of itself.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote
from typing import Any

import pytest

from tests.lab import faulty_engines
from tests.lab.conftest import Host, Site
from tests.lab.engine_checks import TREASURE, assert_has, assert_treasure, brought, container
from tests.lab.faulty_supply import configure_faulty
from tests.lab.host_snapshot import Snapshot, snapshot
from tests.lab.killing import Killed, Wish, rest
from tests.lab.supply import Supply, fingerprint

OLD, NEW = "26.1.5", "28.5.2"
_QUICK = {"service": {"health_timeout_s": 20}, "smoke": {"enabled": False}}


@dataclass
class Before:
    """The host before something happens to it."""

    host: Host
    look: Snapshot
    container: tuple[str, str, str]
    # The test before left it as it was.
    is_same: bool = True

    def assert_untouched(self) -> None:
        """Everything is as it was, each process too."""
        assert self.look.difference(snapshot(self.host), ignoring=["containers"]) == ""
        assert container(self.host) == self.container
        self.is_same = True

    def assert_back(self) -> None:
        """Everything is as it was; engine and container may have been started again."""
        assert self.look.difference(snapshot(self.host), ignoring=["containers"]) == ""
        assert container(self.host)[0] == self.container[0]
        told = self.host.sh(
            "docker version -f '{{.Server.Version}}'; cat /var/lib/docker/volumes/data/_data/file;"
            " readlink /proc/$(systemctl show -p MainPID --value docker)/exe"
        )
        version, treasure, program = told.splitlines()
        assert version.startswith(OLD) and treasure == TREASURE and program == "/usr/bin/dockerd"
        assert_nothing_left(self.host)
        self.is_same = True


def assert_nothing_left(host: Host) -> None:
    """Nothing of a transaction that was cut off lies about, and no package is there twice."""
    assert host.sh("find /usr/bin /usr/libexec /usr/lib/systemd /etc/containerd -name '*;*'") == ""
    assert host.sh("rpm -qa --qf '%{NAME}.%{ARCH}\\n' | grep -v gpg-pubkey | sort | uniq -d") == ""
    assert host.sh("ls -d /var/lib/staithe/journal /var/lib/staithe/repository 2>/dev/null || :") == ""


@pytest.fixture(scope="module")
def left() -> list[Before]:
    """How the test before left the host."""
    return []


@pytest.fixture
def before(site: Site, supply: Supply, hosts: dict[str, Host], left: list[Before]) -> Iterator[Before]:
    supply.server.behave()
    host = hosts["h1"]
    if not left or not left[0].is_same:
        brought(site, supply, host, "repository", OLD)
        left[:] = [Before(host, snapshot(host), container(host))]
    left[0].container, left[0].is_same = container(host), False
    yield left[0]
    supply.server.behave()


def refused(site: Site, host: Host, *, code: int = 1) -> dict[str, Any]:
    """Apply what cannot be, and return the error."""
    done = site.run("apply", limit=host.name, code=code).host(host.name)
    assert done["outcome"] in ("failed", "refused")
    error: dict[str, Any] = done["error"] or done["problems"][0]
    assert error["hint"]
    return error


@pytest.mark.parametrize(
    ("version", "code", "words"),
    [
        (faulty_engines.UNSIGNED, "E223", "is not signed"),
        (faulty_engines.FOREIGN, "E223", "docker-ce"),
        (faulty_engines.LACKING, "E222", "lab-nowhere"),
    ],
    ids=["unsigned", "signed by another", "dependency missing"],
)
def test_packages_that_are_not_right(
    site: Site, supply: Supply, before: Before, version: str, code: str, words: str
) -> None:
    configure_faulty(site, supply, "repository", version)
    error = refused(site, before.host)
    assert error["code"] == code and words in json.dumps(error), error
    before.assert_untouched()


def test_key_with_another_fingerprint(site: Site, supply: Supply, before: Before) -> None:
    pinned = fingerprint(supply.made.key("other"))
    supply.configure(site, "repository", NEW, engine={"repository": {"fingerprints": [pinned]}}, **_QUICK)
    error = refused(site, before.host)
    assert error["code"] == "E223" and fingerprint(supply.made.key()) in json.dumps(error)
    before.assert_untouched()


def test_repository_that_goes_in_the_middle_of_a_download(site: Site, supply: Supply, before: Before) -> None:
    supply.configure(site, "repository", NEW, **_QUICK)
    before.host.sh("rm -rf /var/cache/dnf/*")
    supply.server.cuts[r"docker-ce-28.*\.rpm$"] = 100_000
    gone = threading.Thread(target=lambda: supply.server.reached.wait(60) and supply.server.vanish())
    gone.start()
    try:
        error = refused(site, before.host)
        assert supply.server.reached.is_set()
    finally:
        gone.join()
        supply.server.appear()
    assert error["code"] in ("E221", "E222"), error
    before.assert_untouched()


def test_database_that_somebody_else_has(site: Site, supply: Supply, before: Before) -> None:
    supply.configure(site, "repository", NEW, **_QUICK)
    lock_database(before.host, 30)
    try:
        error = refused(site, before.host, code=4)
        assert error["code"] == "E318" and "python" in json.dumps(error)
    finally:
        before.host.sh("kill $(cat /run/holder)")
    before.assert_untouched()


def lock_database(host: Host, seconds: int) -> None:
    """Hold the lock that rpm itself takes."""
    host.sh(f"""cat > /run/hold.py <<'PY'
import fcntl, os, time
with open("/var/lib/rpm/.rpm.lock", "a") as lock:
    fcntl.lockf(lock, fcntl.LOCK_EX)
    open("/run/holder", "w").write(str(os.getpid()))
    time.sleep({seconds})
PY
rm -f /run/holder; setsid python3 /run/hold.py </dev/null >/dev/null 2>&1 &
until [ -s /run/holder ]; do sleep 0.1; done""")


def test_database_that_is_taken_in_the_middle(site: Site, supply: Supply, before: Before) -> None:
    supply.configure(site, "repository", NEW, **_QUICK)
    before.host.sh("rm -rf /var/cache/dnf/*")
    supply.server.stalls[r"docker-ce-28.*\.rpm$"] = 100_000

    def meddle() -> None:
        supply.server.reached.wait(60)
        lock_database(before.host, 40)
        supply.server.stalls.clear()
        supply.server.release()

    meddler = threading.Thread(target=meddle)
    meddler.start()
    error = refused(site, before.host)
    meddler.join()
    before.host.sh("kill $(cat /run/holder)")
    assert "rpm database" in error["message"] and "apply again" in error["hint"]
    before.assert_back()


@pytest.mark.parametrize(
    ("place", "code"),
    [("/var/cache/dnf", "E217"), ("/var/lib/staithe", "E308"), ("/usr/bin", "E217")],
    ids=["cache", "staithe's own", "programs"],
)
def test_full_disk(site: Site, supply: Supply, before: Before, place: str, code: str) -> None:
    supply.configure(site, "repository", NEW, **_QUICK)
    host = before.host
    host.sh("rm -rf /var/cache/dnf/* /var/lib/staithe/packages/*28.5.2*")
    # As much as is there, and a little more.
    host.sh(f"""mkdir -p /mnt/full
mount -t tmpfs -o mode=755,size=$(($(du -sm {place} | cut -f1) + 20))m full /mnt/full
cp -a {place}/. /mnt/full/ && mount --bind /mnt/full {place}""")
    try:
        error = refused(site, host, code=None)
        assert error["code"] == code, error
        # While it is mounted: what was left there would be gone with it.
        before.assert_back()
    finally:
        # An engine that runs out of it has to come from the disk again.
        again = "systemctl restart containerd docker" if place == "/usr/bin" else ":"
        host.sh(f"umount -l {place}; umount -l /mnt/full; {again}")
    before.assert_back()


@dataclass(frozen=True)
class Blow:
    """A moment of an upgrade, seen on the host, and what is killed then."""

    name: str
    version: str
    # Shell: true when the moment has come.
    moment: str
    kill: str = "pkill -KILL -x dnf"


_SLEEPS = "pgrep -xf 'sleep 20'"
BLOWS = (
    Blow("dnf while it downloads", NEW, "pgrep -f '[k]eepcache=1' && ls /var/cache/dnf/*/packages/docker-ce-28*"),
    Blow("dnf while it waits for its answer", NEW, "ls /var/lib/staithe/repository/answer && pgrep -x dnf"),
    Blow("dnf before the first package", NEW, "grep '^Running transaction' /var/lib/staithe/repository/out"),
    Blow("dnf in the middle of the files", NEW, "ls /usr/bin/ | grep -q 'docker.*;'"),
    Blow("dnf in a %pre", faulty_engines.SLOW_PRE, _SLEEPS),
    Blow("dnf in a %post", faulty_engines.SLOW_POST, _SLEEPS),
    Blow(
        "the whole script",
        faulty_engines.SLOW_POST,
        _SLEEPS,
        "pkill -KILL -f '^timeout -k 5' && pkill -KILL -x dnf && pkill -KILL -xf 'sleep 20'",
    ),
)


def strike(host: Host, blow: Blow) -> subprocess.Popen[str]:
    """Watch the host for the moment, and kill; it prints `struck` when something was killed."""
    # A scriptlet outlives the dnf that was killed in the test before.
    host.sh(f"while {_SLEEPS} > /dev/null; do sleep 0.2; done")
    again = f"if {blow.moment} && {{ {blow.kill}; }}; then echo struck; exit; fi; sleep 0.02"
    script = f"for try in $(seq 4000); do {again}; done"
    return subprocess.Popen(
        ["ssh", "-F", host.ssh_config, host.name, f"sudo sh -c {quote(f'({script}) 2>/dev/null | tail -n 1')}"],
        stdout=subprocess.PIPE,
        text=True,
    )


def has_struck(striker: subprocess.Popen[str]) -> bool:
    return striker.communicate(timeout=90)[0].endswith("struck\n")


@pytest.mark.parametrize("blow", BLOWS, ids=lambda blow: blow.name)
def test_killed_upgrade_out_of_a_repository(site: Site, supply: Supply, before: Before, blow: Blow) -> None:
    configure_faulty(site, supply, "repository", blow.version, **_QUICK)
    if "download" in blow.name:
        before.host.sh("rm -rf /var/cache/dnf/*")
        supply.server.stalls[r"docker-ce-28.*\.rpm$"] = 1_000_000
    striker = strike(before.host, blow)
    error = refused(site, before.host)
    assert has_struck(striker)
    assert error["code"] in ("E207", "E218", "E222"), error
    before.assert_back()


def test_killed_upgrade_out_of_a_bundle(site: Site, supply: Supply, hosts: dict[str, Host]) -> None:
    host = hosts["h2"]
    brought(site, supply, host, "rpm-bundle", OLD)
    look, first = snapshot(host), container(host)[0]
    configure_faulty(site, supply, "rpm-bundle", faulty_engines.SLOW_POST, **_QUICK)
    striker = strike(host, BLOWS[4])
    error = refused(site, host)
    assert has_struck(striker) and error["code"] == "E207"
    assert_has(host, "rpm-bundle", OLD)
    assert look.difference(snapshot(host), ignoring=["containers"]) == ""
    assert container(host)[0] == first
    assert_nothing_left(host)


@pytest.mark.parametrize("version", [faulty_engines.SLOW_PRE, faulty_engines.SLOW_POST], ids=["pre", "post"])
def test_killed_first_installation_leaves_no_engine(
    site: Site, supply: Supply, hosts: dict[str, Host], version: str
) -> None:
    host = hosts["h3"]
    site.staithe("lab", "reset", host.name)
    supply.give_el(host)
    look = snapshot(host)
    configure_faulty(site, supply, "repository", version, **_QUICK)
    striker = strike(host, BLOWS[4])
    error = refused(site, host)
    assert has_struck(striker) and error["code"] == "E207"
    # The group is made by a scriptlet; rpm takes none away.
    assert look.difference(snapshot(host), ignoring=["group"]) == ""
    assert_nothing_left(host)


@pytest.mark.parametrize("how", ["reboot", "controller"])
def test_next_run_goes_on_after_one_that_was_cut_off(
    site: Site, supply: Supply, program: str, before: Before, how: str
) -> None:
    """Nobody is there to bring anything back: the next plan says what is half there, and the next run mends it."""
    host, version = before.host, faulty_engines.SLOW_POST
    configure_faulty(site, supply, "repository", version, **_QUICK)
    # Only seen: what kills comes from outside.
    striker = strike(host, Blow(how, version, _SLEEPS, "sync" if how == "reboot" else ":"))
    run = Killed(site, program, host, Wish(version, "rack=1"), ("--set", "smoke.enabled=false"))
    assert has_struck(striker)
    if how == "reboot":
        site.staithe("lab", "reboot", host.name)
        run.process.communicate(timeout=200)
        planned = site.run("plan", limit=host.name).host(host.name)
        assert "cut off" in json.dumps(planned["changes"])
    else:
        run.kill("both")
        rest(host)
    done = site.run("apply", limit=host.name).host(host.name)
    assert done["error"] is None
    assert host.sh("docker version -f '{{.Server.Version}}'").startswith(version)
    assert host.sh("rpm -V docker-ce docker-ce-cli containerd.io") == ""
    assert container(host)[0] == before.container[0]
    assert_treasure(host)
    assert_nothing_left(host)
    assert site.run("plan", "--check", limit=host.name).host(host.name)["changes"] == []
