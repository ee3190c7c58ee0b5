"""Starts a runner before anybody needs it: it loads pyinfra while this process loads what it needs itself.

Until it is started nothing is imported but what Python has loaded anyway: subprocess and pathlib alone would be half
of the wait. A runner that is never taken ends with this process, because its stdin closes.
"""

from __future__ import annotations

import atexit
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO


class RunnerProcess:
    """A runner that waits for its first line on `stdin`; what it says is on `stdout`."""

    def __init__(self, stderr: int) -> None:
        """`stderr`: a file descriptor that the runner writes its log to."""
        its_stdin, stdin = os.pipe()
        stdout, its_stdout = os.pipe()
        streams = ((its_stdin, 0), (its_stdout, 1), (stderr, 2))
        try:
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-m", "staithe.runner"],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, ours, its) for ours, its in streams],
                # A session of its own: Ctrl-C in the terminal is for the CLI, which then tells the runner what to do.
                setsid=True,
            )
        except BaseException:
            os.close(stdin)
            os.close(stdout)
            raise
        finally:
            os.close(its_stdin)
            os.close(its_stdout)
        self.stdin: IO[bytes] = open(stdin, "wb")  # noqa: SIM115, PTH123 - there is no path
        self.stdout: IO[bytes] = open(stdout, "rb")  # noqa: SIM115, PTH123
        self._exit_code: int | None = None

    def wait(self) -> int:
        """Wait for its end and return its exit code, -N when signal N ended it."""
        if self._exit_code is None:
            _, status = os.waitpid(self.pid, 0)
            self._exit_code = os.waitstatus_to_exitcode(status)
        return self._exit_code

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        if self._exit_code is None:
            try:
                os.kill(self.pid, 9)
            except ProcessLookupError:
                # Another thread waits for it, and has not said yet that it is over.
                return


_waiting: list[tuple[RunnerProcess, str]] = []
# Folders that were made for the log, innermost first.
_made: list[str] = []


def start() -> None:
    """Start a runner for `take`; nothing when its log cannot be written, which is told when the run begins."""
    # As staithe.runs_folder has it, which needs pathlib.
    folder = os.environ.get("STAITHE_RUNS") or ".staithe/runs"
    try:
        _make(folder)
        path = os.path.join(folder, f".runner-{os.urandom(8).hex()}.log")  # noqa: PTH118
        # Appended to: several runners may share the log.
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return
    try:
        _waiting.append((RunnerProcess(log), path))
    finally:
        os.close(log)
    atexit.register(_forget)


def take(log: IO[bytes] | None) -> RunnerProcess:
    """Return the runner that was started, else a new one; what it writes to stderr is in the file `log`."""
    if log is None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            return RunnerProcess(nowhere)
        finally:
            os.close(nowhere)
    if not _waiting:
        return RunnerProcess(log.fileno())
    process, early_log = _waiting.pop()
    os.replace(early_log, log.name)  # noqa: PTH105
    # Runners that come later write through `log`, which must be that same file.
    same = os.open(log.name, os.O_WRONLY | os.O_APPEND)
    os.dup2(same, log.fileno())
    os.close(same)
    return process


def _make(folder: str) -> None:
    """Make a folder and those above it, taking note of them."""
    if not folder or os.path.isdir(folder):  # noqa: PTH112
        return
    _make(os.path.dirname(folder))  # noqa: PTH120
    try:
        os.mkdir(folder)  # noqa: PTH102
    except FileExistsError:
        # Another command of the same moment made it; a file in its place is found when the log is opened.
        return
    _made.insert(0, folder)


def _forget() -> None:
    """End what nobody took, and leave nothing of it: the command found a mistake before it came to a run."""
    while _waiting:
        process, early_log = _waiting.pop()
        process.kill()
        process.wait()
        try:
            os.unlink(early_log)  # noqa: PTH108
            for folder in _made:
                os.rmdir(folder)  # noqa: PTH106
        except OSError:
            pass
