"""Blobs by relay: one copy from this machine, the rest from a neighbour; and relays that do wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from staithe.lab import artifacts, firewalld
from tests.lab.conftest import LAB_ID, SMOKE_IMAGE, Host, Site


@pytest.fixture
def relayed(site: Site) -> Site:
    """A site in which h1 is the relay."""
    configure(site)
    return site


def configure(site: Site, **transfer: Any) -> None:
    site.configure(smoke={"enabled": False}, daemon={}, transfer={"relay": "h1", **transfer})


def reset(site: Site, *names: str) -> None:
    site.staithe("lab", "reset", *names)


def events(site: Site, *types: str) -> list[dict[str, Any]]:
    """Return the events of these types of the newest run."""
    run = max((site.folder / ".staithe" / "runs").iterdir())
    found = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [one for one in found if one["type"] in types]


def sent_bytes(site: Site, to: str | None = None) -> dict[str, int]:
    """Return how much of each blob this machine sent in the newest run, in all or to one receiver."""
    sent: dict[str, int] = {}
    for one in events(site, "transferred"):
        name = f"relay {one['host']}" if one["component"] == "relay" else one["host"]
        if to in (None, name):
            key = f"{name} {one['blob']}"
            sent[key] = max(sent.get(key, 0), one["sent_bytes"])
    return sent


def from_controller(site: Site) -> int:
    """Return the bytes that this machine has sent to hosts; what one host sends to another is not among them."""
    return int(Path(f"/sys/class/net/{site.lab['bridge']}/statistics/tx_bytes").read_text())


def nothing_left(host: Host) -> bool:
    found = host.sh(
        "ls -d /var/lib/staithe-relay /run/systemd/system/staithe-relay* 2>/dev/null || :;"
        "systemctl list-units --all --plain --no-legend 'staithe-relay*'; ss -ltnH | grep -E ':185[01]' || :"
    )
    return found == ""


def wait_until_nothing_is_left(host: Host, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not nothing_left(host):
        assert time.monotonic() < deadline, host.sh(
            "systemctl list-units --all 'staithe-relay*'; ls /run/systemd/system"
        )
        time.sleep(0.5)


def runs_the_right_engine(host: Host) -> None:
    assert host.sh(f"docker run --rm {SMOKE_IMAGE} echo seen") == "seen"
    archive = artifacts.located().engines["28.5.2"]
    wanted = subprocess.check_output(f"tar -xzOf {archive} docker/dockerd | sha256sum", shell=True, text=True)
    assert host.sh("sha256sum < /usr/bin/dockerd") == wanted.strip()


def test_one_copy_leaves_this_machine(relayed: Site, hosts: dict[str, Host]) -> None:
    reset(relayed, "h1", "h2", "h3", "h4")
    before = from_controller(relayed)
    done = relayed.run("apply", "--limit", "h1", "--limit", "h2", "--limit", "h3", "--limit", "h4")
    sent = from_controller(relayed) - before
    assert {one["outcome"] for one in done.json["hosts"]} == {"changed"}
    assert [one["notices"] for one in done.json["hosts"]] == [[]] * 4
    copy = sum(sent_bytes(relayed).values())
    assert copy > 70 << 20
    assert set(sent_bytes(relayed)) == set(sent_bytes(relayed, "relay h1")), "the relay's own blobs came once too"
    assert 0.95 * copy < sent < 1.05 * copy
    for name in ("h1", "h2", "h3", "h4"):
        runs_the_right_engine(hosts[name])
    pulled = {(one["host"], one["origin"]) for one in events(relayed, "pulling")}
    assert pulled == {(name, "relay h1") for name in ("h1", "h2", "h3", "h4")}
    wait_until_nothing_is_left(hosts["h1"], 10)
    # Nothing to do: no relay, no blob.
    done = relayed.run("apply", "--limit", "h1", "--limit", "h2", "--limit", "h3", "--limit", "h4")
    assert {one["outcome"] for one in done.json["hosts"]} == {"unchanged"}
    assert events(relayed, "transferred", "pulling", "blobs_wanted", "blob_ready") == []


def test_a_relay_that_the_run_does_not_change_serves_all_shards_and_batches(
    relayed: Site, hosts: dict[str, Host]
) -> None:
    reset(relayed, "h1", "h2", "h3", "h4")
    record = hosts["h1"].sh("cat /var/lib/staithe/record.json 2>/dev/null || echo none")
    done = relayed.run("apply", "--limit", "h2", "--limit", "h3", "--limit", "h4", "--shards", "2", "--batch", "1")
    assert {one["host"]: one["outcome"] for one in done.json["hosts"]} == dict.fromkeys(("h2", "h3", "h4"), "changed")
    assert set(sent_bytes(relayed)) == set(sent_bytes(relayed, "relay h1"))
    assert len({one["blob"] for one in events(relayed, "pulling")}) == len(sent_bytes(relayed))
    assert [one["notices"] for one in done.json["hosts"]] == [[]] * 3
    assert hosts["h1"].sh("cat /var/lib/staithe/record.json 2>/dev/null || echo none") == record
    wait_until_nothing_is_left(hosts["h1"], 10)


def lying(host: Host, deed: str) -> None:
    """Make the program with which the relay sends blobs do something to them."""
    host.sh(
        "[ -e /usr/bin/dd.real ] || mv /usr/bin/dd /usr/bin/dd.real\n"
        "cat > /usr/bin/dd.new <<'EOF'\n"
        f'#!/bin/sh\ncase $1 in if=*) dd.real "$@" | {deed} ;; *) exec dd.real "$@" ;; esac\nEOF\n'
        "chmod 755 /usr/bin/dd.new; mv /usr/bin/dd.new /usr/bin/dd"
    )


@pytest.mark.parametrize(
    ("deed", "words"),
    [("tr abc xyz", "refused: sha256 is "), ("head -c 1000", "curl: (18)"), ("sleep 120", "curl: (28)")],
    ids=["wrong", "short", "slow"],
)
def test_a_relay_that_does_wrong_is_refused_on_the_host(
    relayed: Site, hosts: dict[str, Host], deed: str, words: str
) -> None:
    reset(relayed, "h1", "h2")
    lying(hosts["h1"], deed)
    done = relayed.run("apply", limit="h2")
    host = done.host("h2")
    assert host["outcome"] == "changed"
    assert len(host["notices"]) == 1, "it is asked once and then given up"
    assert f"from relay h1: {words}" in host["notices"][0]
    assert host["notices"][0].endswith("; sent by SSH instead")
    assert host["notices"][0] in relayed.staithe("logs", "h2").out
    assert f"h2 notice: {host['notices'][0]}" in done.err
    runs_the_right_engine(hosts["h2"])
    wait_until_nothing_is_left(hosts["h1"], 10)


def test_hosts_that_cannot_pull_get_their_blobs_over_ssh(relayed: Site, hosts: dict[str, Host]) -> None:
    reset(relayed, "h1", "h2", "h3")
    hosts["h2"].sh("mv /usr/bin/curl /usr/bin/curl.away")
    done = relayed.run("apply", "--limit", "h2", "--limit", "h3")
    assert [len(done.host(name)["notices"]) for name in ("h2", "h3")] == [1, 0]
    assert "from relay h1: there is no curl on the host; sent by SSH instead" in done.host("h2")["notices"][0]
    assert sent_bytes(relayed, "h2") and not sent_bytes(relayed, "h3")
    for name in ("h2", "h3"):
        runs_the_right_engine(hosts[name])
    # At an address where nobody is.
    subnet = str(relayed.lab["address"]).rpartition(".")[0]
    configure(relayed, relay_address=f"{subnet}.250")
    reset(relayed, "h2")
    done = relayed.run("apply", limit="h2")
    assert "from relay h1: curl: (" in done.host("h2")["notices"][0]
    assert done.host("h2")["outcome"] == "changed"


def test_a_relay_that_cannot_be_set_up(relayed: Site, hosts: dict[str, Host]) -> None:
    reset(relayed, "h1", "h2")
    configure(relayed, relay_port=18600)
    hosts["h1"].sh("systemd-run --unit=taken python3 -m http.server 18600; sleep 1")
    done = relayed.run("apply", limit="h2")
    assert done.host("h2")["outcome"] == "changed"
    assert done.host("h2")["notices"] == ["relay h1: none of its ports is free: 18600; blobs are sent by SSH instead"]
    wait_until_nothing_is_left(hosts["h1"], 10)
    reset(relayed, "h2")
    relayed.staithe("lab", "cut", "h1")
    try:
        done = relayed.run("apply", limit="h2")
    finally:
        relayed.staithe("lab", "mend")
    assert done.host("h2")["outcome"] == "changed"
    assert done.host("h2")["notices"][0].startswith("relay h1: no connection")


def test_a_relay_that_nobody_knows_is_a_mistake_of_the_configuration(relayed: Site) -> None:
    configure(relayed, relay="h77")
    done = relayed.run("apply", limit="h2", code=2)
    assert "transfer.relay: the inventory has no host h77" in done.text


def test_two_runs_have_the_same_relay_at_once(relayed: Site, hosts: dict[str, Host]) -> None:
    reset(relayed, "h1", "h2", "h3")
    command = [relayed.staithe.program, "apply", relayed.inventory, "--yes", "--json", "--limit"]
    env = {**os.environ, "STAITHE_LAB_ID": LAB_ID}
    runs = [
        subprocess.Popen(
            [*command, name], cwd=relayed.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name in ("h2", "h3")
    ]
    results = [json.loads(run.communicate(timeout=200)[0])["hosts"][0] for run in runs]
    assert [(one["outcome"], one["notices"]) for one in results] == [("changed", [])] * 2
    for name in ("h2", "h3"):
        runs_the_right_engine(hosts[name])
    wait_until_nothing_is_left(hosts["h1"], 10)


def begun(site: Site, hosts: dict[str, Host]) -> tuple[subprocess.Popen[str], str]:
    """Start a run whose relay is at work, slowly; return it, and the processes of it here."""
    reset(site, "h1", "h2")
    lying(hosts["h1"], "{ head -c 100000; sleep 60; }")
    run = subprocess.Popen(
        [site.staithe.program, "apply", site.inventory, "--yes", "--limit", "h2"],
        cwd=site.folder,
        env={**os.environ, "STAITHE_LAB_ID": LAB_ID},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not any((site.folder / ".staithe").rglob("events.jsonl")) or not events(site, "pulling"):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    while not hosts["h1"].sh("pgrep -f '[d]d.real if=' || :"):
        assert time.monotonic() < deadline, "the relay sends in its own way"
        time.sleep(0.3)
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text()
    return run, children


def test_a_controller_that_is_killed_leaves_nothing(relayed: Site, hosts: dict[str, Host]) -> None:
    run, children = begun(relayed, hosts)
    assert not nothing_left(hosts["h1"])
    for pid in [run.pid, *map(int, children.split())]:
        os.kill(pid, signal.SIGKILL)
    run.wait()
    wait_until_nothing_is_left(hosts["h1"], 15)


def test_the_limit_in_time_ends_a_relay_that_nobody_ends(relayed: Site, hosts: dict[str, Host]) -> None:
    # It counts from before the blobs are sent to the relay, which may take 10 s beside other tests.
    configure(relayed, relay_time_limit_s=25)
    run, children = begun(relayed, hosts)
    pids = [run.pid, *map(int, children.split())]
    for pid in pids:
        # A runner that is alive sees what goes next, and takes the relay away.
        os.kill(pid, signal.SIGSTOP)
    # Whatever of the run is on the relay, too.
    hosts["h1"].sh("pkill -9 -f '[L]imit in time of the relay'")
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    run.wait()
    assert not nothing_left(hosts["h1"]), "nobody was left to end it"
    wait_until_nothing_is_left(hosts["h1"], 45)


def test_firewalld_lets_the_hosts_of_the_run_in_and_nobody_else(relayed: Site, hosts: dict[str, Host]) -> None:
    reset(relayed, "h1", "h2", "h3")
    with firewalld.ensure(print).open("rb") as archive:
        unpack = "sudo tar -C / -xf - --keep-directory-symlink && sudo systemctl daemon-reload"
        command = ["ssh", "-F", hosts["h1"].ssh_config, "h1", unpack]
        subprocess.run(command, stdin=archive, check=True)
    hosts["h1"].sh("systemctl reload dbus; systemctl start firewalld; firewall-cmd --state")
    before = hosts["h1"].sh("firewall-cmd --list-all; firewall-cmd --permanent --list-all")
    # The real one, and what it was told.
    hosts["h1"].sh(
        "mv /usr/bin/firewall-cmd /usr/bin/firewall-cmd.real; cat > /usr/bin/firewall-cmd <<'EOF'\n"
        '#!/bin/sh\necho "$*" >> /var/log/told\nexec firewall-cmd.real "$@"\nEOF\nchmod 755 /usr/bin/firewall-cmd'
    )
    with asking(hosts["h3"], hosts["h1"]) as asked:
        done = relayed.run("apply", limit="h2")
    assert (done.host("h2")["outcome"], done.host("h2")["notices"]) == ("changed", [])
    assert asked() == "never", "h3 is in the inventory, but not in this run"
    told = hosts["h1"].sh("grep rich /var/log/told").splitlines()
    rule = f'rule family="ipv4" source address="{hosts["h2"].ip}" port port="18500" protocol="tcp" accept'
    assert told == [
        f"-q --zone=public --timeout=14400 --add-rich-rule={rule}",
        f"-q --zone=public --remove-rich-rule={rule}",
    ]
    assert hosts["h1"].sh("firewall-cmd --list-all; firewall-cmd --permanent --list-all") == before
    wait_until_nothing_is_left(hosts["h1"], 10)


@contextmanager
def asking(host: Host, relay: Host) -> Iterator[Callable[[], str]]:
    """Let a host ask the relay again and again; the function given tells whether it ever got an answer."""
    host.sh(
        "systemd-run -q --unit=asking sh -c 'while :; do "
        f"curl -s -m 1 -o /dev/null http://{relay.ip}:18500/ && touch /run/answered; sleep 0.2; done'"
    )
    try:
        yield lambda: host.sh("[ -e /run/answered ] && echo answered || echo never")
    finally:
        host.sh("systemctl stop asking")


def behind_a_jump(site: Site, host: Host, jump: Host) -> None:
    """Let staithe reach a host through another one alone."""
    config = site.folder / "ssh_config"
    own = Path(host.ssh_config).read_text()
    config.write_text(f"Host {host.ip}\n  ProxyJump {jump.ip}\n\n{own}")
    text = (site.folder / "inventory.py").read_text()
    text += (
        f'\nfor name, data in hosts:\n    if name == "{host.name}":\n        data["ssh_config_file"] = "{config}"\n'
    )
    (site.folder / "inventory.py").write_text(text)


def test_a_relay_behind_a_jump_host_needs_its_address(relayed: Site, hosts: dict[str, Host]) -> None:
    reset(relayed, "h1", "h2")
    behind_a_jump(relayed, hosts["h1"], hosts["h4"])
    done = relayed.run("apply", limit="h2")
    assert done.host("h2")["outcome"] == "changed"
    (notice,) = done.host("h2")["notices"]
    assert "reached through a jump host" in notice and "transfer.relay_address" in notice
    reset(relayed, "h2")
    configure(relayed, relay_address=hosts["h1"].ip)
    done = relayed.run("apply", limit="h2")
    assert (done.host("h2")["outcome"], done.host("h2")["notices"]) == ("changed", [])
    wait_until_nothing_is_left(hosts["h1"], 10)
