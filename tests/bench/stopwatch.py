"""Runs a command and takes its time: wall, processor and memory, by the kernel's account."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PYTHON = sys.executable
STAITHE = str(Path(sys.executable).with_name("staithe"))


@dataclass(frozen=True)
class Lap:
    """One command that ended well."""

    wall_s: float
    # User and system time of the process and of all that it waited for.
    cpu_s: float
    # Of the largest of its processes.
    peak_mib: float
    out: str


def clock(command: Sequence[str], *, codes: tuple[int, ...] = (0,), folder: Path | None = None) -> Lap:
    """Run a command to its end; RuntimeError when it fails, for then there is nothing to measure."""
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder
    )
    assert process.stdout is not None
    out = process.stdout.read().decode("utf-8", "replace")
    # wait4 counts the processes that were waited for below it, too: the runner is one of those.
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode not in codes:
        raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}\n{out[-3000:]}")
    return Lap(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out)
