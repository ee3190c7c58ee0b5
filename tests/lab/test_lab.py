"""The lab itself on this machine: what it gives, and that it leaves nothing behind however it ends.

Each test has a lab of its own (STAITHE_LAB_ID), so that the lab of the session and labs of others run on beside.
What is checked is read with other means than the lab's own code.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="the lab needs Linux and root"),
]

MAIN = [sys.executable, "-c", "from staithe.cli.app import main; main()", "lab"]


class Lab:
    """The command line of one lab."""

    def __init__(self, **environment: str) -> None:
        self.id = secrets.token_hex(3)
        self.env = {**os.environ, "STAITHE_LAB_ID": self.id, **environment}

    def __call__(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*MAIN, *argv], env=self.env, capture_output=True, text=True, timeout=120, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def killed(self, after_s: float, *argv: str, begun: Callable[[], bool] = lambda: True) -> None:
        """Start a command and kill it in the middle: some time after `begun` says that it is at work."""
        process = subprocess.Popen([*MAIN, *argv], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not begun() and process.poll() is None:
            time.sleep(0.001)
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def ssh(self, host: str, command: str, *, check: bool = True) -> str:
        return self("ssh", host, command, check=check).stdout.strip()

    @property
    def record(self) -> dict:
        return json.loads(self("status", "--json").stdout)

    def traces(self) -> list[str]:
        """Everything on this machine that carries the lab's id."""
        mine = f"stl-{self.id}"
        found = [f"link {line}" for line in _out("ip", "-o", "link").splitlines() if mine in line]
        found += [f"netns {line}" for line in _out("ip", "netns").splitlines() if self.id in line]
        found += [f"table {line}" for line in _out("nft", "list", "ruleset").splitlines() if mine in line]
        mounts = Path("/proc/mounts").read_text().splitlines()
        found += [f"mount {line}" for line in mounts if self.id in line]
        found += [f"cgroup {path}" for path in Path("/sys/fs/cgroup").glob(f"**/{mine}")]
        folders = [Path("/var/lib/staithe-lab"), Path("/run/staithe-lab")]
        found += [f"file {path}" for folder in folders for path in folder.glob(f"{self.id}*")]
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                groups = (entry / "cgroup").read_text()
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                    continue  # ended; the machine's init collects it when it likes
            except OSError:
                continue
            if f"staithe-lab/{self.id}" in words or f"staithe-lab:{self.id}" in words or mine in groups:
                found.append(f"process {entry.name} {words}")
        return found


def _out(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def machine() -> dict[str, object]:
    """What the lab could change about the machine itself."""
    labs_left = any("stl-" in line for line in _out("ip", "-o", "link").splitlines())
    return {
        "routes": [line for line in _out("ip", "route").splitlines() if "stl-" not in line],
        "forward": Path("/proc/sys/net/ipv4/ip_forward").read_text(),
        "sources": _out("sh", "-c", "cat /etc/apt/sources.list.d/* /etc/apt/sources.list 2>/dev/null | sha256sum"),
        "inotify": None if labs_left else Path("/proc/sys/fs/inotify/max_user_instances").read_text(),
        "run": None if labs_left else sorted(p.name for p in Path("/run").glob("staithe*")),
    }


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab()
    before = machine()
    yield lab
    lab("down", check=False)
    assert lab.traces() == []
    after = machine()
    for key, value in before.items():
        if value is not None and after[key] is not None:
            assert after[key] == value, key


@pytest.fixture(scope="module")
def hosts() -> Iterator[Lab]:
    """Four hosts, one of each image, for tests that do not end them."""
    lab = Lab()
    for number, image in enumerate(("el7", "el8", "el9", "el10"), 1):
        lab("up", f"h{number}", "--image", image)
    yield lab
    lab("down")
    assert lab.traces() == []


# -- what a host is -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "version", "dist", "line"),
    [
        ("h1", "7", ".el7", "CentOS Linux release 7.9.2009 (Core)"),
        ("h2", "8", ".el8", "CentOS Linux release 8.5.2111"),
        ("h3", "9", ".el9", "CentOS Stream release 9"),
        ("h4", "10", ".el10", "CentOS Stream release 10 (Coughlan)"),
    ],
)
def test_each_image_names_its_release_everywhere(hosts: Lab, host: str, version: str, dist: str, line: str) -> None:
    seen = hosts.ssh(
        host,
        ". /etc/os-release; echo $ID $VERSION_ID; cat /etc/redhat-release; rpm -E %dist; rpm -E %rhel; "
        "rpm -q --whatprovides --qf '[%{PROVIDES} %{PROVIDEVERSION}\\n]' 'system-release(releasever)' "
        "| grep releasever",
    )
    assert seen.splitlines() == [
        f"centos {version}", line, dist, version, f"system-release(releasever) {version}"
    ]  # fmt: skip


def test_el7_has_yum_and_no_dnf(hosts: Lab) -> None:
    assert hosts.ssh("h1", "command -v yum dnf; true") == "/usr/bin/yum"
    assert hosts.ssh("h3", "command -v yum dnf") == "/usr/bin/yum\n/usr/bin/dnf"


def test_a_host_is_booted_by_systemd_with_no_failed_unit(hosts: Lab) -> None:
    seen = hosts.ssh(
        "h3",
        "cat /proc/1/comm; systemctl is-system-running; systemctl --failed --no-legend; "
        "hostname; id -un; sudo -n id -un; rpm -q bash; command -v apt dpkg; sh --version | head -1 | cut -c1-8; "
        "modprobe br_netfilter && echo modprobe",
    )
    words = seen.splitlines()
    assert words[:5] == ["systemd", "running", "h3", "ops", "root"]
    assert words[5].startswith("bash-5") and words[6:] == ["GNU bash", "modprobe"]


def test_users_differ_in_what_sudo_grants(hosts: Lab) -> None:
    assert "h3" in hosts.ssh("h3", "sudo -n hostname")
    asks = "echo clerk-of-the-lab | sudo -S -p '' id -un; sudo -k; sudo -n true || echo asks"
    config = hosts.record["ssh_config"]
    as_user = ["ssh", "-q", "-F", config]
    assert _out(*as_user, "clerk@h3", asks).split() == ["root", "asks"]
    assert _out(*as_user, "guest@h3", "sudo -n true || echo refused").strip() == "refused"


def test_sysctls_of_the_network_are_the_hosts_own(hosts: Lab) -> None:
    mine = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    hosts.ssh("h3", "sudo sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1")
    assert hosts.ssh("h3", "sysctl -n net.ipv4.ip_forward") == "1"
    assert hosts.ssh("h2", "sysctl -n net.ipv4.ip_forward") == "0"
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == mine


def test_engine_folders_are_not_on_an_overlay(hosts: Lab) -> None:
    kinds = hosts.ssh("h3", "stat -f -c %T /var/lib/docker /var/lib/containerd /data /").split()
    assert "overlayfs" not in kinds[:3] and kinds[3] == "overlayfs"


def test_every_exec_is_in_the_journal(hosts: Lab) -> None:
    count = "sudo journalctl -u sshd --no-pager | grep -c 'Starting session: command'"
    first = int(hosts.ssh("h2", count))
    assert int(hosts.ssh("h2", count)) == first + 1


# -- the air gap ----------------------------------------------------------------------------------


def test_hosts_reach_each_other_and_nothing_else(hosts: Lab) -> None:
    record = hosts.record
    other = record["hosts"]["h2"]["ip"]
    mine = [
        word.split("/")[0] for line in _out("ip", "-4", "-o", "address").splitlines() for word in line.split()[3:4]
    ]
    mine = [address for address in mine if not address.startswith("127.") and address != record["address"]]
    gateway = _out("ip", "route", "show", "default").split()[2:3]
    # A listener on every address of the machine, at a port that hosts may not reach.
    argv = [sys.executable, "-u", "-m", "http.server", "--bind", "0.0.0.0", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            assert server.stdout
            port = server.stdout.readline().split(" port ")[1].split()[0]
            assert hosts.ssh("h3", "ip route show default") == ""
            hosts.ssh("h3", f"timeout 2 bash -c '</dev/tcp/{other}/22'")
            # Also with a route that somebody adds by hand.
            hosts.ssh("h3", f"sudo ip route add default via {record['address']}")
            tries = [
                f"(timeout 1 bash -c '</dev/tcp/{address}/{port}' 2>/dev/null && echo {address} open) &"
                for address in [*mine, record["address"], *gateway]
            ]
            tries += [f"(ping -c1 -W1 {address} >/dev/null && echo {address} answers) &" for address in gateway]
            assert hosts.ssh("h3", " ".join([*tries, "wait"])) == ""
        finally:
            hosts.ssh("h3", "sudo ip route del default", check=False)
            server.kill()


# -- reset, reboot, two labs ----------------------------------------------------------------------


def test_reset_forgets_everything_but_who_the_host_is(lab: Lab) -> None:
    lab("up", "1")
    lab.ssh("h1", "sudo touch /etc/mark /var/lib/docker/mark /data/mark; sudo ip link add d0 type bridge")
    before = lab.record["hosts"]["h1"]
    began = time.monotonic()
    lab("reset", "h1")
    assert time.monotonic() - began < 10
    after = lab.record["hosts"]["h1"]
    assert after["ip"] == before["ip"] and after["keeper"] != before["keeper"]
    # ssh is strict about the host key, so that it answers shows that the key is the same.
    assert lab.ssh("h1", "ls /etc/mark /var/lib/docker/mark /data/mark /sys/class/net/d0 2>/dev/null; true") == ""


def test_a_reboot_keeps_files_and_comes_back(lab: Lab) -> None:
    lab("up", "1")
    boot_id = lab.ssh("h1", "sudo touch /etc/mark; sudo sysctl -qw net.ipv4.ip_forward=1; stat -c %Y /proc/1")
    lab.ssh("h1", "sudo systemctl reboot", check=False)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(0.2)
        seen = lab.ssh("h1", "ls /etc/mark; sysctl -n net.ipv4.ip_forward; systemctl is-system-running", check=False)
        if seen.endswith("running") and "\n0\n" in seen:
            break
    assert seen.split() == ["/etc/mark", "0", "running"], (seen, boot_id)


def test_two_checkouts_side_by_side(lab: Lab, hosts: Lab) -> None:
    lab("up", "2", "--cgroup", "v2") if _hybrid() else lab("up", "2")
    one, two = lab.record, hosts.record
    assert one["subnet"] != two["subnet"] and one["bridge"] != two["bridge"]
    assert lab.ssh("h1", "stat -f -c %T /sys/fs/cgroup") == "cgroup2fs"
    neighbour = two["hosts"]["h1"]["ip"]
    lab.ssh("h1", f"sudo ip route add default via {one['address']}")
    assert lab.ssh("h1", f"timeout 1 bash -c '</dev/tcp/{neighbour}/22' 2>/dev/null || echo apart") == "apart"
    assert lab("prune").returncode == 0  # labs in order are left alone
    lab("down")
    assert lab.traces() == []
    assert hosts.ssh("h4", "systemctl is-system-running") == "running"


def _hybrid() -> bool:
    return "cgroup2 /sys/fs/cgroup cgroup2" not in Path("/proc/mounts").read_text()


def test_up_holds_no_pipe_of_its_caller(lab: Lab) -> None:
    began = time.monotonic()
    shell = f"{' '.join(repr(word) for word in MAIN)} up 1 | cat"
    done = subprocess.run(["sh", "-c", shell], env=lab.env, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("h1 ") and time.monotonic() - began < 30


def test_up_adds_what_is_missing_and_keeps_what_runs(lab: Lab) -> None:
    lab("up", "1")
    first = lab.record["hosts"]["h1"]["keeper"]
    lab("up", "3")
    assert lab.record["hosts"]["h1"]["keeper"] == first and set(lab.record["hosts"]) == {"h1", "h2", "h3"}
    refused = lab("up", "1", "--image", "el7", check=False)
    assert refused.returncode == 2 and "reset h1 --image el7" in refused.stderr


# -- kill -9 --------------------------------------------------------------------------------------


@pytest.mark.parametrize("after_s", [0.4, 0.7, 1.0])
def test_prune_finds_what_a_killed_up_left(lab: Lab, after_s: float) -> None:
    lab.killed(after_s, "up", "4", "--registry")
    lab("prune")
    record = Path(f"/var/lib/staithe-lab/{lab.id}/lab.json")
    if record.exists() and json.loads(record.read_text())["state"] == "ready":
        lab("down")  # it had done its work before the blow; such a lab is in order
    assert lab.traces() == []


@pytest.mark.parametrize(("command", "after_s"), [("reset", 0.2), ("down", 0.0)])
def test_prune_finds_what_a_killed_reset_or_down_left(lab: Lab, command: str, after_s: float) -> None:
    lab("up", "3")
    keepers = [Path(f"/proc/{host['keeper']['pid']}") for host in lab.record["hosts"].values()]
    lab.killed(after_s, command, begun=lambda: not all(keeper.exists() for keeper in keepers))
    if command == "reset" and lab.record["state"] == "ready":
        lab("down")  # it had done its work before the blow; such a lab is in order
    lab("prune")
    assert lab.traces() == []


def test_up_mends_what_a_killed_up_left(lab: Lab) -> None:
    lab.killed(0.6, "up", "4")
    lab("up", "2")
    lab("prune")
    assert set(lab.record["hosts"]) >= {"h1", "h2"}
    assert lab.ssh("h2", "systemctl is-system-running") == "running"


def test_prune_takes_a_lab_whose_record_is_gone(lab: Lab) -> None:
    lab("up", "1")
    shutil.rmtree(f"/var/lib/staithe-lab/{lab.id}")
    lab("prune")
    assert lab.traces() == []


def test_a_killed_build_leaves_no_half_base(tmp_path: Path) -> None:
    lab = Lab(STAITHE_LAB_CACHE=str(tmp_path / "cache"))
    lab.killed(2.5, "up", "1")
    deadline = time.monotonic() + 10
    while str(tmp_path) in _out("ps", "-eo", "args") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert str(tmp_path) not in _out("ps", "-eo", "args")
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert list((tmp_path / "cache").glob("base/*")) == []
    lab("prune", "--purge", check=False)
    assert not (tmp_path / "cache" / "tmp").exists()
    assert lab.traces() == []


# -- the registry ---------------------------------------------------------------------------------


def test_the_registry_serves_hosts_and_goes_with_the_lab(lab: Lab) -> None:
    lab("up", "1", "--registry")
    registry = lab.record["registry"]
    tags = lab.ssh("h1", f"curl -sf {registry['url']}/v2/library/mirrored/tags/list")
    assert json.loads(tags) == {"name": "library/mirrored", "tags": ["1"]}
    lab("down")
    assert lab.traces() == []


def test_reset_without_a_lab_makes_nothing(lab: Lab) -> None:
    refused = lab("reset", check=False)
    assert refused.returncode == 2 and "staithe lab up" in refused.stderr
    lab("prune")
    assert lab.traces() == []
