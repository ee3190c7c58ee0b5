"""Locks between processes: the kernel lets go of them however a process ends.

The tools that a command starts (staithe.lab.command) inherit its locks. So when the command is killed, a lock is
free only after the last tool has ended too, and whoever gets it next sees a system that holds still.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from staithe.errors import LabError

_HELD: set[int] = set()


def descriptors() -> tuple[int, ...]:
    """Return the descriptors of all locks that this process holds, for tools to inherit."""
    return tuple(_HELD)


@contextmanager
def held(path: Path, *, wait_s: float | None = None) -> Iterator[None]:
    """Hold the lock file at `path`; LabError when another process still holds it after `wait_s` (None: for ever)."""
    deadline = None if wait_s is None else time.monotonic() + wait_s
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            continue  # the last lab's end has just removed the folder
        _lock(descriptor, deadline)
        # The holder before us may have removed the file: then this lock is on nothing anybody else sees.
        try:
            same = path.stat().st_ino == os.fstat(descriptor).st_ino
        except FileNotFoundError:
            same = False
        if same:
            break
        os.close(descriptor)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        _HELD.add(descriptor)
        yield
    finally:
        _HELD.discard(descriptor)
        os.close(descriptor)


def _lock(descriptor: int, deadline: float | None) -> None:
    if deadline is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            owner = os.pread(descriptor, 20, 0).decode().strip()
            os.close(descriptor)
            raise LabError(
                "another command is at work on the lab", found=f"process {owner}", hint="wait for it and try again"
            ) from None
        return
