"""One host of the lab: made ready, started, waited for, ended."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from staithe.errors import LabError
from staithe.lab import cgroup, identity, network, places
from staithe.lab.base import recipe
from staithe.lab.state import Host, Lab, Process

CGROUP_MODES = {"auto": None, "hybrid": None, "v1": "0", "v2": "1"}
_BOOT_LIMIT_S = 60.0
_OUTER = ("docker", "containerd", "data")


@dataclass(frozen=True)
class Order:
    """What a host shall be: `lower` are its read-only folders, topmost first."""

    name: str
    image: str
    cgroup: str
    lower: Sequence[Path]


def folder(lab: str, name: str) -> Path:
    """Return the folder of a host."""
    return places.state_dir() / lab / "hosts" / name


def _signal_folder(lab: str, name: str) -> Path:
    """Return the folder that a host reports its state to; apart from the rest, because any user may read it."""
    return places.state_dir() / lab / "signal" / name


def start(lab: Lab, order: Order) -> Host:
    """Start a host and return at once: on the disk of a former one if that is still there, else on a new one."""
    subnet = network.Network(lab.subnet)
    ip = network.address_of(subnet, places.host_number(order.name))
    home = folder(lab.id, order.name)
    if not home.exists():
        for part in ("work", "root", *_OUTER):
            (home / part).mkdir(parents=True)
        home.parent.chmod(0o700)
        _write_upper(lab, order.name, ip, home / "upper")
    signal = _signal_folder(lab.id, order.name)
    signal.mkdir(parents=True, exist_ok=True)
    _put(signal / "lab-init", recipe("lab-init"), 0o755)
    (home / "keeper").write_text(recipe("keeper"))
    groups = cgroup.make(lab.id, order.name)
    settings = {
        "LAB_DIR": str(home),
        "LAB_SIGNAL": str(signal),
        "LAB_HOST": order.name,
        "LAB_LOWER": ":".join(str(path) for path in order.lower),
        "LAB_CGROUPS": " ".join(str(group) for group in groups),
        "LAB_LINK": places.link_name(lab.id, order.name),
        "LAB_BRIDGE": lab.bridge,
        "LAB_MAC": network.mac_of(ip),
        "LAB_CIDR": f"{ip}/{subnet.prefixlen}",
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
        "SYSTEMD_NSPAWN_USE_CGNS": "1",
    }
    unified = CGROUP_MODES[order.cgroup]
    if unified is not None:
        settings["SYSTEMD_NSPAWN_UNIFIED_HIERARCHY"] = unified
    pid = spawn_keeper(home / "keeper", ["run", places.marker(lab.id, order.name)], settings, home / "console.log")
    return Host(order.name, ip, order.image, order.cgroup, Process.of(pid))


def spawn_keeper(script: Path, argv: Sequence[str], settings: dict[str, str], log: Path) -> int:
    """Start a process that outlives this one, holds none of its files, and has a mount namespace of its own."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "--", "sh", str(script), *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **settings},
            cwd="/",
            start_new_session=True,
        )
    process.returncode = 0  # not ours to wait for: no warning when the object goes
    return process.pid


def _write_upper(lab: Lab, name: str, ip: str, upper: Path) -> None:
    """Write what tells this host from the others into its upper layer."""
    private, public = identity.host_key(lab, name)
    _put(upper / "etc/hostname", f"{name}\n")
    _put(upper / "etc/hosts", f"127.0.0.1 localhost\n{ip} {name}\n{lab.address} lab\n")
    _put(upper / "etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444)
    _put(upper / "etc/ssh/ssh_host_ed25519_key", private, 0o600)
    _put(upper / "etc/ssh/ssh_host_ed25519_key.pub", public)
    authorized = identity.user_key(lab)
    for user, uid in (("ops", 1000), ("clerk", 1001), ("guest", 1002)):
        home = upper / "home" / user
        _put(home / ".ssh/authorized_keys", authorized, 0o600)
        for path in (home, home / ".ssh", home / ".ssh/authorized_keys"):
            os.chown(path, uid, uid)
        home.chmod(0o700)
        (home / ".ssh").chmod(0o700)
    _put(upper / "root/.ssh/authorized_keys", authorized, 0o600)
    (upper / "root").chmod(0o700)
    (upper / "root/.ssh").chmod(0o700)


def _put(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def wait(lab: str, host: Host) -> str:
    """Wait until the host has booted and sshd answers; return systemd's word for its state."""
    home = folder(lab, host.name)
    deadline = time.monotonic() + _BOOT_LIMIT_S
    while time.monotonic() < deadline:
        state = _read(_signal_folder(lab, host.name) / "state")
        if state and _ssh_answers(host.ip):
            return state
        if not host.keeper.alive():
            break
        time.sleep(0.02)
    log = _read(home / "console.log").splitlines()[-8:]
    raise LabError(
        f"{host.name} did not boot: " + "\n".join(log or ["(it said nothing)"]),
        where=str(home / "console.log"),
        hint="staithe lab prune",
    )


def system_state(lab: str, host: Host) -> str:
    """Return systemd's word for the host's state at the end of its boot, "dead" or "booting"."""
    if not host.keeper.alive():
        return "dead"
    return _read(_signal_folder(lab, host.name) / "state") or "booting"


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _ssh_answers(ip: str) -> bool:
    try:
        with socket.create_connection((ip, 22), timeout=1) as connection:
            connection.settimeout(2)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def cut_power(lab: str, name: str) -> None:
    """End a host at once; its disk stays."""
    cgroup.kill(lab, name)
    cgroup.remove(lab, name)
    shutil.rmtree(_signal_folder(lab, name), ignore_errors=True)


def stop(lab: str, name: str) -> Path | None:
    """End a host at once and return its former folder, moved out of the way for the caller to delete."""
    cut_power(lab, name)
    home = folder(lab, name)
    if not home.exists():
        return None
    trash = places.state_dir() / lab / "trash" / f"{name}-{time.monotonic_ns()}"
    trash.parent.mkdir(exist_ok=True)
    return home.rename(trash)


def discard(trash: Path | None) -> None:
    """Delete a former host's folder."""
    if trash is not None:
        shutil.rmtree(trash, ignore_errors=True)
