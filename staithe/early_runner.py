"""Starts a runner before anybody needs it: it loads pyinfra while this process loads what it needs itself.

Imports little, and nothing but the standard library, for that is the point. A runner that is never taken ends with
this process, because its stdin closes.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
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
        path = folder / f".runner-{os.urandom(8).hex()}.log"
        # Appended to: several runners may share the log.
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return
    _waiting.append((spawn(log), path))
    os.close(log)
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
