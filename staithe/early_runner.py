"""Starts a runner before anybody needs it: it loads pyinfra while this process loads what it needs itself.

Imports nothing but the standard library, for that is the point. A runner that is never taken ends with this process,
because its stdin closes.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from staithe.runs_folder import runs_folder

_waiting: list[tuple[subprocess.Popen[bytes], Path]] = []
# Folders that were made for the log, innermost first.
_made: list[Path] = []


def spawn(stderr: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start a runner process that waits for its first line."""
    return subprocess.Popen(
        [sys.executable, "-m", "staithe.runner"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        # A session of its own: Ctrl-C in the terminal is for the CLI, which then tells the runner what to do.
        start_new_session=True,
    )


def start() -> None:
    """Start a runner for `take`; nothing when its log cannot be written, which is told when the run begins."""
    folder = runs_folder()
    _made.extend(one for one in (folder, *folder.parents) if not one.exists())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=".runner-", suffix=".log", dir=folder)
    except OSError:
        return
    os.close(number)
    # Appended to: several runners may share the log.
    with Path(name).open("ab") as log:
        _waiting.append((spawn(log), Path(name)))
    atexit.register(_forget)


def take(log: IO[bytes] | None) -> subprocess.Popen[bytes]:
    """Return the runner that was started, else a new one; what it writes to stderr is in the file `log`."""
    if not _waiting or log is None:
        return spawn(log or subprocess.DEVNULL)
    process, early_log = _waiting.pop()
    early_log.replace(log.name)
    # Runners that come later write through `log`, which must be that same file.
    with Path(log.name).open("ab") as same:
        os.dup2(same.fileno(), log.fileno())
    return process


def _forget() -> None:
    """End what nobody took, and leave nothing of it: the command found a mistake before it came to a run."""
    while _waiting:
        process, early_log = _waiting.pop()
        process.kill()
        process.wait()
        with contextlib.suppress(OSError):
            early_log.unlink()
            for folder in _made:
                folder.rmdir()
