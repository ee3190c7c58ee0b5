"""Runs that are killed in the middle, and what a host must look like then and after the next apply.

What is asserted here is read from the host with its own commands, and compared with the engine archives' content.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tests.lab.conftest import LAB_ID, Host, Site

Victim = Literal["cli", "runner", "both"]
VICTIMS: tuple[Victim, ...] = ("cli", "runner", "both")
ROOT = "/usr/libexec/docker/staithe"
UNITS = tuple(f"/etc/systemd/system/{name}" for name in ("containerd.service", "docker.socket", "docker.service"))

_LOOK = f"""for unit in containerd docker; do
  pid=$(systemctl show -p MainPID --value $unit.service)
  if [ "$pid" != 0 ]; then echo "exe $unit $(readlink /proc/$pid/exe)"; fi
done
for link in /usr/bin/dockerd /usr/bin/docker /usr/bin/containerd /usr/bin/runc; do
  if [ -L $link ]; then echo "link $link $(readlink -e $link)"; fi
done
if [ -L {ROOT}/current ]; then echo "link current $(readlink -e {ROOT}/current)"; fi
for file in /etc/docker/daemon.json {" ".join(UNITS)}; do
  if [ -e $file ]; then echo "file $file $(base64 -w0 < $file)"; fi
done
for file in {ROOT}/*/*; do
  case $file in */current/*|*'*'*) ;; *) echo "program $file $(sha256sum < $file)" ;; esac
done
"""
_LEFT = r"""find /etc /usr/bin /usr/libexec /var/lib/staithe \( -name '*staithe-new' -o -name '.new-*' \
  -o -name '*.part' -o -name '.engine.fifo*' -o -name '.current.new' -o -name '*.new' \) -print
find /var/lib/staithe \( -name 'journal*' -o -name load -o -name 'lock.holder*' \) -print
find /tmp /var/tmp /run -name '*staithe*' ! -path '/run/staithe-lab*' ! -path '/run/containerd/*' -print"""
# Seconds: what a killed run had at work has ended by itself by then.
_ENDS_S = 40
FREE = """for file in /var/lib/staithe/lock /var/lib/staithe/lock.work; do
  if [ -e $file ]; then flock -w WITHIN $file true || echo "$file is held"; fi
done"""


@dataclass(frozen=True)
class Wish:
    """What a run is asked to bring about."""

    version: str
    label: str

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            *("--set", f"engine.version={self.version}"),
            *("--set", f'daemon.labels=["{self.label}"]'),
        )


@cache
def programs_of(archive: Path) -> Mapping[str, str]:
    """Return the sha256 of each program in an engine archive."""
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.isfile()]
        return {Path(m.name).name: hashlib.sha256(tar.extractfile(m).read()).hexdigest() for m in members}  # type: ignore[union-attr]


@dataclass
class Killed:
    """A run in a process of its own, with its own folder for records."""

    site: Site
    program: str
    host: Host
    wish: Wish
    arguments: tuple[str, ...] = ()
    records: Path = field(init=False)
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.records = self.site.folder / f"records-{self.host.name}-{time.monotonic_ns()}"
        self.process = subprocess.Popen(
            [
                self.program,
                *("apply", self.site.inventory, "--yes", "--limit", self.host.name),
                *self.wish.arguments,
                *self.arguments,
            ],
            cwd=self.site.folder,
            env={**os.environ, "STAITHE_LAB_ID": LAB_ID, "STAITHE_RUNS": str(self.records)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        found = list(self.records.glob("*/events.jsonl"))
        lines = found[0].read_text().splitlines() if found else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def wait_until(self, seen: Callable[[dict[str, Any]], bool], seconds: float = 100) -> bool:
        """Wait for an event; False when the run ended without it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if any(seen(event) for event in self.events):
                return True
            if self.process.poll() is not None:
                return any(seen(event) for event in self.events)
            time.sleep(0.01)
        raise AssertionError(f"nothing of that kind in {seconds} s: {self.events[-3:]}")

    def runners(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            pids = [int(word) for word in children.read_text().split()]
        except OSError:
            return []
        return [pid for pid in pids if b"staithe.runner" in _command_of(pid)]

    def kill(self, victim: Victim) -> str:
        """Kill, wait until every process of the run is gone, and return what it said."""
        runners = self.runners()
        if victim != "cli":
            for pid in runners:
                os.kill(pid, signal.SIGKILL)
        if victim != "runner":
            self.process.kill()
        said, _ = self.process.communicate(timeout=150)
        assert "Traceback" not in said, said
        end = time.monotonic() + 150
        while any(b"staithe.runner" in _command_of(pid) for pid in runners):
            assert time.monotonic() < end, "the runner outlives its command line"
            time.sleep(0.05)
        return said


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def rest(host: Host, within_s: int = _ENDS_S) -> None:
    """Wait until nobody is at work on the host any more; no lock stays."""
    assert host.sh(FREE.replace("WITHIN", str(within_s))) == ""


@dataclass(frozen=True)
class Look:
    """What a host looks like."""

    exes: dict[str, str]
    links: dict[str, str]
    files: dict[str, str]
    # Directory -> program -> sha256
    programs: dict[str, dict[str, str]]


def look(host: Host) -> Look:
    """Read the host with its own commands."""
    found = Look({}, {}, {}, {})
    for line in host.sh(_LOOK).splitlines():
        kind, name, *rest_ = line.split(" ")
        value = " ".join(rest_).strip()
        if kind == "exe":
            found.exes[name] = value
        elif kind == "link":
            found.links[name] = value
        elif kind == "file":
            found.files[name] = value
        else:
            directory, program = name.rsplit("/", 1)
            found.programs.setdefault(directory, {})[program] = value.split(" ")[0]
    return found


def assert_nothing_is_half(seen: Look, before: Look, after: Look, archives: Mapping[str, Path]) -> None:
    """Whatever moment a run was killed at: each thing is wholly as before or wholly as wished."""
    for directory, programs in seen.programs.items():
        version = Path(directory).name.split("-")[0]
        assert programs == programs_of(archives[version]), f"{directory} is half there"
    for unit, exe in seen.exes.items():
        assert not exe.endswith("(deleted)"), f"{unit} runs a program that was taken away"
        assert str(Path(exe).parent) in seen.programs
    for link, target in seen.links.items():
        assert target, f"{link} leads to nothing"
    for path in ("/etc/docker/daemon.json", *UNITS):
        assert seen.files.get(path) in (before.files.get(path), after.files.get(path)), f"{path} is half there"


def assert_converged(site: Site, host: Host, wish: Wish, archives: Mapping[str, Path]) -> Look:
    """The host is what was wished for, by its own account, and nothing of any run is left."""
    rest(host)
    seen = look(host)
    directory = Path(seen.links["current"])
    assert directory.name.startswith(f"{wish.version}-")
    assert seen.programs[str(directory)] == programs_of(archives[wish.version])
    assert seen.exes == {"containerd": f"{directory}/containerd", "docker": f"{directory}/dockerd"}
    written = json.loads(host.sh("cat /etc/docker/daemon.json"))
    assert written["labels"] == [wish.label]
    info = json.loads(host.sh("docker info -f json 2>/dev/null || docker info -f '{{json .}}'"))
    assert info["Labels"] == written["labels"]
    assert info["ServerVersion"].startswith(wish.version)
    mirrors = [mirror.rstrip("/") for mirror in info["RegistryConfig"]["Mirrors"]]
    assert mirrors == written["registry-mirrors"]
    reload_due = host.sh(
        "for unit in containerd.service docker.socket docker.service; do\n"
        "systemctl show -p NeedDaemonReload --value $unit; done | sort -u"
    )
    assert reload_due == "no"
    assert host.sh(_LEFT, check=False) == ""
    assert host.sh("docker ps -aq; docker volume ls -q; ctr -n staithe-smoke containers ls -q") == ""
    assert site.run("plan", "--check", *wish.arguments, "--set", "smoke.enabled=false", limit=host.name).code == 0
    return seen


def stages(seen: list[dict[str, Any]]) -> Iterator[str]:
    """Name what a run was at, for the message of a test that fails."""
    for event in seen:
        if event["type"] in ("change_started", "change_done", "host_failed", "host_done"):
            yield f"{event['type']} {event.get('change_id') or ''}"
