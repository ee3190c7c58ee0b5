"""What runs in a lab, as one JSON file that its user may read. Light: inventories/lab.py imports it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from staithe.errors import LabError
from staithe.lab import places

SCHEMA_VERSION = 1
_T = TypeVar("_T", "Host", "Registry", "Lab")
USER = "ops"


@dataclass(frozen=True)
class Process:
    """A process by number and start time (clock ticks since boot): together they name it for good."""

    pid: int
    start: int

    @classmethod
    def of(cls, pid: int) -> Process:
        """Return the identity of the process that has this number now."""
        return cls(pid, _start_of(pid) or 0)

    def alive(self) -> bool:
        """Tell whether this very process still runs."""
        return _start_of(self.pid) == self.start


def _start_of(pid: int) -> int | None:
    """Return the start time of a process, None when there is none or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


@dataclass(frozen=True)
class Host:
    """One running host."""

    name: str
    ip: str
    image: str
    cgroup: str
    keeper: Process


@dataclass(frozen=True)
class Registry:
    """The lab's registry; `images` are the docker.io names that it answers for as a mirror."""

    url: str
    images: list[str]
    process: Process


@dataclass
class Lab:
    """A lab. `state` is "changing" from the first step of a command to its last, else "ready"."""

    id: str
    root: str
    state: str = "changing"
    bridge: str = ""
    address: str = ""
    subnet: str = ""
    user: str = USER
    cache: str = field(default_factory=lambda: str(places.cache_dir()))
    hosts: dict[str, Host] = field(default_factory=dict)
    registry: Registry | None = None

    @property
    def folder(self) -> Path:
        """Return the folder of the lab."""
        return places.state_dir() / self.id

    @property
    def key(self) -> Path:
        """Return the private key of the lab's users."""
        return self.folder / "ssh" / "key"

    @property
    def known_hosts(self) -> Path:
        """Return the known_hosts file with the key of every host."""
        return self.folder / "ssh" / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        """Return the file for `ssh -F`, with every host by name."""
        return self.folder / "ssh" / "config"

    @property
    def signing_key(self) -> Path:
        """Return the private key that bundles for the lab's hosts are signed with."""
        return self.folder / "ssh" / "signing_key"

    @property
    def allowed_signers(self) -> Path:
        """Return the file that says whose bundles the lab's hosts take: those signed with the lab's key."""
        return self.folder / "ssh" / "allowed_signers"

    def begin(self) -> None:
        """Mark the lab as changing, before the first thing that changes."""
        self.state = "changing"
        self.save()

    def save(self) -> None:
        """Write the description in one step, so that readers see the former or the new one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        data = {"schema_version": SCHEMA_VERSION, **asdict(self)}
        data |= {"ssh_key": str(self.key), "known_hosts": str(self.known_hosts), "ssh_config": str(self.ssh_config)}
        data |= {"signing_key": str(self.signing_key), "allowed_signers": str(self.allowed_signers)}
        beside = self.folder / "lab.json.new"
        beside.write_text(json.dumps(data, indent=2) + "\n")
        beside.chmod(0o644)
        beside.replace(self.folder / "lab.json")


def load(lab: str) -> Lab | None:
    """Read the description of a lab, None when there is none or it cannot be read.

    Another checkout may have written it with an older or newer staithe: what is missing gets its default, what is
    unknown is passed over.
    """
    try:
        data: dict[str, Any] = json.loads((places.state_dir() / lab / "lab.json").read_text())
        hosts = {name: _build(Host, entry) for name, entry in data["hosts"].items()}
        registry = _build(Registry, data["registry"]) if data.get("registry") else None
        return _build(Lab, {**data, "hosts": hosts, "registry": registry})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _build(kind: type[_T], data: dict[str, Any]) -> _T:
    known = {f.name for f in fields(kind)}
    values = {name: value for name, value in data.items() if name in known}
    for name in ("keeper", "process"):
        if name in values:
            values[name] = Process(**values[name])
    return kind(**values)


def running() -> Lab:
    """Return this checkout's lab; LabError when it does not run."""
    lab = load(places.lab_id())
    if lab is None or not any(host.keeper.alive() for host in lab.hosts.values()):
        raise LabError("no lab is running for this checkout", hint="staithe lab up 3")
    return lab


def owner() -> tuple[int, int]:
    """Return uid and gid of whoever called, also through sudo."""
    return int(os.environ.get("SUDO_UID", os.getuid())), int(os.environ.get("SUDO_GID", os.getgid()))
