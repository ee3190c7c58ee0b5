"""Taking labs away, from what the system itself shows: it does not trust any record to be complete.

Looks for control groups, links, nft tables, processes by their marker, mounts and folders that carry a lab's id.
`staithe lab down` is the same sweep for one lab.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from staithe.errors import LabError
from staithe.lab import cgroup, kernel, lock, network, places, state
from staithe.lab.command import run

_LOCK_WAIT_S = 2.0
_MARKER = re.compile(rb"/keeper\0(?:run\0|boot\0)?staithe-lab:([0-9a-f]{1,6}):[a-z0-9]+(?=\0)")


def _keepers() -> dict[int, str]:
    """Return {pid: lab id} of all keeper processes on the machine, known by the marker among their arguments."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            match = _MARKER.search((entry / "cmdline").read_bytes())
            if match:
                found[int(entry.name)] = match[1].decode()
    return found


def labs_on_machine() -> set[str]:
    """Return the ids of all labs of which anything is left on this machine."""
    found = cgroup.labs() | set(_keepers().values())
    for name in network.links():
        found.add(name.removeprefix(places.PREFIX).partition("h")[0])
    found |= {name.removeprefix(places.PREFIX) for name in network.tables()}
    if places.state_dir().is_dir():
        found |= {path.name for path in places.state_dir().iterdir() if path.is_dir()}
    return {lab for lab in found if places.is_lab_id(lab)}


def hosts_on_machine() -> int:
    """Return how many hosts run in all labs together."""
    return sum(1 for name in network.links() if "h" in name.removeprefix(places.PREFIX))


def in_order(lab_id: str) -> bool:
    """Tell whether a lab is one that somebody uses: its last command ended, its checkout is there, a host runs.

    Not every host must run: a test may have powered one off.
    """
    lab = state.load(lab_id)
    return (
        lab is not None
        and lab.state == "ready"
        and Path(lab.root).is_dir()
        and lab.bridge in network.links()
        and cgroup.members(lab_id) <= {*lab.hosts, "registry"}
        and any(host.keeper.alive() for host in lab.hosts.values())
    )


def prune(*, everything: bool = False) -> tuple[list[str], list[str]]:
    """Sweep every lab that is not in order (all of them with `everything`).

    Returns the ids of the labs that are gone, and of those on which another command is at work.
    """
    swept: list[str] = []
    busy: list[str] = []
    for lab_id in sorted(labs_on_machine()):
        if not everything and in_order(lab_id):
            continue
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(lock.held(places.run_dir() / f"{lab_id}.lock", wait_s=_LOCK_WAIT_S))
            except LabError:
                busy.append(lab_id)
                continue
            if everything or not in_order(lab_id):
                sweep(lab_id)
                (places.run_dir() / f"{lab_id}.lock").unlink()
                swept.append(lab_id)
    tidy()
    return swept, busy


def sweep(lab_id: str) -> None:
    """Take everything of one lab away; the caller holds its lock."""
    deadline = time.monotonic() + 15
    while keepers := [pid for pid, owner in _keepers().items() if owner == lab_id]:
        # A keeper that has not joined its control groups yet is found by its marker only.
        for pid in keepers:
            _end_keeper(pid, lab_id)
        if time.monotonic() > deadline:
            raise LabError(f"keepers of lab {lab_id} do not end: {keepers}", hint="staithe lab prune")
        time.sleep(0.005)
    cgroup.kill(lab_id)
    cgroup.remove(lab_id)
    network.remove(lab_id)
    folder = places.state_dir() / lab_id
    _unmount_below(folder)
    if folder.exists():
        # Renamed first: a half-deleted lab must not look like one.
        with contextlib.suppress(FileNotFoundError):
            (folder / "lab.json").unlink()
        shutil.rmtree(folder)


def _end_keeper(pid: int, lab_id: str) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.pidfd_open(pid)
        try:
            if _keepers().get(pid) == lab_id:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        finally:
            os.close(descriptor)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _unmount_below(folder: Path) -> None:
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in sorted((p for p in points if Path(p).is_relative_to(folder)), reverse=True):
        run(["umount", "--lazy", point], check=False)


def tidy() -> None:
    """After the last lab put the machine's settings back, and remove empty folders, locks and unfinished builds."""
    with lock.held(places.run_dir() / "machine.lock"):
        _remove_unfinished_builds()
        labs = labs_on_machine()
        for path in places.run_dir().glob("*.lock"):
            if path.name != "machine.lock" and path.stem not in labs:
                _remove_if_free(path)
        if labs:
            return
        kernel.put_back_inotify_limit()
        cgroup.put_back_controllers()
        (places.run_dir() / "machine.lock").unlink()
        for path in (places.run_dir(), places.state_dir()):
            with contextlib.suppress(OSError):
                path.rmdir()


def _remove_if_free(path: Path) -> None:
    with contextlib.suppress(LabError), lock.held(path, wait_s=0):
        path.unlink()


def _remove_unfinished_builds() -> None:
    work = places.cache_dir() / "tmp"
    if not work.is_dir():
        return
    for kind in ("base", "kernel", "artifacts", "skopeo", "firewalld", "dnf5"):
        with contextlib.suppress(LabError), lock.held(places.cache_dir() / f"{kind}.lock", wait_s=0):
            for path in work.glob(f"{kind}-*"):
                shutil.rmtree(path)
    with contextlib.suppress(OSError):
        work.rmdir()


def purge_cache() -> None:
    """Delete everything that was built once for all labs; refused while any lab runs on it."""
    users = [lab_id for lab_id in sorted(labs_on_machine()) if _uses_cache(lab_id)]
    if users:
        raise LabError(f"labs still use the cache: {', '.join(users)}", hint="staithe lab prune --all --purge")
    if places.cache_dir().exists():
        subprocess.run(["rm", "-rf", "--one-file-system", "--", str(places.cache_dir())], check=True)


def _uses_cache(lab_id: str) -> bool:
    lab = state.load(lab_id)
    return lab is None or lab.cache == str(places.cache_dir())
