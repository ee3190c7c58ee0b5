"""Control groups of the lab: one tree per lab, `stl-<id>/<member>/{keeper,host}`, in each hierarchy.

Works on machines with version 2 only and on version 1 and hybrid machines. The two leaves are there for
version 2, where a group that hands on controllers may hold no process itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from staithe.errors import LabError
from staithe.lab import places

_MOUNT = Path("/sys/fs/cgroup")
LEAVES = ("keeper", "host")


def hierarchies(mounts: str | None = None) -> list[Path]:
    """Return the mount point of each control group hierarchy; `mounts` is /proc/self/mounts."""
    text = Path("/proc/self/mounts").read_text() if mounts is None else mounts
    fields = [line.split() for line in text.splitlines()]
    points = {Path(f[1]) for f in fields if f[2] in ("cgroup", "cgroup2") and Path(f[1]).is_relative_to(_MOUNT)}
    if not points:
        raise LabError("no control groups are mounted", where=str(_MOUNT), hint="mount | grep cgroup")
    return sorted(points)


def is_v2(points: Iterable[Path]) -> bool:
    """Tell whether the machine has version 2 only."""
    return list(points) == [_MOUNT]


def make(lab: str, member: str) -> list[Path]:
    """Make the groups of one member of the lab and return one folder per hierarchy."""
    points = hierarchies()
    made = []
    for point in points:
        top = point / places.bridge_name(lab)
        for group in (top, top / member, *(top / member / leaf for leaf in LEAVES)):
            group.mkdir(exist_ok=True)
            _inherit_cpuset(group)
        if (point / "cgroup.controllers").exists() and is_v2(points):
            for group in (point, top, top / member):
                _hand_on_controllers(group)
        made.append(top / member)
    return made


def _inherit_cpuset(group: Path) -> None:
    """Give a version 1 cpuset the cpus of its parent: it starts with none, and no process may join."""
    if not (group / "cgroup.clone_children").exists() or not (group / "cpuset.cpus").exists():
        return
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not (group / name).read_text().strip():
            (group / name).write_text((group.parent / name).read_text())
    (group / "cgroup.clone_children").write_text("1")


def _hand_on_controllers(group: Path) -> None:
    available = set((group / "cgroup.controllers").read_text().split())
    enabled = set((group / "cgroup.subtree_control").read_text().split())
    for controller in sorted(available - enabled):
        # One by one: a controller that cannot be had (cpu with realtime processes) must not cost the others.
        with contextlib.suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def _trees(lab: str, member: str | None) -> Iterator[Path]:
    for point in hierarchies():
        top = point / places.bridge_name(lab)
        tree = top if member is None else top / member
        if tree.is_dir():
            yield tree


def labs() -> set[str]:
    """Return the ids of all labs that have control groups on this machine."""
    found = {path.name for point in hierarchies() for path in point.glob(f"{places.PREFIX}*") if path.is_dir()}
    return {name.removeprefix(places.PREFIX) for name in found}


def members(lab: str) -> set[str]:
    """Return the names of the members of a lab that have control groups."""
    return {path.name for tree in _trees(lab, None) for path in tree.iterdir() if path.is_dir()}


def processes(lab: str, member: str | None = None) -> set[int]:
    """Return the processes in the groups of a lab or of one of its members."""
    found: set[int] = set()
    for tree in _trees(lab, member):
        for folder, _, _ in os.walk(tree):
            with contextlib.suppress(OSError):
                found.update(int(word) for word in Path(folder, "cgroup.procs").read_text().split())
    return found - {0}


def kill(lab: str, member: str | None = None, *, within_s: float = 15) -> None:
    """End every process in the groups of a lab or member, and wait until they are gone."""
    deadline = time.monotonic() + within_s
    while pids := processes(lab, member):
        for pid in pids:
            _kill_if_member(pid, lab)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # a keeper that this very process started would stay a zombie
        if time.monotonic() > deadline:
            raise LabError(f"processes of the lab do not end: {sorted(pids)}", hint="staithe lab prune")
        time.sleep(0.005)


def _kill_if_member(pid: int, lab: str) -> None:
    """Send SIGKILL to a process that is still the lab's: the number may have been given to another since."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if f"/{places.bridge_name(lab)}/" in Path(f"/proc/{pid}/cgroup").read_text():
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def remove(lab: str, member: str | None = None) -> None:
    """Remove the groups of a lab or member; their processes are gone already."""
    for tree in _trees(lab, member):
        for folder, _, _ in os.walk(tree, topdown=False):
            for _attempt in range(100):
                try:
                    Path(folder).rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)  # a dying process still counts for a moment
                else:
                    break
