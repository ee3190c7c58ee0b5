"""Commands on this machine itself (@local), with what commands over SSH have: streamed input, limits, a held one."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterable
from typing import IO

from staithe.errors import CommandFailed, CommandKilled, CommandTimeout
from staithe.ssh import Completed, Question, Reader, with_answer


def execute(
    command: str, *, stdin: Iterable[bytes], question: Question | None = None, timeout_s: float, limit_bytes: int
) -> Completed:
    """Run one command, streaming `stdin` into it, and then the answer to what it asks.

    Raises CommandTimeout, CommandKilled; CommandFailed when a stream has more than `limit_bytes`, which ends it.
    """
    began = time.monotonic()
    process = _start(command)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    read = (process.stdout.read1, process.stderr.read1)  # type: ignore[attr-defined]
    out, err = readers = [Reader(one, limit_bytes, process.kill) for one in read]
    for reader in readers:
        reader.start()
    deadline = began + timeout_s
    try:
        _write(process.stdin, with_answer(stdin, question, out, deadline))
        exit_code = process.wait(max(0.1, deadline - time.monotonic()))
    except (subprocess.TimeoutExpired, TimeoutError) as error:
        process.kill()
        raise CommandTimeout(f"no end after {timeout_s:.0f} s", hint="staithe logs @local") from error
    except BaseException:
        # Whoever feeds stdin stopped in the middle. A process of root's cannot be killed; it sees its input end.
        for end in (process.stdin.close, process.kill):
            with contextlib.suppress(OSError):
                end()
        raise
    for reader in readers:
        # What the command left at work may hold its streams open.
        reader.join(2.0)
    if out.flooded or err.flooded:
        raise CommandFailed(
            "a command printed more than any of staithe's does, and was ended",
            found=f"more than {limit_bytes >> 20} MiB",
            hint="staithe logs @local",
        )
    if exit_code < 0:
        raise CommandKilled("a command was ended by a signal", found=f"signal {-exit_code}", hint="dmesg | tail")
    return Completed(exit_code, out.data, err.data, time.monotonic() - began)


class Held:
    """A command that runs until it is let go; it gets a byte every `beat_s`."""

    def __init__(self, process: subprocess.Popen[bytes], beat_s: float) -> None:
        self._process = process
        self._beat_s = beat_s
        self._released = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        assert self._process.stdin is not None
        while not self._released.wait(self._beat_s):
            try:
                self._process.stdin.write(b".")
                self._process.stdin.flush()
            except (OSError, ValueError):
                return

    @property
    def is_over(self) -> bool:
        """Whether it has ended by itself."""
        return self._process.poll() is not None

    def release(self) -> None:
        """Close its input, which ends it."""
        self._released.set()
        try:
            # What it says in the end is nobody's business.
            self._process.communicate(timeout=2.0)
        except (subprocess.TimeoutExpired, OSError, ValueError):
            self._process.kill()


def hold(command: str, *, stdin: bytes, beat_s: float) -> tuple[Held, str]:
    """Start a command that stays, and return it with the first line that it says (or its last words on stderr)."""
    process = _start(command)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    process.stdin.write(stdin)
    process.stdin.flush()
    said = process.stdout.readline() or process.stderr.read()
    lines = said.decode("utf-8", "replace").splitlines()
    return Held(process, beat_s), lines[0].strip() if lines else ""


def _start(command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _write(stream: IO[bytes], stdin: Iterable[bytes]) -> None:
    try:
        for data in stdin:
            stream.write(data)
            # Whatever Python's buffer holds: what comes next may wait for the answer to this.
            stream.flush()
        stream.close()
    except BrokenPipeError:
        # A command that ended early closes its input: its exit code and stderr say why.
        return
